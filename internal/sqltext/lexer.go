// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEOF     tokenKind = iota
	tokenWord              // an unquoted word without dots: a keyword or a name
	tokenName              // an identifier that is quoted, or has dots or a database link
	tokenDouble            // "…" that is an identifier or a literal: the parser decides
	tokenString            // a quoted literal, with its prefix
	tokenNumber            // a numeric literal, with its sign
	tokenBind              // ?, :1, $1, %s
	tokenAt                // @p1: a bind variable or a variable of the session: the parser decides
	tokenVar               // a variable that is never a bind variable, such as @@rowcount
	tokenComment           // a comment or a hint
	tokenPunct             // any other character, or a pair such as :: and :=
	tokenRest              // the rest of the text, if its literals can no longer be determined
)

type token struct {
	kind  tokenKind
	kw    keyword
	start int
	end   int
}

func isLiteralToken(k tokenKind) bool {
	return k == tokenString || k == tokenDouble
}

// lexer splits a text into tokens. It does not depend on the parser, and it reads each
// byte a bounded number of times.
type lexer struct {
	text  string
	pos   int
	d     Dialect
	rules *rules

	prev token // the last token that is not a comment, as the caller of next read it

	truncated bool
	version   bool    // inside MySQL's /*! … */, which is code
	escapes   escapes // the meaning of a backslash in '…', once decided
	triple    triple  // the meaning of ''' at the start of a literal, once decided
	probing   bool    // only reading ahead
	noBracket bool    // the rest of the text has no ]
	dashEnd   int     // dashes before this offset do not start a comment
	hashFree  int     // the line of the last #, up to this offset, has no quotes
	hashes    bool    // a # that may start a comment was read as code
}

func newLexer(text string, d Dialect) lexer {
	d = d.known()
	r := &dialectRules[d]
	return lexer{text: text, d: d, rules: r, escapes: r.escapes}
}

// The classes of bytes, as bits.
const (
	classSpace uint8 = 1 << iota
	classLetter
	classDigit
	classIdent // letters, digits, _ and $
	classHigh  // not ASCII
	classJoins // directly after a word, may extend it or change its kind
)

var classes = func() (c [256]uint8) {
	for _, b := range " \t\n\r\f\v" {
		c[b] = classSpace
	}
	for b := 'a'; b <= 'z'; b++ {
		c[b] = classLetter | classIdent
		c[b-'a'+'A'] = classLetter | classIdent
	}
	c['_'] = classLetter | classIdent
	for b := '0'; b <= '9'; b++ {
		c[b] = classDigit | classIdent
	}
	c['$'] = classIdent
	for b := 0x80; b < 0x100; b++ {
		c[b] = classHigh | classJoins
	}
	for _, b := range ".'@&#" {
		c[b] = classJoins
	}
	return c
}()

func isSpace(b byte) bool { return classes[b]&classSpace != 0 }
func isDigit(b byte) bool { return classes[b]&classDigit != 0 }

// at returns the byte at i, or 0 beyond the end.
func (l *lexer) at(i int) byte {
	if uint(i) < uint(len(l.text)) {
		return l.text[i]
	}
	return 0
}

// identRune returns the size of the rune at i if it may be part of an identifier, or 0.
// Only letters, marks and digits may: otherwise a Unicode space or currency sign would
// hide the number after it.
func (l *lexer) identRune(i int, first bool) int {
	r, size := utf8.DecodeRuneInString(l.text[i:])
	switch {
	case r == utf8.RuneError && size <= 1:
		return 0
	case unicode.IsLetter(r), !first && (unicode.IsMark(r) || unicode.IsDigit(r) || r == 0x200C || r == 0x200D):
		return size
	}
	return 0
}

// identStart returns the size of the first character of the unquoted identifier at i, or
// 0 if no identifier begins there.
func (l *lexer) identStart(i int) int {
	if i >= len(l.text) {
		return 0
	}
	c := l.text[i]
	switch {
	case classes[c]&classLetter != 0:
		return 1
	case classes[c]&classHigh != 0:
		return l.identRune(i, true)
	case c == '#' && l.d == SQLServer:
		return 1
	case c == '$' && l.d == MySQL:
		return 1
	}
	return 0
}

// identEnd returns the end of an unquoted identifier whose first character is before i.
func (l *lexer) identEnd(i int) int {
	for {
		i = plainEnd(l.text, i)
		if i >= len(l.text) {
			return i
		}
		c := l.text[i]
		switch {
		case classes[c]&classHigh != 0:
			n := l.identRune(i, false)
			if n == 0 {
				return i
			}
			i += n
		case c == '#' && (l.d == Oracle || l.d == SQLServer):
			i++
		case c == '@' && l.d == SQLServer:
			i++
		default:
			return i
		}
	}
}

// plainEnd returns the end of the run of ASCII letters, digits, _ and $ at i.
func plainEnd(text string, i int) int {
	for i < len(text) && classes[text[i]]&classIdent != 0 {
		i++
	}
	return i
}

// isIdentBefore reports whether the byte before i belongs to an identifier or a number.
func (l *lexer) isIdentBefore(i int) bool {
	return i > 0 && classes[l.text[i-1]]&(classIdent|classHigh) != 0
}

// next returns the next token, without the white space before it. prev is the last token
// that is not a comment. The caller passes it because it may have read a keyword as a
// name, which can change how the next token is read.
func (l *lexer) next(prev token) token {
	l.prev = prev
	text, start := l.text, l.pos
	for start < len(text) && isSpace(text[start]) {
		start++
	}
	if start >= len(text) {
		l.pos = start
		l.truncated = l.truncated || l.version
		return token{kind: tokenEOF, start: len(text), end: len(text)}
	}
	var tok token
	if classes[text[start]]&classLetter != 0 {
		tok = l.scanWord(start)
	} else {
		tok = l.scan(start)
	}
	tok.start = start
	if l.d == Generic && !l.probing && l.derailed(tok) {
		tok = l.rest(false)
		tok.start = start
	}
	l.pos = tok.end
	return tok
}

// derailed reports whether a literal touches a word, which never happens in valid SQL. It
// means that an opening quote was mistaken for a closing one, so that a literal was read
// as code.
func (l *lexer) derailed(tok token) bool {
	prev := l.prev
	if tok.start != prev.end {
		return false
	}
	switch tok.kind {
	case tokenWord:
		return isLiteralToken(prev.kind) && tok.kw == kwNone
	case tokenName:
		return isLiteralToken(prev.kind) && l.text[tok.start] != '['
	case tokenNumber:
		return isLiteralToken(prev.kind) && l.text[tok.start] != '-' && l.text[tok.start] != '+'
	case tokenString, tokenRest:
		if isLiteralToken(prev.kind) {
			return true
		}
		fallthrough
	case tokenDouble:
		return prev.kind == tokenName || prev.kind == tokenNumber || prev.kind == tokenWord && prev.kw == kwNone
	}
	return false
}

// scan reads the token at p, which does not begin with an ASCII letter.
func (l *lexer) scan(p int) token {
	c := l.text[p]
	switch class := classes[c]; {
	case class&classDigit != 0:
		if isUUID(l.text[p:]) {
			return token{kind: tokenNumber, end: p + uuidLength}
		}
		return l.scanNumber(p)
	case class&classHigh != 0:
		if l.identRune(p, true) > 0 {
			return l.scanJoined(p)
		}
		_, size := utf8.DecodeRuneInString(l.text[p:])
		return token{kind: tokenPunct, end: p + size}
	}
	switch c {
	case '\'':
		return l.scanString(p, p)
	case '"':
		return l.scanDouble(p)
	case '`':
		if l.rules.backtick {
			return l.scanName(p)
		}
	case '[':
		if l.rules.bracket || l.d == Generic {
			return l.scanName(p)
		}
	case '-':
		if l.at(p+1) == '-' {
			if l.startsDashes(p) {
				return l.scanLine(p)
			}
			if c := l.at(l.dashEnd); c == '#' || c == '/' && l.at(l.dashEnd+1) == '*' {
				// Without the comment that follows, the dashes would start a comment.
				return l.rest(false)
			}
		}
		return l.scanSign(p)
	case '+':
		return l.scanSign(p)
	case '.':
		switch c := l.at(p + 1); {
		case isDigit(c):
			return l.scanNumber(p)
		case c == '.': // 1..10
			return token{kind: tokenPunct, end: p + 2}
		}
	case '/':
		if l.at(p+1) == '*' {
			return l.scanComment(p)
		}
		if l.startsRegex() {
			return l.scanRegex(p)
		}
	case '*':
		if l.version && l.at(p+1) == '/' {
			l.version = false
			return token{kind: tokenPunct, end: p + 2}
		}
	case '#':
		return l.scanHash(p)
	case '$':
		return l.scanDollar(p)
	case ':':
		return l.scanColon(p)
	case '@':
		return l.scanAt(p)
	case '?':
		return l.scanQuestion(p)
	case '%':
		return l.scanPercent(p)
	}
	return token{kind: tokenPunct, end: p + 1}
}

// rest gives up and treats the rest of the text as one literal.
func (l *lexer) rest(truncated bool) token {
	l.truncated = l.truncated || truncated
	return token{kind: tokenRest, end: len(l.text)}
}
