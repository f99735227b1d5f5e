// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "unicode/utf8"

// scanWord reads a token that begins with an ASCII letter: an identifier, a keyword, or a
// literal with a prefix such as N'…'. It reads plain words and names with one dot, which
// are nearly all tokens of a text, and leaves the rest to scanJoined.
func (l *lexer) scanWord(p int) token {
	text := l.text
	end := plainEnd(text, p+1)
	if end-p == uuidGroup && isUUID(text[p:]) {
		return token{kind: tokenNumber, end: p + uuidLength}
	}
	if end >= len(text) || classes[text[end]]&classJoins == 0 {
		return token{kind: tokenWord, kw: keywordAt(text, p, end), end: end}
	}
	if next := end + 1; text[end] == '.' && next < len(text) && classes[text[next]]&classLetter != 0 {
		end = plainEnd(text, next+1)
		if end >= len(text) || classes[text[end]]&classJoins == 0 {
			return token{kind: tokenName, end: end}
		}
	}
	return l.scanJoined(p)
}

// scanJoined reads any word and what is joined to it: parts after dots, a database link,
// or a literal that the word is the prefix of.
func (l *lexer) scanJoined(p int) token {
	end := l.identEnd(p + 1)
	if l.text[p] >= utf8.RuneSelf {
		_, size := utf8.DecodeRuneInString(l.text[p:])
		end = l.identEnd(p + size)
	}
	if l.at(end) == '\'' {
		if l.isStringPrefix(l.text[p:end]) {
			return l.scanString(p, end)
		}
	} else if c := l.at(end); c == '.' || c == '@' || c == '&' {
		if c == '&' {
			// U&'…' of PostgreSQL and the standard.
			if end-p == 1 && l.text[p]&0xDF == 'U' && l.at(end+1) == '\'' {
				return l.scanString(p, end+1)
			}
		} else if full := l.chain(end); full > end {
			return token{kind: tokenName, end: full}
		}
	}
	return token{kind: tokenWord, kw: keywordAt(l.text, p, end), end: end}
}

// isStringPrefix reports whether w, which is directly before a quote, is the prefix of a
// literal.
func (l *lexer) isStringPrefix(w string) bool {
	switch len(w) {
	case 1:
		switch w[0] & 0xDF {
		case 'N', 'B', 'X':
			return true
		case 'E':
			return l.rules.eQuote
		case 'Q':
			return l.rules.qQuote
		case 'R':
			return l.d == Generic
		}
	case 2:
		if l.rules.qQuote && w[0]&0xDF == 'N' && w[1]&0xDF == 'Q' {
			return true
		}
	}
	return w[0] == '_' && (l.d == MySQL || l.d == Generic)
}

// chain returns the end of a name whose first part ends at p, including the parts after
// its dots and a database link.
func (l *lexer) chain(p int) int {
	for l.at(p) == '.' {
		q := p + 1
		if l.at(q) == '.' && (l.d == SQLServer || l.d == Generic) {
			q++ // db..table
		}
		switch c := l.at(q); {
		case l.identStart(q) > 0:
			p = l.identEnd(q + l.identStart(q))
		case c == '"', c == '`' && l.rules.backtick, c == '[' && (l.rules.bracket || l.d == Generic):
			end, ok := l.quotedIdent(q)
			if !ok {
				return p
			}
			p = end
		default:
			return p
		}
	}
	if l.at(p) == '@' && l.rules.dbLink {
		for sep := byte('@'); l.at(p) == sep; sep = '.' {
			switch {
			case l.identStart(p+1) > 0:
				p = l.identEnd(p + 2)
			case l.at(p+1) == '"' && l.rules.strictDouble:
				end, ok := l.quotedIdent(p + 1)
				if !ok {
					return p
				}
				p = end
			default:
				return p
			}
		}
	}
	return p
}

const (
	uuidLength = 36
	uuidGroup  = 8 // the length of its first group
)

// isUUID reports whether a text begins with a UUID, which in CQL is a literal without
// quotes. In SQL it would be a subtraction of five names and numbers, which does not
// occur in practice.
func isUUID(text string) bool {
	if len(text) < uuidLength || text[uuidGroup] != '-' {
		return false
	}
	for i := range uuidLength {
		switch i {
		case 8, 13, 18, 23:
			if text[i] != '-' {
				return false
			}
		default:
			if c := text[i] | 0x20; !isDigit(text[i]) && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return len(text) == uuidLength || classes[text[uuidLength]]&(classIdent|classHigh) == 0
}
