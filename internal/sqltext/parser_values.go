// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// literal reads a literal.
func (p *parser) literal(tok token) {
	p.flushPending(tok)
	switch {
	case p.top.expect == expectTable && (tok.kind == tokenString || tok.kind == tokenDouble) && !p.top.parens && p.namesTable() && p.listsTable():
		// The conventions' own example: SELECT * FROM "song list", 'artists'.
		p.table(tok)
	case tok.kind == tokenDouble && p.lex.d == MySQL && p.changesTable() && p.namesTable():
		p.name(tok)
	default:
		p.operand()
	}
	p.res.HasLiterals = true
	p.writer.literal(tok.start, tok.end)
}

// isValueWord reports whether a word is a value: TRUE or FALSE, or text without quotes as
// an argument of EXEC. Where a name is expected, TRUE and FALSE are names, and IS TRUE
// does not compare with a value.
func (p *parser) isValueWord(tok token) bool {
	if tok.kw != kwBoolean {
		return p.stmt.arguments && p.isArgument(tok)
	}
	if p.prev.kw == kwIs || p.prev.kw == kwAs || p.prev.kw == kwNot && p.prevKw == kwIs || p.prev.kind == tokenPunct && p.lex.text[p.prev.start] == '.' {
		return false
	}
	switch p.top.expect {
	case expectNothing, expectKind:
		return p.peek(tok.end) != '('
	}
	return false
}

// isArgument reports whether a word is text without quotes as an argument of EXEC in SQL
// Server. Such a word follows the procedure, a comma or the name of the argument.
func (p *parser) isArgument(tok token) bool {
	if len(p.frames) > 1 {
		return false
	}
	s := p.textOf(tok)
	switch p.prev.kind {
	case tokenPunct:
		switch p.lex.text[p.prev.start] {
		case '=', ',':
			return tok.kw != kwNull && tok.kw != kwDefault && tok.kw != kwBoolean
		}
		return false
	case tokenWord, tokenName, tokenAt:
		// The first argument, directly after the procedure. A word that can begin the
		// next statement is not an argument, since no semicolon is needed before it.
		if p.prev.start != p.stmt.procedure || !tok.kw.isText() {
			return false
		}
		for _, w := range [...]string{"GO", "OUTPUT", "OUT", "RETURN", "BREAK", "CONTINUE", "GOTO", "WHILE", "AT", "SAVE", "ENABLE", "DISABLE"} {
			if len(w) == len(s) && equalFoldASCII(w, s) {
				return false
			}
		}
		return true
	}
	return false
}

// operand reads a value, which may be where a name is expected. A literal and the
// placeholder that replaces it must have the same effect.
func (p *parser) operand() {
	f := p.top
	switch f.expect {
	case expectProcedure: // EXEC @result = name
	case expectKind: // DEFINER = 'root'@'localhost'
	case expectTransaction:
		if f.op == kwBegin {
			p.beginBlock()
		}
	default:
		if p.prev.kw != kwTop {
			f.expect = expectNothing
		}
	}
}

// changesTable reports whether only a table that the statement changes can stand here, so
// that "…" in MySQL is one under ANSI_QUOTES.
func (p *parser) changesTable() bool {
	switch p.top.expect {
	case expectWritten, expectInserted, expectInto, expectTruncated, expectLocked:
		return true
	case expectObject:
		return p.top.tables
	}
	return false
}

// namesTable reports whether a literal after FROM names a table.
func (p *parser) namesTable() bool {
	switch p.lex.d {
	case Generic, MySQL, SQLite:
		return !p.script.done && !p.stmt.skip && !p.lex.hashes
	}
	return false
}

// isIdentifier reports whether "…" is an identifier here. Depending on the dialect or a
// setting of the server, it can also be a literal.
func (p *parser) isIdentifier(tok token) bool {
	switch p.lex.d {
	case SQLServer, SQLite:
		// It can be a literal only where a value is allowed: in SQL Server if
		// QUOTED_IDENTIFIER is off, in SQLite if no column has that name.
		return !p.isValuePlace(tok)
	case Generic:
		switch p.top.expect {
		case expectTable:
			if !p.listsTable() {
				return false
			}
			fallthrough
		case expectWritten, expectInto, expectObject, expectLocked, expectTruncated, expectCTE:
			return !p.script.done && !p.stmt.skip && !p.stmt.skips() && !p.lex.hashes && strings.IndexByte(p.textOf(tok), '\\') < 0
		}
	}
	return false
}

// bind reads a bind variable or another variable.
func (p *parser) bind(tok token) {
	p.flushPending(tok)
	c := p.lex.text[tok.start]
	if c != '?' {
		p.writer.other()
	}
	switch tok.kind {
	case tokenBind:
		if c == '?' || c == '%' || !p.stmt.ddl || isDigit(p.lex.at(tok.start+1)) {
			p.res.HasBinds = true
		}
	case tokenAt:
		switch next := p.peek(tok.end); {
		case p.stmt.ddl, p.stmt.skip, p.lex.d == MySQL: // a variable of the session
		case p.stmt.exec && next == '=':
		case p.stmt.exec && p.top.expect == expectProcedure: // EXEC @procedure
			p.top.expect, p.script.atBinds = expectNothing, true
			p.stmt.arguments, p.stmt.procedure = true, tok.start
			return
		default:
			p.script.atBinds = true
		}
	}
	p.operand()
}
