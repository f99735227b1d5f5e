// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// scanNumber reads the numeric literal at p, which begins with a digit or with a point
// and a digit.
func (l *lexer) scanNumber(p int) token {
	i := p
	if c := l.at(i+1) | 0x20; l.text[i] == '0' && (c == 'x' || c == 'b' || c == 'o') {
		return token{kind: tokenNumber, end: l.literalTail(i + 2)}
	}
	i = l.digits(i)
	word := i // in MySQL, an identifier may begin with digits
	if l.at(i) == '.' && l.at(i+1) != '.' {
		i = l.digits(i + 1)
	}
	if l.at(i)|0x20 == 'e' {
		j := i + 1
		if s := l.at(j); s == '+' || s == '-' {
			j++
		}
		if isDigit(l.at(j)) {
			return token{kind: tokenNumber, end: l.literalTail(l.digits(j))}
		}
	}
	end := l.literalTail(i)
	if l.d == MySQL && end > word && word == i && l.text[p] != '.' && keywordOf(l.text[word:end]) == kwNone &&
		(end > word+1 || l.text[word]|0x20 != 'e') && (l.prev.end != p || !isLiteralToken(l.prev.kind)) {
		if full := l.chain(end); full > end {
			end = full
		}
		return token{kind: tokenName, end: end}
	}
	return token{kind: tokenNumber, end: end}
}

// digits returns the end of the run of digits and underscores at i.
func (l *lexer) digits(i int) int {
	for i < len(l.text) && (isDigit(l.text[i]) || l.text[i] == '_') {
		i++
	}
	return i
}

// literalTail returns the end of a number whose digits end at i. Letters that follow
// directly, such as a type suffix or garbage, are part of it. A keyword, the prefix of a
// quoted literal and a dollar quote are not.
func (l *lexer) literalTail(i int) int {
	end := i
	for end < len(l.text) && classes[l.text[end]]&classIdent != 0 && l.text[end] != '$' {
		end++
	}
	if end == i {
		return i
	}
	tail := l.text[i:end]
	switch {
	case l.at(end) == '\'':
		for n := min(2, len(tail)); n > 0; n-- {
			if l.isStringPrefix(tail[len(tail)-n:]) {
				return end - n
			}
		}
	case keywordOf(tail) != kwNone:
		return i
	}
	return end
}

// scanSign reads + or -, together with a number that follows directly unless the sign is
// an operator after an operand.
func (l *lexer) scanSign(p int) token {
	switch l.prev.kind {
	case tokenName, tokenBind, tokenVar, tokenAt:
		return token{kind: tokenPunct, end: p + 1}
	case tokenWord:
		if !l.prev.kw.beginsOperand() {
			return token{kind: tokenPunct, end: p + 1}
		}
	case tokenPunct:
		if c := l.text[l.prev.start]; c == ')' || c == ']' {
			return token{kind: tokenPunct, end: p + 1}
		}
	}
	if c := l.at(p + 1); isDigit(c) || c == '.' && isDigit(l.at(p+2)) {
		tok := l.scanNumber(p + 1)
		if tok.kind == tokenNumber {
			return tok
		}
	}
	return token{kind: tokenPunct, end: p + 1}
}
