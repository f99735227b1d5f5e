// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// scanDollar reads a token that begins with $: a dollar quote, $1, $name, or money.
func (l *lexer) scanDollar(p int) token {
	c := l.at(p + 1)
	if l.rules.dollarQuote || l.d == MySQL && c == '$' {
		if tag := l.dollarTag(p); tag != "" {
			i := strings.Index(l.text[p+len(tag):], tag)
			if i < 0 {
				return l.rest(true)
			}
			return token{kind: tokenString, end: p + len(tag) + i + len(tag)}
		}
	}
	switch {
	case l.d == SQLServer:
		// Money: a sign may follow the dollar.
		i := p + 1
		if c == '-' || c == '+' {
			i++
		}
		if isDigit(l.at(i)) || l.at(i) == '.' && isDigit(l.at(i+1)) {
			return l.scanNumber(i)
		}
		if l.identStart(p+1) > 0 {
			return token{kind: tokenVar, end: l.identEnd(p + 1)}
		}
	case isDigit(c):
		return l.numberedBind(p)
	case l.identStart(p+1) > 0:
		end := l.identEnd(p + 1)
		switch {
		case l.d == MySQL:
			return l.scanJoined(p)
		case l.d == Oracle, l.isPseudoColumn(l.text[p+1 : end]):
			return token{kind: tokenVar, end: end}
		}
		return token{kind: tokenBind, end: end}
	}
	return token{kind: tokenPunct, end: p + 1}
}

// isPseudoColumn reports whether $word is one of SQL Server's pseudocolumns.
func (*lexer) isPseudoColumn(w string) bool {
	return strings.EqualFold(w, "action") || strings.EqualFold(w, "identity") || strings.EqualFold(w, "rowguid") ||
		strings.EqualFold(w, "partition")
}

// dollarTag returns the opening $tag$ at p, or "".
func (l *lexer) dollarTag(p int) string {
	i := p + 1
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case c == '$':
			return l.text[p : i+1]
		case classes[c]&classLetter != 0, i > p+1 && isDigit(c):
			i++
		case classes[c]&classHigh != 0 && l.identRune(i, i == p+1) > 0:
			i += l.identRune(i, i == p+1)
		default:
			return ""
		}
	}
	return ""
}

// bindMayFollow reports whether a bind variable may begin at p. It may not begin directly
// after an operand, as in a slice, a cast or a path.
func (l *lexer) bindMayFollow(p int) bool {
	if p == 0 {
		return true
	}
	switch l.text[p-1] {
	case ')', ']', '\'', '"', '`', ':', '}', '?':
		return false
	case '[':
		return l.text[p] != ':'
	case '.': // of a number, but not of the range 1..:n
		return p > 1 && l.text[p-2] == '.'
	}
	return !l.isIdentBefore(p)
}

// maxBindDigits is the number of digits in 65535, the highest number of a bind
// variable in PostgreSQL and Oracle. A longer number is a value: money, or the bound
// of a slice.
const maxBindDigits = 5

// numberedBind reads ?1, :1 or $1.
func (l *lexer) numberedBind(p int) token {
	i := p + 1
	for isDigit(l.at(i)) {
		i++
	}
	if i-p-1 > maxBindDigits {
		return token{kind: tokenNumber, end: l.literalTail(i)}
	}
	return token{kind: tokenBind, end: i}
}

// scanColon reads a token that begins with a colon: :1, :name, a cast or an assignment.
func (l *lexer) scanColon(p int) token {
	c := l.at(p + 1)
	if c == ':' || c == '=' {
		return token{kind: tokenPunct, end: p + 2}
	}
	if l.bindMayFollow(p) {
		switch {
		case isDigit(c):
			return l.numberedBind(p)
		case l.identStart(p+1) > 0:
			return token{kind: tokenBind, end: l.identEnd(p + 1)}
		}
	}
	return token{kind: tokenPunct, end: p + 1}
}

// scanAt reads a token that begins with @: @@rowcount, @p1, or an operator.
func (l *lexer) scanAt(p int) token {
	c := l.at(p + 1)
	if c == '@' && l.identStart(p+2) > 0 {
		return token{kind: tokenVar, end: l.identEnd(p + 2)}
	}
	switch {
	case l.d == Oracle, !l.bindMayFollow(p):
	case p > 0 && strings.IndexByte("<>~!#&|@", l.text[p-1]) >= 0:
		// An operator of PostgreSQL.
	case l.identStart(p+1) > 0:
		return token{kind: tokenAt, end: l.identEnd(p + 1)}
	case isDigit(c) && l.d != PostgreSQL:
		tok := l.numberedBind(p)
		if tok.kind == tokenBind {
			tok.kind = tokenAt
		}
		return tok
	}
	return token{kind: tokenPunct, end: p + 1}
}

// scanQuestion reads a token that begins with a question mark: a bind variable, or one of
// PostgreSQL's JSON operators.
func (l *lexer) scanQuestion(p int) token {
	c := l.at(p + 1)
	if isDigit(c) {
		return l.numberedBind(p)
	}
	if l.d == PostgreSQL && (c == '|' || c == '&') && l.at(p+2) != c {
		return token{kind: tokenPunct, end: p + 2}
	}
	if (l.d == PostgreSQL || l.d == Generic) && l.isOperator(p) {
		return token{kind: tokenPunct, end: p + 1}
	}
	return token{kind: tokenBind, end: p + 1}
}

// isOperator reports whether the ? at p is between two operands, which makes it an
// operator of PostgreSQL.
func (l *lexer) isOperator(p int) bool {
	switch l.prev.kind {
	case tokenName, tokenDouble, tokenString, tokenBind, tokenAt, tokenVar:
	case tokenWord:
		if l.prev.kw != kwNone {
			return false
		}
	case tokenPunct:
		switch l.text[l.prev.end-1] {
		case ')', ']', '?': // ?? is JDBC's spelling of the operator
		default:
			return false
		}
	default:
		return false
	}
	i := p + 1
	for i < len(l.text) && isSpace(l.text[i]) {
		i++
	}
	switch c := l.at(i); c {
	case '\'', '$', '?':
		return true
	default:
		return classes[c]&classLetter != 0 && l.at(i+1) == '\''
	}
}

// scanPercent reads the placeholders of Python's drivers, %s and %(name)s.
func (l *lexer) scanPercent(p int) token {
	if l.d == Oracle || l.d == SQLServer || !l.bindMayFollow(p) {
		return token{kind: tokenPunct, end: p + 1}
	}
	switch l.at(p + 1) {
	case 's':
		if l.identEnd(p+2) == p+2 {
			return token{kind: tokenBind, end: p + 2}
		}
	case '(':
		end := l.identEnd(p + 2)
		if end > p+2 && l.at(end) == ')' && l.at(end+1) == 's' {
			return token{kind: tokenBind, end: end + 2}
		}
	}
	return token{kind: tokenPunct, end: p + 1}
}
