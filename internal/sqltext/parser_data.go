// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// inlineData replaces the rows that follow COPY … FROM STDIN. They end at a line that has
// only \. in it.
func (p *parser) inlineData(from int) {
	end, text := len(p.lex.text), p.lex.text
	for i := from; ; {
		n := strings.Index(text[i:], "\\.")
		if n < 0 {
			break
		}
		i += n
		if rest := strings.TrimLeft(text[i+2:], "\r"); (i == from || text[i-1] == '\n') && (rest == "" || rest[0] == '\n') {
			end = i
			break
		}
		i += 2
	}
	for end > from && end < len(text) && isSpace(text[end-1]) {
		end--
	}
	p.data(from, end)
}

// startsData reports whether the rows of COPY … FROM STDIN start at a token, although no
// semicolon has ended the statement, and replaces them. They do if the token begins a
// line and is not an option of the statement.
func (p *parser) startsData(tok token) bool {
	if len(p.frames) > 1 || tok.start == p.prev.end || strings.IndexByte(p.lex.text[p.prev.end:tok.start], '\n') < 0 || p.isCopyOption(tok) {
		return false
	}
	p.stmt.inline = false
	p.lex.pos = tok.start
	p.inlineData(tok.start)
	return true
}

// isCopyOption reports whether a token at the start of a line belongs to the options of
// COPY, or ends the statement.
func (p *parser) isCopyOption(tok token) bool {
	switch tok.kind {
	case tokenPunct:
		c := p.lex.text[tok.start]
		return c == ';' || c == '(' && (p.prev.kw == kwWith || equalWord("STDIN", p.textOf(p.prev)))
	case tokenString: // the value of an option
		return p.prev.kw == kwAs || p.prev.kw == kwNull || p.prev.kw == kwEscape || isCopyWord(p.textOf(p.prev))
	case tokenWord:
		switch tok.kw {
		case kwNull, kwEscape:
			next := p.peek(tok.end)
			return next == '\'' || next == '?' || p.nextWord(tok.end) == kwAs
		case kwWith, kwWhere, kwAs, kwNot:
			return true
		}
		return isCopyWord(p.textOf(tok))
	}
	return false
}

// isCopyWord reports whether a word is an option of COPY. Source: PostgreSQL's manual, COPY,
// with the syntax of its earlier versions.
func isCopyWord(s string) bool {
	for _, w := range [...]string{"DELIMITER", "DELIMITERS", "CSV", "HEADER", "BINARY", "QUOTE", "FORCE", "ENCODING", "FORMAT", "FREEZE"} {
		if equalWord(w, s) {
			return true
		}
	}
	return false
}

// insertedFormat replaces the rows that follow INSERT INTO t FORMAT CSV of ClickHouse.
func (p *parser) insertedFormat(tok token) {
	if p.prev.kind != tokenWord || !strings.EqualFold(p.textOf(p.prev), "FORMAT") || strings.EqualFold(p.textOf(tok), "VALUES") {
		return
	}
	p.data(tok.end, len(p.lex.text))
}

// data replaces a part of the text that is not SQL and moves the lexer to its end.
func (p *parser) data(from, end int) {
	for from < end && isSpace(p.lex.text[from]) {
		from++
	}
	if from >= end {
		return
	}
	p.res.HasLiterals = true
	p.writer.literal(from, end)
	p.lex.pos = end
}

// maxRecursive limits how many times a statement is read ahead.
const maxRecursive = 8

// forwardNames collects the names that WITH RECURSIVE defines in the list that begins at
// i. Each name is visible in all queries of the list, even before its definition.
func (p *parser) forwardNames(i int) {
	if p.stmt.recursive == maxRecursive {
		return
	}
	p.stmt.recursive++
	sub := p.lex
	sub.pos, sub.probing = i, true
	depth, expected := 0, true
	var prev token
	for len(p.ctes) < maxCTEs {
		tok := sub.next(prev)
		switch {
		case tok.kind == tokenEOF, tok.kind == tokenRest:
			return
		case tok.kind == tokenComment:
			continue
		case tok.kind == tokenPunct && sub.text[tok.start] == '(':
			depth++
		case tok.kind == tokenPunct && sub.text[tok.start] == ')':
			depth--
			if depth < 0 {
				return
			}
		case tok.kind == tokenPunct && sub.text[tok.start] == ',':
			expected = depth == 0
		case depth > 0:
		case expected && (tok.kind == tokenWord || tok.kind == tokenName || tok.kind == tokenDouble):
			p.define(tok)
			expected = false
		case tok.kw == kwSelect || tok.kw == kwInsert || tok.kw == kwUpdate || tok.kw == kwDelete || tok.kw == kwMerge || tok.kw == kwValues:
			return
		}
		prev = tok
	}
}

// definesQuery reports whether a named query follows WITH: a AS (…). Otherwise an option
// of CREATE follows.
func (p *parser) definesQuery(i int) bool {
	if p.nextWord(i) == kwRecursive {
		return true
	}
	i = p.lex.skipBlanks(i)
	if p.lex.at(i) == '`' {
		end, ok := p.lex.quotedIdent(i)
		return ok && p.nextWord(end) == kwAs
	}
	n := p.lex.identStart(i)
	return n > 0 && p.nextWord(p.lex.identEnd(i+n)) == kwAs
}

// isTableStatement reports whether TABLE is the statement that reads a table: TABLE a. It
// may also be a sub-query or part of a UNION, or replace any other SELECT.
func (p *parser) isTableStatement(tok token) bool {
	f := p.top
	if !p.nameFollows(tok.end) && p.nextWord(tok.end) != kwOnly || p.lex.d == Oracle && p.nextIs(tok.end, "OF") { // CREATE TYPE a AS TABLE OF b
		return false
	}
	switch f.op {
	case kwNone, kwWith, kwExplain:
		return true
	case kwSelect, kwTable, kwValues:
		return p.prev.kw.joinsQueries() || (p.prev.kw == kwAll || p.prev.kw == kwDistinct) && p.prevKw.joinsQueries()
	case kwInsert, kwReplace:
		return f.into
	case kwCreate:
		return p.prev.kw == kwAs || f.into && p.lex.d == MySQL
	}
	return false
}

// tableStatement reads TABLE as a statement.
func (p *parser) tableStatement(tok token) {
	f, main := p.top, p.isMain()
	p.operation(tok, "TABLE", main)
	p.stmt.mainSeen = p.stmt.mainSeen || main
	*f = frame{op: kwTable, expect: expectInto, nested: f.nested, cases: f.cases, scope: f.scope}
}

// isArrayJoin reports whether the word before JOIN makes it ClickHouse's ARRAY JOIN of
// columns, rather than a table named ARRAY.
func (p *parser) isArrayJoin() bool {
	return p.lex.d == Generic && p.prev.kind == tokenWord && p.prev.kw == kwNone && p.top.expect == expectNothing && p.prevKw != kwFrom && p.prevKw != kwJoin &&
		strings.EqualFold(p.textOf(p.prev), "ARRAY")
}

// isKeyPragma reports whether a PRAGMA of SQLite sets the encryption key of a database.
// Source: SQLCipher and the SQLite Encryption Extension.
func isKeyPragma(name string) bool {
	switch len(name) {
	case 3, 5, 6, 7, 8, 9:
		for _, w := range [...]string{"KEY", "REKEY", "HEXKEY", "HEXREKEY", "TEXTKEY", "TEXTREKEY"} {
			if equalWord(w, name) {
				return true
			}
		}
	}
	return false
}
