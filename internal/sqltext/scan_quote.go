// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"unicode/utf8"
)

// scanString reads the literal at p, whose opening ' is at quote, after an optional
// prefix.
func (l *lexer) scanString(p, quote int) token {
	var end int
	var ok bool
	switch prefix := l.text[p:quote]; {
	case prefix != "" && prefix[len(prefix)-1]&0xDF == 'Q' && l.rules.qQuote:
		end, ok = l.qQuoteEnd(quote)
	case len(prefix) == 1 && prefix[0]&0xDF == 'E' && l.rules.eQuote:
		end, ok = quoteEnd(l.text, quote, true)
	default:
		end, ok = l.literalEnd(quote)
	}
	if !ok {
		return l.rest(end < 0)
	}
	return token{kind: tokenString, end: end}
}

// scanDouble reads "…".
func (l *lexer) scanDouble(p int) token {
	var end int
	var ok bool
	if l.rules.strictDouble || l.rules.escapes == escapesNone {
		end, ok = quoteEnd(l.text, p, false)
	} else {
		end, ok = l.literalEnd(p)
	}
	if !ok {
		return l.rest(end < 0)
	}
	if full := l.chain(end); full > end && !l.maybeEscaped(p, end) {
		return token{kind: tokenName, end: full}
	}
	if l.rules.strictDouble {
		return token{kind: tokenName, end: end}
	}
	return token{kind: tokenDouble, end: end}
}

// maybeEscaped reports whether "…" has a backslash that may be an escape, which makes
// it a literal rather than an identifier.
func (l *lexer) maybeEscaped(p, end int) bool {
	return !l.rules.strictDouble && l.rules.escapes == escapesOpen && strings.IndexByte(l.text[p:end], '\\') >= 0
}

// scanName reads `…` or […].
func (l *lexer) scanName(p int) token {
	end, ok := l.quotedIdent(p)
	if !ok {
		if l.text[p] == '[' {
			// Brackets hold no literals, so reading continues after an unclosed one.
			return token{kind: tokenPunct, end: p + 1}
		}
		return l.rest(true)
	}
	return token{kind: tokenName, end: l.chain(end)}
}

// quotedIdent returns the end of the quoted identifier at p, and whether there is one.
func (l *lexer) quotedIdent(p int) (end int, ok bool) {
	switch c := l.text[p]; {
	case c != '[':
		end, ok = quoteEnd(l.text, p, false)
		return end, ok && (c != '"' || !l.maybeEscaped(p, end))
	case l.rules.bracket:
		return l.bracketEnd(p)
	}
	return l.plainBracketEnd(p)
}

// bracketEnd returns the end of the [x] at p, in which ]] is an escaped ].
func (l *lexer) bracketEnd(p int) (end int, ok bool) {
	if l.noBracket {
		return 0, false
	}
	for i := p + 1; ; i += 2 {
		j := strings.IndexByte(l.text[i:], ']')
		if j < 0 {
			// Remembered, so that a million unclosed brackets need only one search.
			l.noBracket = true
			l.truncated = true
			return 0, false
		}
		i += j
		if l.at(i+1) != ']' || l.d == SQLite {
			return i + 1, true
		}
	}
}

// plainBracketEnd returns the end of the [x] at p in a dialect where brackets may also be
// an array or an index. Only text that looks like a name is an identifier.
func (l *lexer) plainBracketEnd(p int) (end int, ok bool) {
	if p > 0 && (l.isIdentBefore(p) || l.text[p-1] == ']' || l.text[p-1] == ')') {
		return 0, false
	}
	i, word, quoted := p+1, p+1, false
	for n := 0; i < len(l.text); {
		c := l.text[i]
		switch {
		case c == ']':
			return i + 1, n > 0
		case c == '\'' && !quoted && i > word && keywordOf(l.text[word:i]) == kwNone && !l.isStringPrefix(l.text[word:i]):
			// As in O'Brien: a literal never directly follows a word.
			quoted = true
			i++
		case isDigit(c):
			// A word that begins with a digit may be a number, which is not a name.
			if n == 0 || classes[l.text[i-1]]&(classIdent|classHigh) == 0 {
				return 0, false
			}
			i++
		case c == '$' && i == word && l.dollarTag(i) != "": // may begin $$…$$
			return 0, false
		case classes[c]&classIdent != 0:
			i++
		case c == '#', c == '@', c == ' ', c == '-', c == '.':
			i++
			word = i
		case classes[c]&classHigh != 0 && l.identRune(i, n == 0) > 0:
			i += l.identRune(i, n == 0)
		default:
			return 0, false
		}
		n++
	}
	return 0, false
}

// quoteEnd returns the end of the quoted text that begins at p with a quote of any kind.
// A doubled quote is part of the text; so is an escaped quote if backslash is set. If the
// quote is not closed, the end is -1.
func quoteEnd(text string, p int, backslash bool) (end int, ok bool) {
	q := text[p]
	if !backslash {
		for i := p + 1; i < len(text); i += 2 {
			n := strings.IndexByte(text[i:], q)
			if n < 0 {
				break
			}
			i += n
			if i+1 >= len(text) || text[i+1] != q {
				return i + 1, true
			}
		}
		return -1, false
	}
	for i := p + 1; i < len(text); i++ {
		switch text[i] {
		case q:
			if i+1 >= len(text) || text[i+1] != q {
				return i + 1, true
			}
			i++
		case '\\':
			i++
		}
	}
	return -1, false
}

// qQuoteEnd returns the end of Oracle's q'[…]', whose ' is at quote. If it is not closed,
// the end is -1.
func (l *lexer) qQuoteEnd(quote int) (end int, ok bool) {
	r, size := utf8.DecodeRuneInString(l.text[quote+1:])
	if size == 0 {
		return -1, false
	}
	open := l.text[quote+1 : quote+1+size]
	switch r {
	case '[':
		open = "]"
	case '{':
		open = "}"
	case '(':
		open = ")"
	case '<':
		open = ">"
	}
	from := quote + 1 + size
	i := strings.Index(l.text[from:], open+"'")
	if i < 0 {
		return -1, false
	}
	return from + i + len(open) + 1, true
}

// literalEnd returns the end of the literal at p, which is quoted with ' or ". If ok is
// false, an end of -1 means that the literal is not closed, and any other value that its
// end cannot be determined.
func (l *lexer) literalEnd(p int) (end int, ok bool) {
	q := l.text[p]
	if l.d == Generic && l.at(p+1) == q && l.at(p+2) == q && !l.isTripleStandard(p) {
		return 0, false
	}
	if l.escapes == escapesNone || l.escapes == escapesApply {
		return quoteEnd(l.text, p, l.escapes == escapesApply)
	}
	for i := p + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == q:
			if l.at(i+1) != q {
				return i + 1, true
			}
			i++
		case c == '\\' && l.at(i+1) == q:
			if l.prev.kw == kwEscape && i == p+1 {
				return i + 2, true // ESCAPE '\'
			}
			if l.escapes == escapesUnknown {
				return 0, false
			}
			l.decideEscapes(p)
			return l.literalEnd(p)
		case c == '\\':
			i++
		}
	}
	return -1, false
}

// triple is the meaning of three quotes in a row.
type triple uint8

const (
	tripleOpen     triple = iota // undecided until the first one that matters
	tripleStandard               // a literal that starts with an escaped quote
	tripleUnknown                // cannot be determined
)

// isTripleStandard reports whether the three quotes at p have their meaning in standard
// SQL: an opening quote and an escaped quote. In BigQuery and others they open a literal
// that ends at the next three quotes.
func (l *lexer) isTripleStandard(p int) bool {
	switch l.triple {
	case tripleStandard:
		return true
	case tripleUnknown:
		return false
	}
	three := l.text[p : p+3]
	i := strings.Index(l.text[p+3:], three)
	if i < 0 {
		return true
	}
	stop := p + 3 + i + 3
	for l.at(stop) == l.text[p] {
		stop++
	}
	if end, ok := quoteEnd(l.text, p, false); ok && end == stop {
		return true
	}
	l.triple = tripleUnknown
	if l.probe(p, escapesNone) == sound {
		l.triple = tripleStandard
	}
	return l.triple == tripleStandard
}

// soundness is whether a text is valid with one meaning of the backslash.
type soundness uint8

const (
	sound   soundness = iota
	cut               // ends inside a literal
	unsound           // has a word or a backslash where SQL allows none
)

// decideEscapes decides the meaning of a backslash, once for a text. The literal at p is
// the first in which it matters. The meaning is the same throughout the text, and with
// the wrong one, literals and code are swapped, which sooner or later makes the text
// invalid.
func (l *lexer) decideEscapes(p int) {
	none, apply := l.probe(p, escapesNone), l.probe(p, escapesApply)
	decided := escapesUnknown
	switch {
	case none == sound && apply == unsound, none == unsound && apply == sound:
		decided = escapesNone
		if apply == sound {
			decided = escapesApply
		}
	case l.d == MySQL: // they apply unless sql_mode has NO_BACKSLASH_ESCAPES
		if apply == sound && none == cut || apply == cut && none == unsound {
			decided = escapesApply
		}
	case l.d == PostgreSQL: // standard_conforming_strings is on by default since 9.1, but not in Redshift
		if none == sound && apply == cut || none == cut && apply == unsound {
			decided = escapesNone
		}
	}
	if decided == escapesUnknown && (l.d == MySQL && apply == cut || l.d == PostgreSQL && none == cut) {
		l.truncated = true
	}
	l.escapes = decided
}

// probe reads the text from the literal at p to the end with one meaning of the
// backslash, and returns whether it is valid.
func (l *lexer) probe(p int, meaning escapes) soundness {
	if l.probing {
		return unsound
	}
	sub := *l
	sub.pos, sub.escapes, sub.probing = p, meaning, true
	sub.truncated, sub.triple = false, tripleStandard
	prev := token{kind: tokenPunct, kw: l.prev.kw, end: p}
	for {
		tok := sub.next(prev)
		switch {
		case tok.kind == tokenEOF:
			if sub.truncated {
				return cut
			}
			return sound
		case sub.derailed(tok), tok.kind == tokenPunct && sub.text[tok.start] == '\\':
			return unsound
		case tok.kind == tokenRest:
			return cut
		case tok.kind != tokenComment:
			prev = tok
		}
	}
}

// startsRegex reports whether a / begins a regular expression of InfluxQL, which
// follows =~ or !~.
func (l *lexer) startsRegex() bool {
	t := l.prev
	return l.d == Generic && t.kind == tokenPunct && t.start > 0 && l.text[t.start] == '~' && (l.text[t.start-1] == '=' || l.text[t.start-1] == '!')
}

// scanRegex reads a regular expression between slashes.
func (l *lexer) scanRegex(p int) token {
	for i := p + 1; i < len(l.text); i++ {
		switch l.text[i] {
		case '/':
			return token{kind: tokenString, end: i + 1}
		case '\\':
			i++
		}
	}
	return l.rest(true)
}
