// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// role is the meaning of a word where a name is expected.
type role uint8

const (
	roleName    role = iota // the expected name, even if it is spelled like a keyword
	rolePart                // a word that may precede the name, such as ONLY
	roleKeyword             // a keyword that ends the expectation
)

// expected reads a word if the frame expects something. It reports whether it has handled
// the word; otherwise the word is a keyword.
func (p *parser) expected(tok token) bool {
	f, r := p.top, roleName
	switch f.expect {
	case expectNothing:
		return false
	case expectTable:
		r = p.tableRole(tok)
	case expectWritten:
		r = f.writtenRole(tok.kw, p.prev.kw)
		if p.isStatistics(tok) {
			p.summary.add(p.textOf(tok))
			p.res.Operation = "UPDATE STATISTICS"
			r = rolePart
		}
	case expectInserted:
		r = f.insertedRole(tok.kw, p.prev.kw)
	case expectInto:
		r = p.intoRole(tok)
	case expectDeleted:
		r = f.deletedRole(tok.kw)
	case expectKind:
		p.kind(tok)
		return true
	case expectObject:
		r = p.objectRole(tok)
	case expectTruncated:
		r = p.truncatedRole(tok)
	case expectLocked:
		r = p.lockedRole(tok)
	case expectProcedure:
		r = p.procedureRole(tok)
	case expectCTE:
		switch {
		case tok.kw == kwRecursive:
			r = rolePart
			p.forwardNames(tok.end)
		case tok.kw == kwSelect && p.prev.kind == tokenPunct && p.prev.end > 0 && p.lex.text[p.prev.start] == ';': // after WITH FUNCTION
			f.expect, r = expectNothing, roleKeyword
		case p.withFunction(tok):
			r = rolePart
		}
	case expectTransaction:
		r = p.transactionRole(tok)
	case expectSequence:
		if tok.kw == kwValue || tok.kw == kwFor {
			r = rolePart
		}
	}
	if r == roleName {
		p.asName(tok)
	}
	return r != roleKeyword
}

// isStatistics reports whether the word after UPDATE makes the statement an UPDATE
// STATISTICS of SQL Server or Sybase. Otherwise the word is the name of a table, which
// may have an alias.
func (p *parser) isStatistics(tok token) bool {
	if p.top.op != kwUpdate || p.prev.kw != kwUpdate || !equalWord("STATISTICS", p.textOf(tok)) || !p.nameFollows(tok.end) {
		return false
	}
	if p.lex.d != Generic {
		return p.lex.d == SQLServer
	}
	i := p.lex.skipBlanks(tok.end)
	next := p.nextWord(p.lex.identEnd(i + p.lex.identStart(i)))
	return next == kwNone || next == kwWith
}

// tableRole returns the role of a word in a list of tables.
func (p *parser) tableRole(tok token) role {
	f, kw := p.top, tok.kw
	switch kw {
	case kwNone:
		// DB2's FINAL TABLE (INSERT …), NEW TABLE and OLD TABLE.
		n := tok.end - tok.start
		if (n == 3 || n == 5) && isDelta(p.textOf(tok)) && p.nextWord(tok.end) == kwTable {
			return rolePart
		}
		if n == 2 && p.prev.kind == tokenPunct && p.lex.text[p.prev.start] == '{' && equalFoldASCII("OJ", p.textOf(tok)) { // JDBC's {oj …}
			return rolePart
		}
		if p.prev.kw == kwJoin && p.lex.d == Generic && p.nextWord(tok.end) == kwIn { // Cosmos DB's JOIN t IN c.tags
			f.expect = expectNothing
			return rolePart
		}
	case kwIn:
		if p.peek(tok.end) == '(' { // FROM Towel t, IN (t.rooms) r, of JPQL
			f.expect = expectNothing
			return rolePart
		}
	case kwTable:
		if isDelta(p.textOf(p.prev)) && p.peek(tok.end) == '(' {
			return rolePart
		}
		if f.parens && f.op == kwNone && p.nameFollows(tok.end) { // FROM (TABLE a)
			f.expect, f.tables = expectNothing, false
			return roleKeyword
		}
	case kwInsert, kwUpdate, kwDelete, kwMerge:
		if f.parens && f.op == kwNone && (kw != kwUpdate && kw != kwInsert || p.nextWord(tok.end) != kwNone || p.nameFollows(tok.end)) {
			f.expect, f.tables = expectNothing, false
			return roleKeyword
		}
	case kwFetch: // HQL's JOIN FETCH
		if p.prev.kw == kwJoin && p.nameFollows(tok.end) {
			return rolePart
		}
	case kwOnly, kwLateral:
		return rolePart
	case kwSelect, kwWith, kwValues:
		if f.parens || kw == kwSelect {
			f.expect, f.tables = expectNothing, false
			return roleKeyword
		}
	case kwWhere, kwOn, kwGroup, kwOrder, kwUnion, kwHaving, kwJoin:
		f.expect = expectNothing
		return roleKeyword
	}
	return roleName
}

// writtenRole returns the role of a word after UPDATE, MERGE or DELETE FROM.
func (f *frame) writtenRole(kw, prev keyword) role {
	switch kw {
	case kwOnly, kwLowPriority, kwIgnore, kwInto, kwOr, kwTop:
		return rolePart
	case kwSelect, kwWith, kwSet, kwWhere, kwUsing:
		f.expect = expectNothing
		return roleKeyword
	}
	if prev == kwOr { // UPDATE OR REPLACE
		return rolePart
	}
	return roleName
}

// insertedRole returns the role of a word between INSERT and INTO.
func (f *frame) insertedRole(kw, prev keyword) role {
	switch kw {
	case kwInto, kwOverwrite:
		f.expect = expectInto
		return rolePart
	case kwLowPriority, kwIgnore, kwOr, kwTop, kwInsert:
		return rolePart
	case kwAll, kwFirst:
		f.multi, f.expect = true, expectNothing
		return rolePart
	case kwSelect, kwValues, kwSet:
		f.expect = expectNothing
		return roleKeyword
	}
	if prev == kwOr { // INSERT OR REPLACE
		return rolePart
	}
	return roleName
}

// intoRole returns the role of a word after INTO.
func (p *parser) intoRole(tok token) role {
	switch tok.kw {
	case kwInto: // COPY INTO, INSERT OVERWRITE INTO
		return rolePart
	case kwOnly:
		if (p.top.op == kwLock || p.top.op == kwTable) && (p.nameFollows(tok.end) || p.peek(tok.end) == '(') {
			return rolePart
		}
	case kwTable:
		if p.top.parens && p.top.op == kwNone && p.nameFollows(tok.end) {
			p.top.expect = expectNothing
			return roleKeyword // COPY (TABLE a)
		}
		if p.nameFollows(tok.end) || p.top.op == kwInsert && p.nextWord(tok.end) == kwFunction {
			return rolePart
		}
	case kwSelect:
		p.top.expect = expectNothing
		return roleKeyword
	case kwWith, kwValues:
		if p.top.parens {
			p.top.expect = expectNothing
			return roleKeyword
		}
	case kwAll, kwFirst: // Snowflake's INSERT OVERWRITE ALL
		if p.prev.kw == kwOverwrite {
			p.top.multi, p.top.expect = true, expectNothing
			return rolePart
		}
	case kwNone: // Hive's INSERT OVERWRITE LOCAL DIRECTORY
		if p.top.op != kwInsert {
			break
		}
		if p.nextIs(tok.end, "DIRECTORY") {
			return rolePart
		}
		if c := p.peek(tok.end); (c == '\'' || c == '?' || c == '"') && equalWord("DIRECTORY", p.textOf(tok)) {
			p.top.expect = expectNothing
			return rolePart
		}
	case kwFunction: // ClickHouse
		if p.top.op == kwInsert && p.lex.d == Generic && p.nameFollows(tok.end) {
			return rolePart
		}
	}
	return roleName
}

// deletedRole returns the role of a word between DELETE and FROM.
func (f *frame) deletedRole(kw keyword) role {
	switch kw {
	case kwFrom:
		f.expect = expectWritten
		return rolePart
	case kwLowPriority, kwIgnore, kwTop, kwOnly:
		return rolePart
	case kwWhere:
		f.expect = expectNothing
		return roleKeyword
	}
	return roleName
}

// objectRole returns the role of a word where DDL names its object.
func (p *parser) objectRole(tok token) role {
	switch tok.kw {
	case kwIf, kwNot, kwExists, kwConcurrently, kwOnly:
		return rolePart
	case kwOn:
		if !p.stmt.log || p.top.into {
			p.top.expect = expectNothing
		}
		return rolePart
	case kwNone:
		if p.stmt.log && p.nextWord(tok.end) == kwOn { // FORCE ON
			return rolePart
		}
	}
	if p.secondKind(tok) {
		return rolePart
	}
	if s := p.textOf(tok); len(s) == 4 && equalFoldASCII("BODY", s) { // PACKAGE BODY
		return rolePart
	}
	return roleName
}

// truncatedRole returns the role of a word after TRUNCATE or RENAME.
func (p *parser) truncatedRole(tok token) role {
	switch tok.kw {
	case kwTable:
		p.top.tables = true
		return p.truncatedKind(tok, "TABLE")
	case kwOnly:
		return rolePart
	case kwCommand:
		if p.lex.d == Oracle && p.nameFollows(tok.end) && equalWord("CLUSTER", p.textOf(tok)) {
			return p.truncatedKind(tok, "CLUSTER")
		}
	}
	return roleName
}

// truncatedKind reads the kind of object after TRUNCATE.
func (p *parser) truncatedKind(tok token, kind string) role {
	p.summary.add(p.textOf(tok))
	if p.res.Operation == canonical[p.top.op] { // not that of an earlier statement
		p.res.Operation += " " + kind
	}
	p.top.expect = expectObject
	return rolePart
}

// lockedRole returns the role of a word after LOCK.
func (p *parser) lockedRole(tok token) role {
	switch tok.kw {
	case kwNone: // Teradata's LOCK ROW FOR ACCESS SELECT …
		if p.lex.d == Generic && p.nextWord(tok.end) == kwFor && equalWord("ROW", p.textOf(tok)) {
			p.top.expect = expectNothing
			return rolePart
		}
	case kwTable, kwTables:
		p.summary.add(p.textOf(tok))
		p.top.expect = expectInto
		return rolePart
	case kwOnly:
		if p.nameFollows(tok.end) {
			p.top.expect = expectInto
			return rolePart
		}
	}
	return roleName
}

// procedureRole returns the role of a word after CALL or EXECUTE.
func (p *parser) procedureRole(tok token) role {
	switch tok.kw {
	case kwNext: // CALL NEXT VALUE FOR
		p.top.expect = expectSequence
		return rolePart
	case kwProcedure:
		if p.nameFollows(tok.end) {
			return rolePart
		}
	case kwNone: // Firebird's EXECUTE BLOCK
		if next := p.nextWord(tok.end); p.lex.d == Generic && p.stmt.verb == kwExecute && equalWord("BLOCK", p.textOf(tok)) && (next == kwAs || p.peek(tok.end) == '(' || p.nextIs(tok.end, "RETURNS")) {
			p.summary.add(p.textOf(tok))
			p.script.block = true
			p.top.op, p.top.expect = kwEnd, expectNothing
			return rolePart
		}
	case kwAs: // SQL Server's EXECUTE AS USER = 'a'
		if p.lex.d == SQLServer {
			p.top.expect = expectNothing
			return rolePart
		}
	case kwImmediate:
		p.summary.add(p.textOf(tok))
		p.top.expect = expectNothing
		return rolePart
	}
	return roleName
}

// transactionRole returns the role of a word after BEGIN, COMMIT, ROLLBACK or START.
// A BEGIN that does not begin a transaction begins a block.
func (p *parser) transactionRole(tok token) role {
	f := p.top
	switch {
	case tok.kw == kwTransaction || tok.kw == kwTran:
		p.summary.add(p.textOf(tok))
	case tok.kw == kwElse, tok.kw == kwEnd && f.op != kwBegin, tok.kw != kwNone && tok.kw < kwTable && f.op != kwBegin && p.lex.d == SQLServer:
		f.expect = expectNothing
		return roleKeyword
	case f.op == kwBegin && !isTransactionMode(p.textOf(tok)):
		p.beginBlock()
		return roleKeyword
	}
	f.expect = expectNothing
	return rolePart
}

// nameFollows reports whether a name follows the word that ends at i. Otherwise the word
// itself may be the name.
func (p *parser) nameFollows(i int) bool {
	i = p.lex.skipBlanks(i)
	switch p.lex.at(i) {
	case '`', '"', '[':
		return true
	}
	n := p.lex.identStart(i)
	return n > 0 && keywordOf(p.lex.text[i:p.lex.identEnd(i+n)]) == kwNone
}

// isTransactionMode reports whether the word after BEGIN means that BEGIN starts a
// transaction.
func isTransactionMode(s string) bool {
	switch len(s) {
	case 4, 8, 9:
		return strings.EqualFold(s, "WORK") || strings.EqualFold(s, "READ") || strings.EqualFold(s, "DEFERRED") ||
			strings.EqualFold(s, "IMMEDIATE") || strings.EqualFold(s, "EXCLUSIVE") || strings.EqualFold(s, "ISOLATION") ||
			strings.EqualFold(s, "CONCURRENT")
	case 10:
		return strings.EqualFold(s, "CONCURRENT")
	}
	return false
}

// beginBlock records that BEGIN began a block, not a transaction.
func (p *parser) beginBlock() {
	p.script.block = true
	p.beginBody()
	p.top.op, p.top.expect = kwNone, expectNothing
}
