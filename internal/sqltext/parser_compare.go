// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// isValuePlace reports whether a value is more likely than a column at a token. Only the
// dialects in which "…" can be both need to know.
func (p *parser) isValuePlace(tok token) bool {
	if p.stmt.exec || p.top.values {
		return true
	}
	switch p.prev.kind {
	case tokenPunct:
		switch p.lex.text[p.prev.end-1] {
		case '=', '<', '>':
			return true
		case '(':
			return p.top.compared
		}
	case tokenWord:
		switch p.prev.kw {
		case kwLike, kwBetween, kwThen, kwElse, kwEscape, kwDefault, kwIs:
			return true
		case kwNot:
			return p.prevKw == kwIs
		case kwFrom:
			return p.prevKw == kwDistinct // IS DISTINCT FROM
		case kwAnd:
			return p.prev.start == p.stmt.betweenAnd
		case kwWhen: // CASE a WHEN "b" THEN, but not CASE WHEN "a" THEN
			return p.prevKw != kwCase && p.nextWord(tok.end) == kwThen
		case kwNone:
			s := p.textOf(p.prev)
			return p.lex.d == SQLite && (equalWord("MATCH", s) || equalWord("GLOB", s))
		}
	}
	return false
}

// isComparing reports whether the parentheses that begin at a token hold a value that is
// compared, as in a = ("b").
func (p *parser) isComparing(tok token) bool {
	return (p.lex.d == SQLServer || p.lex.d == SQLite) && p.isValuePlace(tok)
}

// maxLower is the maximum number of tokens between BETWEEN and its AND.
const maxLower = 32

// between reads BETWEEN and finds its AND, after which a value follows too.
func (p *parser) between(tok token) {
	if p.lex.d != SQLServer && p.lex.d != SQLite {
		return
	}
	sub := p.lex
	sub.pos, sub.probing = tok.end, true
	prev, depth := tok, 0
	for range maxLower {
		next := sub.next(prev)
		switch {
		case next.kind == tokenEOF:
			return
		case next.kind == tokenComment:
			continue
		case next.kind == tokenPunct && sub.text[next.start] == '(':
			depth++
		case next.kind == tokenPunct && sub.text[next.start] == ')':
			depth--
		case depth == 0 && next.kw == kwAnd:
			p.stmt.betweenAnd = next.start
			return
		}
		prev = next
	}
}
