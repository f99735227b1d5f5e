// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"strings"
)

// flushPending decides whether the pending name, if any, is a target. next is the token
// after the name.
func (p *parser) flushPending(next token) {
	if p.stmt.pending.end != 0 {
		p.decidePending(next)
	}
}

// decidePending is separate from flushPending so that flushPending can be inlined.
func (p *parser) decidePending(next token) {
	t := p.stmt.pending
	p.stmt.pending = token{}
	switch p.top.op {
	case kwDelete:
		p.table(t)
	case kwInsert, kwUpsert, kwReplace:
		switch next.kind {
		case tokenPunct:
			if p.lex.text[next.start] == '(' {
				p.table(t)
			}
		case tokenWord:
			switch next.kw {
			case kwValues, kwSelect, kwSet, kwDefault, kwWith, kwExec, kwExecute, kwOutput, kwTable:
				p.table(t)
			}
		}
	}
}

// dropPending drops the pending name, which is not a target.
func (p *parser) dropPending() {
	if p.stmt.pending.end != 0 {
		p.stmt.pending, p.stmt.qualifier = token{}, ""
	}
}

// table reads the token where a table is expected.
func (p *parser) table(tok token) {
	s, complete := p.qualified(tok)
	if !complete {
		return
	}
	p.top.expect = expectNothing
	if len(p.targets) > 0 && p.top.op == kwDelete && p.top.sawFrom {
		p.deletedSource(tok)
		return
	}
	p.top.into = true
	if p.isCTE(s) {
		return
	}
	if p.top.op == kwUpdate || p.top.op == kwDelete {
		if p.lex.d == MySQL && p.top.op == kwDelete && !p.top.nested {
			p.deletedTarget(s)
		}
		p.stmt.target, p.summary.target = s, len(p.summary.buf)
	}
	p.summary.add(s)
	p.collect(s)
}

// source reads a name in the FROM after the target of UPDATE or DELETE. If the target
// turns out to be an alias, as in SQL Server's UPDATE b SET x = 1 FROM blogs AS b, the
// table replaces it.
func (p *parser) source(tok token) {
	if p.stmt.aliased.end == 0 {
		p.stmt.aliased = tok
		return
	}
	if alias := p.textOf(tok); len(alias) != len(p.stmt.target) || !strings.EqualFold(alias, p.stmt.target) {
		return
	}
	s := p.textOf(p.stmt.aliased)
	p.summary.replaceTarget(p.stmt.target, s)
	if i := slices.Index(p.collections, p.stmt.target); i >= 0 {
		p.collections = slices.Delete(p.collections, i, i+1)
		if !slices.Contains(p.collections, s) {
			p.collections = slices.Insert(p.collections, i, s)
		}
	}
	p.stmt.target, p.top.sources = "", false
}

// maxCollections limits the work of keeping the collections distinct.
const maxCollections = 64

// collect adds a collection if it is new.
func (p *parser) collect(s string) {
	if p.analyze && len(p.collections) < maxCollections && !slices.Contains(p.collections, s) {
		p.collections = append(p.collections, s)
	}
}

// name reads an identifier.
func (p *parser) name(tok token) {
	if p.script.done || p.stmt.skip || tok.kind != tokenWord && p.stmt.skips() {
		return
	}
	f := p.top
	p.flushPending(tok)
	switch f.expect {
	case expectTable, expectWritten, expectInto, expectTruncated, expectLocked:
		p.table(tok)
	case expectInserted, expectDeleted:
		if p.dotFollows(tok.end) || p.stmt.qualifier != "" && p.lex.at(tok.end) == '.' {
			if _, complete := p.qualified(tok); !complete {
				return
			}
		}
		p.stmt.pending = tok
		f.expect = expectNothing
	case expectObject:
		p.object(tok)
	case expectKind:
		if p.prev.kind != tokenPunct {
			f.expect = expectNothing
		}
	case expectTarget, expectSequence:
		p.summary.add(p.textOf(tok))
		f.expect = expectNothing
		p.stmt.using = p.stmt.using || f.op == kwPragma && isKeyPragma(p.textOf(tok))
	case expectProcedure:
		p.procedure(tok)
	case expectCTE:
		p.define(tok)
		f.expect = expectNothing
	case expectTransaction:
		f.expect = expectNothing
		if f.op == kwBegin {
			p.beginBlock()
			p.name(tok)
		}
	case expectNothing:
		switch {
		case !f.sources:
		case !p.stmt.named:
			p.source(tok)
		case p.stmt.aliased.end != 0:
			p.deletedAlias(tok)
		}
		if f.op == kwInsert && f.into && p.lex.d == Generic {
			p.insertedFormat(tok)
		}
		switch {
		case f.op == kwNone:
			p.firstName(tok)
		case f.op == kwIf && !f.nested && p.triggerFollows(tok):
			p.triggerState(tok)
		}
	}
}

// firstName reads an identifier that begins a statement or a level of parentheses.
func (p *parser) firstName(tok token) {
	f := p.top
	s, complete := p.qualified(tok)
	if !complete {
		return
	}
	f.op = kwOther
	switch {
	case f.params:
		p.declare(tok)
	case f.nested:
	case !p.script.block:
		p.unknownVerb(tok, s)
	case p.script.declares:
		p.declare(tok)
	case strings.EqualFold(s, "BATCH"), strings.EqualFold(s, "UNLOGGED"), strings.EqualFold(s, "LOGGED"), strings.EqualFold(s, "COUNTER"):
		if p.prev.kw == kwBegin || f.batch {
			f.op, f.batch = kwIf, true // CQL's first statement follows
		}
	case strings.EqualFold(s, "TRY"), strings.EqualFold(s, "CATCH"), strings.EqualFold(s, "ATOMIC"):
		f.op = kwNone // BEGIN TRY
	case strings.EqualFold(s, "FORALL"):
		f.op = kwIf // the statement to repeat follows
	case p.isLocal(s), p.assigns() && (isBuiltIn(s) || isSequence(s)), equalWord("RAISE_APPLICATION_ERROR", s):
	case p.peek(tok.end) == ':':
		p.assigned(tok)
	case p.isCall(tok):
		if p.peek(tok.end) == '(' && s == p.textOf(tok) {
			p.stmt.call, p.stmt.calls = tok, true // a call if no := follows
			return
		}
		p.called(s)
	}
}

// unknownVerb reads a name s that begins a statement outside of blocks.
func (p *parser) unknownVerb(tok token, s string) {
	f := p.top
	switch {
	case equalWord("WHILE", s):
		f.op, p.script.branches = kwIf, true
	case equalWord("MODIFY", s): // Teradata's MODIFY USER
		p.stmt.secret = true
	case equalWord("CONN", s): // SQL*Plus
		p.stmt.verb, p.stmt.secret, p.stmt.using, p.stmt.skip = kwConnect, true, true, true
	case p.triggerFollows(tok):
		p.triggerState(tok)
	case p.lex.d == SQLServer && !isVerb(s) || p.lex.d == Generic && len(s) > len("sp_") && equalFoldASCII("SP_", s[:len("sp_")]):
		// A procedure that begins a batch needs no EXEC.
		if c := p.peek(tok.end); c != ':' && c != '(' {
			p.stmt.arguments, p.stmt.procedure = true, tok.start
		}
	}
}

// triggerFollows reports whether a word is the verb of SQL Server's ENABLE TRIGGER or
// DISABLE TRIGGER.
func (p *parser) triggerFollows(tok token) bool {
	s := p.textOf(tok)
	return p.lex.d == SQLServer && (equalWord("ENABLE", s) || equalWord("DISABLE", s)) && p.nextWord(tok.end) == kwTrigger
}

// triggerState reads the verb of ENABLE TRIGGER or DISABLE TRIGGER.
func (p *parser) triggerState(tok token) {
	p.operation(tok, strings.ToUpper(p.textOf(tok))+" TRIGGER", false)
	p.top.op, p.top.expect, p.stmt.ddl = kwDrop, expectKind, true
}

// isVerb reports whether a word that is not a keyword here begins a statement of SQL
// Server or separates batches.
func isVerb(s string) bool {
	switch len(s) {
	case 2, 3, 4, 5, 6, 7, 8, 9, 10:
		for _, w := range [...]string{
			"GO", "ADD", "GET", "SAVE", "SEND", "GOTO", "BREAK", "RETURN", "REVERT", "ENABLE", "DISABLE", "RECEIVE", "SETUSER", "CONTINUE",
			"READTEXT", "WRITETEXT", "UPDATETEXT", "LINENO",
		} {
			if equalWord(w, s) {
				return true
			}
		}
	}
	return false
}

// assigns reports whether the last token is the := of an assignment.
func (p *parser) assigns() bool {
	return p.prev.kind == tokenPunct && p.prev.end-p.prev.start == 2 && p.lex.text[p.prev.start] == ':' && p.lex.text[p.prev.end-1] == '='
}

// qualified returns the whole name that ends with tok. Blanks and comments may surround
// its dots and the @ of its database link. If another part follows, the name is not
// complete.
func (p *parser) qualified(tok token) (name string, complete bool) {
	s := p.textOf(tok)
	c := p.lex.at(tok.end)
	if p.stmt.qualifier == "" && c != '.' && (c != '@' || p.lex.d != Oracle) && !p.dotFollows(tok.end) {
		return s, true
	}
	s = p.stmt.qualifier + s
	dot := p.lex.skipBlanks(tok.end)
	if p.linkFollows(dot) && len(s) <= maxQualifier {
		p.stmt.qualifier = s + "@"
		return "", false
	}
	if p.lex.at(dot) != '.' || p.peek(dot+1) == '*' || isDigit(p.lex.at(dot+1)) && p.lex.d != MySQL || len(s) > maxQualifier {
		p.stmt.qualifier = ""
		return s, true
	}
	p.stmt.qualifier = s + "."
	return "", false
}

// maxQualifier is the maximum total length of the parts of a name in bytes. It limits the
// work of joining them.
const maxQualifier = 1024

// dotFollows reports whether there are blanks or comments at i, and after them a dot or
// the @ of a database link.
func (p *parser) dotFollows(i int) bool {
	switch p.lex.at(i) {
	case ' ', '\n', '\t', '\r', '-', '/', '#':
		c := p.peek(i)
		return c == '.' || c == '@' && p.lex.d == Oracle
	}
	return false
}

// linkFollows reports whether the byte at i is the @ of a database link, which the lexer
// has not read as a part of the name because of blanks or comments.
func (p *parser) linkFollows(i int) bool {
	if p.lex.at(i) != '@' || p.lex.d != Oracle || p.top.expect == expectNothing || p.top.expect == expectProcedure {
		return false
	}
	i = p.lex.skipBlanks(i + 1)
	return p.lex.identStart(i) > 0 || p.lex.at(i) == '"'
}

// isCall reports whether a name at the start of a statement in a block calls a procedure.
func (p *parser) isCall(tok token) bool {
	switch s := p.textOf(tok); len(s) {
	case 4, 5, 6, 8, 9:
		for _, w := range [...]string{"EXIT", "RAISE", "RETURN", "CONTINUE", "EXCEPTION", "LEAVE", "WHILE", "ELSIF", "ELSEIF"} {
			if len(w) == len(s) && equalFoldASCII(w, s) {
				return false
			}
		}
	}
	switch p.peek(tok.end) {
	case '(', ';':
		return true
	}
	return false
}

// procedure reads the name of the procedure that is called.
func (p *parser) procedure(tok token) {
	if p.peek(tok.end) == '=' {
		p.top.expect = expectNothing
		return
	}
	s, complete := p.qualified(tok)
	if !complete {
		return
	}
	p.top.expect = expectNothing
	p.stmt.arguments, p.stmt.procedure = (p.lex.d == SQLServer || p.lex.d == Generic) && p.stmt.exec, tok.start
	p.summary.add(s)
	prepared := p.stmt.verb == kwExecute && (p.lex.d == PostgreSQL || p.lex.d == MySQL)
	if p.res.Procedure == "" && !prepared {
		p.res.Procedure = s
	}
}

// object reads the name of the object of a DDL statement.
func (p *parser) object(tok token) {
	f := p.top
	s, complete := p.qualified(tok)
	if !complete {
		return
	}
	f.expect = expectNothing
	f.into = true
	p.summary.add(s)
	if f.tables {
		p.collect(s)
	}
	if f.op != kwDrop && f.op != kwTruncate && f.op != kwRename {
		f.tables = false
	}
	p.script.done = p.stmt.body
}
