// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// inlineData replaces the rows that follow COPY … FROM STDIN, which end at a line with
// \\. alone.
func (p *parser) inlineData(from int) {
	end := len(p.lex.text)
	if i := strings.Index(p.lex.text[from:], "\n\\."); i >= 0 {
		end = from + i
	}
	p.data(from, end)
}

// insertedFormat replaces the rows that follow INSERT INTO t FORMAT CSV of ClickHouse.
func (p *parser) insertedFormat(tok token) {
	if p.prev.kind != tokenWord || !strings.EqualFold(p.textOf(p.prev), "FORMAT") || strings.EqualFold(p.textOf(tok), "VALUES") {
		return
	}
	p.data(tok.end, len(p.lex.text))
}

// data replaces a part of the text that is no SQL, which the lexer has reached.
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

// forwardNames collects the names that WITH RECURSIVE defines: each is visible in all of
// its queries, also before its definition. The list begins at i.
func (p *parser) forwardNames(i int) {
	if p.top.nested || p.stmt.recursive {
		return
	}
	p.stmt.recursive = true
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

// isArrayJoin reports whether the word before JOIN makes it ClickHouse's ARRAY JOIN, of
// columns. It is no table called ARRAY.
func (p *parser) isArrayJoin() bool {
	return p.lex.d == Generic && p.prev.kind == tokenWord && p.prev.kw == kwNone && p.top.expect == expectNothing && p.prevKw != kwFrom && p.prevKw != kwJoin &&
		strings.EqualFold(p.textOf(p.prev), "ARRAY")
}
