// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// startsDashes reports whether the -- at p starts a comment.
func (l *lexer) startsDashes(p int) bool {
	if !l.rules.blankDashes {
		return true
	}
	if p < l.dashEnd {
		return false
	}
	// A run of dashes is checked as a whole, because its last two dashes must not start a
	// comment.
	i := p + 2
	for l.at(i) == '-' {
		i++
	}
	if i >= len(l.text) || l.text[i] <= ' ' {
		return true
	}
	l.dashEnd = i
	return false
}

// scanLine reads a comment up to the end of the line, without the line break.
func (l *lexer) scanLine(p int) token {
	end := len(l.text)
	if i := strings.IndexByte(l.text[p:], '\n'); i >= 0 {
		end = p + i
		if l.text[end-1] == '\r' {
			end--
		}
	}
	return token{kind: tokenComment, end: end}
}

// scanComment reads /* … */.
func (l *lexer) scanComment(p int) token {
	if l.d == MySQL && (l.at(p+2) == '!' || l.at(p+2) == 'M' && l.at(p+3) == '!') {
		return l.scanVersion(p)
	}
	i := strings.Index(l.text[p+2:], "*/")
	if i < 0 {
		return l.rest(true)
	}
	end := p + 2 + i + 2
	if (!l.rules.nestedComment && l.d != Generic) || !strings.Contains(l.text[p+2:end], "/*") {
		return token{kind: tokenComment, end: end}
	}
	nested := l.nestedEnd(p)
	if nested < 0 {
		return l.rest(true)
	}
	// A system that does not nest comments reads the part between the two ends as SQL.
	// If that part has no quote, the rest is the same with and without nesting.
	if l.d == Generic && strings.ContainsAny(l.text[end:nested], "'\"`$") {
		return l.rest(false)
	}
	return token{kind: tokenComment, end: nested}
}

// nestedEnd returns the end of the comment at p, which may contain other comments, or -1
// if it is not closed.
func (l *lexer) nestedEnd(p int) int {
	depth := 0
	for i := p; i+1 < len(l.text); {
		switch {
		case l.text[i] == '/' && l.text[i+1] == '*':
			depth++
			i += 2
		case l.text[i] == '*' && l.text[i+1] == '/':
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

// skipBlanks returns the offset of the first byte at or after i that is neither white
// space nor in a comment.
func (l *lexer) skipBlanks(i int) int {
	for i < len(l.text) {
		switch c := l.text[i]; {
		case isSpace(c):
			i++
		case c == '-' && l.at(i+1) == '-':
			end := strings.IndexByte(l.text[i:], '\n')
			if end < 0 {
				return len(l.text)
			}
			i += end
		case c == '#' && l.rules.numberSign:
			end := strings.IndexByte(l.text[i:], '\n')
			if end < 0 {
				return len(l.text)
			}
			i += end
		case c == '/' && l.at(i+1) == '*' && l.at(i+2) != '!':
			end := strings.Index(l.text[i+2:], "*/")
			if end < 0 {
				return len(l.text)
			}
			i += 2 + end + 2
		default:
			return i
		}
	}
	return i
}

// scanVersion reads the start of MySQL's /*!50000 … */, whose content is code.
func (l *lexer) scanVersion(p int) token {
	end := p + 3
	if l.text[p+2] == 'M' {
		end++
	}
	n := 0
	for n < 6 && isDigit(l.at(end+n)) {
		n++
	}
	if n >= 5 {
		end += n
	}
	l.version = true
	return token{kind: tokenPunct, end: end}
}

// tableMayFollow reports whether the name of a table may follow the last token.
func (l *lexer) tableMayFollow() bool {
	switch l.prev.kw {
	case kwFrom, kwJoin, kwInto, kwTable, kwUpdate, kwOnly, kwExists, kwTruncate, kwLock, kwCopy:
		return true
	}
	return l.prev.kind == tokenPunct && l.text[l.prev.start] == ','
}

// scanHash reads a token that begins with #: a comment of MySQL, an operator of
// PostgreSQL or a temporary table of SQL Server.
func (l *lexer) scanHash(p int) token {
	switch {
	case l.rules.numberSign:
		return l.scanLine(p)
	case l.d == SQLServer:
		return l.scanJoined(p)
	case l.d == PostgreSQL && l.identStart(p+1) > 0 && l.tableMayFollow():
		return l.scanJoined(p) // a temporary table of Redshift
	case l.d != Generic:
		return token{kind: tokenPunct, end: p + 1}
	}
	// If the line has no quote and no /*, the lines after it are read in the same way
	// whether this is a comment or not.
	if p >= l.hashFree {
		line := l.text[p:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		if strings.ContainsAny(line, "'\"`$") || strings.Contains(line, "/*") {
			return l.rest(false)
		}
		l.hashFree = p + len(line)
	}
	l.hashes = true
	i := p + 1
	if l.at(i) == '#' {
		i++
	}
	if l.identStart(i) > 0 {
		return token{kind: tokenName, end: l.identEnd(i)}
	}
	return token{kind: tokenPunct, end: p + 1}
}
