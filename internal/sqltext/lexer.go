// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEOF     tokenKind = iota
	tokenWord              // unquoted, without dots
	tokenName              // quoted or with dots or a link
	tokenDouble            // "…" which the dialect alone does not tell an identifier from a literal
	tokenString            // a literal
	tokenNumber            // a literal, with its sign
	tokenBind              // ?, :1, $1, %s
	tokenAt                // @p1: a bind or a variable, as the statement says
	tokenVar               // @@rowcount
	tokenComment           // with a hint's
	tokenPunct             // one character, or :: or :=
	tokenRest              // what cannot be told apart any more, to the end of the text
)

type token struct {
	kind  tokenKind
	kw    keyword
	start int
	end   int
}

// lexer cuts a text into tokens. It reads each byte a bounded number of times.
type lexer struct {
	text  string
	pos   int
	d     Dialect
	rules *rules

	// The last token that is not a comment.
	prev    tokenKind
	prevKw  keyword
	prevEnd int

	truncated bool
	version   bool    // inside MySQL's /*! … */
	escapes   escapes // of '…', as far as decided
	triple    triple  // what ''' at the start of a literal means, as far as decided
	probing   bool    // tries one meaning of the backslash
	noBracket bool    // there is no ] any more
	dashEnd   int     // up to here dashes start no comment
	hashFree  int     // up to here # stands on lines without quotes
	hashes    bool    // # was read as code, and may have begun a comment
}

func newLexer(text string, d Dialect) lexer {
	d = d.known()
	r := &dialectRules[d]
	return lexer{text: text, d: d, rules: r, escapes: r.escapes}
}

const (
	classSpace uint8 = 1 << iota
	classLetter
	classDigit
	classIdent // letters, digits, _ and $
	classHigh  // not ASCII
	classJoins // behind a word: what may belong to it, or make it another token
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

// identRune returns the size of the rune at i if it may stand in an identifier. Only
// letters, marks and digits may: a space or a currency sign of Unicode must not
// hide the number behind it.
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

// identStart returns the size of what begins an unquoted identifier at i, or 0.
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

// identEnd returns where the identifier that goes on at i ends.
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

// plainEnd returns where the ASCII letters, digits, _ and $ that go on at i end.
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

// next returns the next token. Blanks stand between tokens.
func (l *lexer) next() token {
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
	if tok.kind != tokenComment {
		l.prev, l.prevKw, l.prevEnd = tok.kind, tok.kw, tok.end
	}
	return tok
}

// derailed reports whether a literal and a word touch, which no SQL has. It shows
// that a quote was read the wrong way round: what has passed for code was literal.
func (l *lexer) derailed(tok token) bool {
	if tok.start != l.prevEnd {
		return false
	}
	switch tok.kind {
	case tokenWord:
		return isLiteralToken(l.prev) && tok.kw == kwNone
	case tokenName:
		return isLiteralToken(l.prev) && l.text[tok.start] != '['
	case tokenNumber:
		return isLiteralToken(l.prev) && l.text[tok.start] != '-' && l.text[tok.start] != '+'
	case tokenString, tokenRest:
		if isLiteralToken(l.prev) {
			return true
		}
		fallthrough
	case tokenDouble:
		return l.prev == tokenName || l.prev == tokenNumber || l.prev == tokenWord && l.prevKw == kwNone
	}
	return false
}

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
				// Without the comment the dashes would become one.
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

// rest gives up: from p to the end everything counts as one literal.
func (l *lexer) rest(truncated bool) token {
	l.truncated = l.truncated || truncated
	return token{kind: tokenRest, end: len(l.text)}
}

// scanWord reads an unquoted identifier, a keyword, or a literal with a prefix such
// as N'…', that begins with a letter. Nearly all of a text's tokens are the plain
// ones that are known here.
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

// scanJoined is scanWord for every word.
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

// isStringPrefix reports whether the letters directly before a quote belong to the
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

// chain follows the dots, and the database link, of a name that ends at p.
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
		for sep := byte('@'); l.at(p) == sep && l.identStart(p+1) > 0; sep = '.' {
			p = l.identEnd(p + 2)
		}
	}
	return p
}

const (
	uuidLength = 36
	uuidGroup  = 8 // the length of its first group
)

// isUUID reports whether a text begins with a UUID, which is a literal without
// quotes in CQL. In SQL it would be a subtraction of five names and numbers, which
// nobody writes.
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

// scanNumber reads a numeric literal; p is at a digit, or at a point before one.
func (l *lexer) scanNumber(p int) token {
	i := p
	if c := l.at(i+1) | 0x20; l.text[i] == '0' && (c == 'x' || c == 'b' || c == 'o') {
		return token{kind: tokenNumber, end: l.literalTail(i + 2)}
	}
	i = l.digits(i)
	word := i // an identifier may begin with digits in MySQL
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
		(end > word+1 || l.text[word]|0x20 != 'e') {
		if full := l.chain(end); full > end {
			end = full
		}
		return token{kind: tokenName, end: end}
	}
	return token{kind: tokenNumber, end: end}
}

func (l *lexer) digits(i int) int {
	for i < len(l.text) && (isDigit(l.text[i]) || l.text[i] == '_') {
		i++
	}
	return i
}

// literalTail returns where a number that has been read to i ends: what is attached
// to it, a type suffix or garbage, is a part of it, but neither a keyword nor the
// prefix of a quoted literal nor a dollar quote is.
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

// scanSign reads + or -, with the number that follows directly.
func (l *lexer) scanSign(p int) token {
	if c := l.at(p + 1); isDigit(c) || c == '.' && isDigit(l.at(p+2)) {
		tok := l.scanNumber(p + 1)
		if tok.kind == tokenNumber {
			return tok
		}
	}
	return token{kind: tokenPunct, end: p + 1}
}

// startsDashes reports whether the -- at p starts a comment.
func (l *lexer) startsDashes(p int) bool {
	if !l.rules.blankDashes {
		return true
	}
	if p < l.dashEnd {
		return false
	}
	// More than two dashes count together, or a shorter comment would be left.
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

// scanLine reads a comment that ends with the line. The line end is not a part of it.
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
	// A system that does not nest reads the part between the two ends as SQL. As long
	// as no quote opens in it both go on alike behind it.
	if l.d == Generic && strings.ContainsAny(l.text[end:nested], "'\"`$") {
		return l.rest(false)
	}
	return token{kind: tokenComment, end: nested}
}

// nestedEnd returns the end of the comment at p where comments nest, or -1.
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

// scanVersion reads the opening of MySQL's /*!50000 … */, whose content is code.
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

// scanHash reads what begins with #: a comment of MySQL, an operator of PostgreSQL or
// a temporary table of SQL Server.
func (l *lexer) scanHash(p int) token {
	switch {
	case l.rules.numberSign:
		return l.scanLine(p)
	case l.d == SQLServer:
		return l.scanJoined(p)
	case l.d != Generic:
		return token{kind: tokenPunct, end: p + 1}
	}
	// As long as no quote stands on the line it is the same behind it whether this
	// is a comment or not.
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

// scanDollar reads what begins with $: a dollar quote, $1, $name, or money.
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
		// Money. A sign may stand behind the dollar.
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

// isPseudoColumn reports whether $word is a column of SQL Server.
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

// bindMayFollow reports whether a bind may begin directly at p: not where the byte
// before it belongs to an operand, as in a slice, a cast or a path.
func (l *lexer) bindMayFollow(p int) bool {
	if p == 0 {
		return true
	}
	switch l.text[p-1] {
	case ')', ']', '\'', '"', '`', ':', '}', '?':
		return false
	case '[':
		return l.text[p] != ':'
	}
	return !l.isIdentBefore(p)
}

// maxBindDigits is the length of the highest number that a system accepts for a
// bind variable, 65535 in PostgreSQL and Oracle. A longer one is a value: money, or
// the bound of a slice.
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

// isOperator reports whether the ? at p stands between two operands, where it is an
// operator of PostgreSQL.
func (l *lexer) isOperator(p int) bool {
	switch l.prev {
	case tokenName, tokenDouble, tokenString, tokenBind, tokenAt, tokenVar:
	case tokenWord:
		if l.prevKw != kwNone {
			return false
		}
	case tokenPunct:
		switch l.text[l.prevEnd-1] {
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
