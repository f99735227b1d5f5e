// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// word reads an unquoted word: a name where one is expected, otherwise a keyword.
func (p *parser) word(tok token) {
	if tok.kw == kwBetween {
		p.between(tok)
	}
	if p.script.done || p.stmt.skip {
		return
	}
	if p.stmt.skips() {
		p.skipWord(tok)
		return
	}
	if p.stmt.pending.end != 0 {
		if p.top.op == kwDelete && tok.kw == kwFrom {
			p.deletedFrom()
			return
		}
		p.flushPending(tok)
	}
	if p.expected(tok) {
		return
	}
	p.keyword(tok)
}

// asName reads a word as a name, even if it is spelled like a keyword.
func (p *parser) asName(tok token) {
	tok.kw = kwNone
	p.taken = true
	p.name(tok)
}

// keyword reads a word where no name is expected.
func (p *parser) keyword(tok token) {
	if p.lex.d == SQLServer && p.beginsNext(tok) {
		p.endStatement(tok.start)
		p.nextStatement()
	}
	f := p.top
	switch {
	case p.hidden == 0:
	case f.op == kwWith && tok.kw != kwNone && tok.kw <= kwTable:
		p.hidden &= f.outside() // the main query follows
	case tok.kw == kwUnion && p.lex.d == Generic:
		p.hidden = 0 // Db2 and others have recursion without RECURSIVE, after UNION
	}
	switch tok.kw {
	case kwNone, kwDate, kwOther:
		p.name(tok)
		return
	case kwReplace, kwLeft, kwRight, kwIf, kwInsert, kwValues, kwUser:
		if f.op == kwNone && p.script.block && p.assigns() { // a function
			f.op = kwOther
			return
		}
	case kwFor:
		if f.op == kwNone && p.script.block {
			p.declareNext(tok.end) // a loop's index
		}
	case kwProcedure, kwFunction:
		if f.op == kwNone && p.script.declares {
			p.declareNext(tok.end)
			f.op, p.script.subprogram = kwProcedure, true
			return
		}
	case kwTable:
		if !p.script.block && p.isTableStatement(tok) {
			p.tableStatement(tok)
			return
		}
	case kwFetch:
		if f.op == kwNone && !f.nested && !p.script.block {
			p.operation(tok, "FETCH", p.isMain())
			f.op = kwFetch
			return
		}
	case kwSelect:
		p.selects(tok)
		return
	case kwFrom:
		p.from(tok)
		return
	case kwInto:
		switch f.op {
		case kwInsert, kwReplace, kwUpsert, kwLoad:
			if f.multi || !f.into {
				f.expect = expectInto
			}
		case kwSelect:
			f.tables = false // variables follow
		}
		return
	case kwJoin:
		if p.prev.kw == kwFor {
			return // FORCE INDEX FOR JOIN
		}
		if p.isArrayJoin() {
			f.tables = false
			return
		}
		if len(p.targets) > 0 && f.op == kwDelete && f.sawFrom {
			f.expect, f.list = expectTable, tok.end
		}
		if f.op == kwSelect && f.sawFrom || f.parens {
			f.expect, f.list = expectTable, tok.end
		}
		p.stmt.aliased = token{}
		return
	case kwUsing:
		if f.op == kwDelete && p.lex.d == MySQL && f.into && !f.sawFrom && !f.nested {
			p.deletedUsing()
			return
		}
	case kwApply:
		if f.op == kwSelect && (p.prev.kw == kwCross || p.prev.kw == kwOuter) {
			f.expect, f.list = expectTable, tok.end
		}
		return
	case kwWith:
		if f.op != kwNone && p.peek(tok.end) == '(' { // SQL Server's INSERT INTO a WITH (TABLOCK)
			return
		}
		if f.op == kwNone || f.op == kwExplain || (f.op == kwInsert || f.op == kwReplace || f.op == kwUpsert) && f.into ||
			f.op == kwCreate && (p.prev.kw == kwAs || f.into && p.lex.d == MySQL && p.definesQuery(tok.end)) {
			f.op, f.expect, f.sawFrom = kwWith, expectCTE, false
			f.scope = uint8(len(p.ctes) + 1) //nolint:gosec // at most maxCTEs + 1
		}
		return
	case kwLateral:
		if p.nextWord(tok.end) == kwView {
			f.tables = false // LATERAL VIEW f(x) t AS a, b
		}
	case kwCase:
		if p.script.block && !f.nested && (f.op == kwNone && !p.assigns() || p.prev.kw == kwEnd) {
			f.op = kwOther // the CASE statement, whose THEN parts hold statements, or END CASE
			return
		}
		if f.cases < 255 {
			f.cases++
		}
	case kwEnd:
		switch {
		case f.cases > 0:
			f.cases--
		case f.nested:
		case p.script.block:
			f.op = kwEnd
			p.endBody(tok)
			return
		case f.op == kwNone && p.endsTransaction(tok.end):
			p.operation(tok, "END", false)
			f.op, f.expect = kwCommit, expectTransaction
			return
		}
	case kwThen, kwElse, kwLoop:
		switch {
		case f.cases > 0 || f.nested || tok.kw == kwLoop && p.prev.kw == kwEnd: // END LOOP
		case p.script.block && f.op != kwMerge:
			*f = frame{}
		case p.script.branches && tok.kw == kwElse:
			*f = frame{op: kwIf}
		}
		return
	}
	if tok.kw < kwTable && p.starts(tok.kw) {
		p.start(tok)
		return
	}
	if tok.kw == kwValues && f.op == kwInsert {
		f.whole = !f.multi
	}
	if tok.kw == kwInsert && f.op == kwCommand && p.stmt.verb == kwCommand && p.res.Operation == "BULK" {
		p.summary.add(p.textOf(tok))
		p.res.Operation = "BULK INSERT"
		f.op, f.expect = kwInsert, expectInto
		return
	}
	if tok.kw.endsTables() && !p.isIndexHint(tok.kw) && (tok.kw != kwFor || !p.isVersion(tok.end)) {
		f.tables, f.sources = false, false
	}
	if tok.kw == kwIf && (f.op == kwDeclare || f.op == kwSet) && !f.nested && p.lex.d == SQLServer {
		f.op = kwNone // DECLARE @a int = 1 IF …
	}
	if f.op == kwNone {
		switch {
		case tok.kw == kwIf && !f.nested:
			f.op, p.script.branches = kwIf, true
		case tok.kw == kwNot, tok.kw == kwExists:
		default:
			f.op = kwOther
		}
	}
}

// starts reports whether the keyword begins a statement here.
func (p *parser) starts(kw keyword) bool {
	f := p.top
	switch f.op {
	case kwNone:
		if f.nested {
			switch kw {
			case kwInsert, kwUpdate, kwDelete, kwMerge, kwValues:
				return true
			}
			return false
		}
		return true
	case kwWith, kwExplain:
		switch kw {
		case kwInsert, kwUpdate, kwDelete, kwMerge, kwReplace, kwCreate, kwValues:
			return true
		}
	case kwIf, kwSet, kwDeclare, kwEnd, kwExec, kwExecute, kwBegin, kwCommit, kwRollback:
		// Transact-SQL needs no semicolon between its statements.
		switch kw {
		case kwInsert, kwUpdate, kwDelete, kwMerge, kwExec, kwExecute:
			return !f.nested && (f.op == kwIf || f.op == kwSet || f.op == kwDeclare || f.op == kwEnd || p.lex.d == SQLServer)
		case kwBegin, kwSet, kwDrop, kwCreate, kwAlter, kwTruncate, kwCommit, kwRollback:
			return (f.op == kwIf || f.op == kwEnd) && !f.nested
		case kwCommand, kwGrant, kwRevoke, kwUse:
			return f.op == kwIf && !f.nested && p.lex.d == SQLServer
		}
	case kwProcedure: // declared in a block
		return kw == kwBegin && !f.nested
	case kwInsert:
		return (kw == kwExec || kw == kwExecute) && (f.into || p.lex.d == SQLServer) // INSERT @t EXEC …
	}
	return false
}

// operation adds an operation to the analysis. If it is the main operation of a statement
// with WITH, it replaces an earlier one.
func (p *parser) operation(tok token, name string, main bool) {
	if p.script.weak {
		p.summary.reset()
		p.res.Operation, p.script.weak = "", false
	}
	p.summary.add(p.textOf(tok))
	if p.res.Operation == "" || main {
		p.res.Operation = name
	}
}

// isMain reports whether an operation that begins here is the main operation of a
// statement with WITH.
func (p *parser) isMain() bool {
	return p.top.op == kwWith && !p.top.nested && !p.script.settled && !p.stmt.mainSeen && p.stmt.verb == kwNone
}

// selects reads SELECT.
func (p *parser) selects(tok token) {
	f := p.top
	if f.op == kwSelect && p.prev.kw == kwAs {
		return // an alias
	}
	if (f.op == kwCreate || f.op == kwAlter) && p.prev.kw == kwFor {
		return // CREATE POLICY p ON t FOR SELECT
	}
	if !f.nested {
		p.stmt.arguments = false
	}
	main := p.isMain()
	p.operation(tok, "SELECT", main)
	p.stmt.mainSeen = p.stmt.mainSeen || main
	*f = frame{op: kwSelect, nested: f.nested, cases: f.cases, whole: true, scope: f.scope}
}

// from reads FROM. A FROM clause begins a list of tables; FROM in EXTRACT or in IS
// DISTINCT FROM does not.
func (p *parser) from(tok token) {
	f := p.top
	if f.op == kwDelete && !f.into && f.expect != expectWritten { // CQL's DELETE a['b'] FROM
		p.deletedFrom()
		return
	}
	if f.op == kwCopy && p.nextIs(tok.end, "STDIN") {
		p.stmt.inline = true
	}
	if (f.op == kwUpdate || f.op == kwDelete) && p.stmt.target != "" && f.into && p.prev.kw != kwDistinct {
		f.sources, p.stmt.aliased = true, token{}
		return
	}
	switch {
	case f.op == kwNone && !f.nested:
		// HQL and DuckDB allow FROM without SELECT. It is added in upper or lower case,
		// like FROM.
		p.operation(token{}, "SELECT", false)
		if c := p.lex.text[tok.start]; c >= 'a' {
			p.summary.add("select")
		} else {
			p.summary.add("SELECT")
		}
		f.op = kwSelect
	case f.op != kwSelect || f.sawFrom || p.prev.kw == kwDistinct:
		if f.op == kwNone {
			f.op = kwOther
		}
		return
	}
	f.sawFrom, f.tables, f.expect, f.list = true, true, expectTable, tok.end
}

// start reads the keyword that begins a statement.
func (p *parser) start(tok token) {
	f, kw := p.top, tok.kw
	if p.script.block && !f.nested {
		switch kw {
		case kwBegin:
			if next := p.nextWord(tok.end); next == kwTran || next == kwTransaction {
				break
			}
			f.op = kwNone
			p.beginBody()
			return
		case kwDeclare:
			f.op, p.script.declares = kwNone, p.peek(tok.end) != '@'
			return
		case kwSet, kwCommand, kwPragma:
			f.op = kwOther
			return
		}
	}
	main := p.isMain()
	f.op, f.expect = kw, expectNothing
	if !f.nested {
		p.stmt.verb, p.stmt.arguments = kw, false
	}
	name := canonical[kw]
	if name == "" {
		name = strings.ToUpper(p.textOf(tok))
	}
	weak := false
	switch kw {
	case kwValues:
		if f.nested || main {
			return
		}
	case kwCommand:
		p.stmt.secret, p.stmt.using = name == "ADMINISTER", name == "ATTACH"
	case kwConnect, kwSensitive:
		p.stmt.secret, p.stmt.using, p.stmt.skip = true, true, true
		return
	case kwSet:
		weak = true
		p.stmt.secret = p.nextWord(tok.end) == kwPassword
	case kwDeclare:
		if p.peek(tok.end) == '@' {
			weak, p.script.declared = true, true
		} else {
			p.script.block, p.script.declares = true, true
		}
	}
	if weak && (p.res.Operation != "" || p.summary.full) {
		return
	}
	p.operation(tok, name, main)
	p.stmt.mainSeen = p.stmt.mainSeen || main
	p.script.weak = weak

	switch kw {
	case kwInsert, kwReplace, kwUpsert:
		f.expect = expectInserted
	case kwUpdate, kwMerge:
		f.expect = expectWritten
	case kwDelete:
		f.expect = expectDeleted
	case kwCreate, kwAlter, kwDrop:
		f.expect, p.stmt.ddl = expectKind, true
	case kwTruncate, kwRename:
		f.expect = expectTruncated
	case kwLock:
		f.expect = expectLocked
	case kwCall, kwExec, kwExecute:
		f.expect, p.stmt.exec = expectProcedure, kw != kwCall
	case kwBegin, kwCommit, kwRollback, kwStart:
		f.expect = expectTransaction
	case kwUse, kwPragma:
		f.expect = expectTarget
	case kwDescribe, kwDesc, kwCopy:
		f.expect = expectInto
	case kwShow, kwGrant, kwRevoke:
		p.stmt.skip = true
		p.stmt.secret = kw == kwGrant
	case kwDeclare:
		if p.script.block {
			f.op = kwNone
		}
	}
}
