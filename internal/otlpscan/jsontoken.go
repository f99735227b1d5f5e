// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

// tokenKind is the kind of the current token.
type tokenKind uint8

const (
	noToken tokenKind = iota
	nameToken
	stringToken
	plainToken   // a string that must not contain escapes
	literalToken // a number, true, false or null
)

// token is the current string or literal.
type token struct {
	kind   tokenKind
	escape bool // the next byte is the second byte of an escape
	hex    int  // number of hexadecimal digits missing in an escape
	// text is the text of a literal, or its beginning.
	text [maxLiteral]byte
	size int
}

// maxLiteral is longer than any number that must be examined as a whole.
const maxLiteral = 32

func (t *token) start(kind tokenKind) { *t = token{kind: kind} }

// scanToken reads up to the end of the token, and returns the rest.
func (s *JSONScanner) scanToken(piece []byte) []byte {
	if s.token.kind == literalToken {
		return s.scanLiteral(piece)
	}
	for i, c := range piece {
		switch {
		case s.token.hex > 0:
			s.token.hex--
			if !isHex(c) {
				s.astray = true
			}
		case s.token.escape:
			s.token.escape = false
			s.escaped(c)
		case c == '\\':
			s.token.escape = true
			s.astray = s.token.kind != stringToken
		case c == '"':
			s.stringEnded()
			return piece[i+1:]
		case c < ' ':
			s.astray = true
		case s.token.kind == nameToken:
			if s.keySize < maxKey {
				s.key[s.keySize] = c
				s.keySize++
			}
		}
		if s.astray {
			return piece[i+1:]
		}
	}
	return nil
}

func (s *JSONScanner) escaped(c byte) {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		s.token.hex = 4
	default:
		s.astray = true
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *JSONScanner) stringEnded() {
	if s.token.kind == nameToken {
		s.expect = wantColon
		s.astray = s.keySize == 0 // the decoder takes an empty name for the end of the object
		s.field = jsonFields()[s.open[len(s.open)-1].kind][string(s.key[:s.keySize])]
	} else {
		s.valueEnded()
	}
	s.token.kind = noToken
}

func (s *JSONScanner) scanLiteral(piece []byte) []byte {
	for i, c := range piece {
		switch {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E':
			if s.token.size < maxLiteral {
				s.token.text[s.token.size] = c
			}
			s.token.size++
		default:
			s.literalEnded()
			return piece[i:]
		}
	}
	return nil
}

func (s *JSONScanner) literalEnded() {
	want := s.place().form
	s.token.kind = noToken
	text := s.token.text[:min(s.token.size, maxLiteral)]
	switch string(text) {
	case "null":
		s.astray = want != unknown && want != object && want != list && want != str
	case "true", "false":
		s.astray = want != unknown && want != boolean
	default:
		s.astray = s.token.size > maxLiteral || !fits(text, want)
	}
	s.valueEnded()
}

// fits reports whether the text is a number that pdata's decoder accepts for
// the form. It is stricter than the decoder.
func fits(text []byte, form form) bool {
	rest, negative := text, false
	if len(rest) > 0 && rest[0] == '-' {
		rest, negative = rest[1:], true
	}
	whole := digits(rest)
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return false
	}
	isInteger := whole == len(rest)
	switch form {
	case int32s:
		return isInteger && whole <= 9
	case uint32s:
		return isInteger && whole <= 9 && !negative
	case int64s:
		return isInteger && whole <= 18
	case uint64s:
		return isInteger && whole <= 19 && !negative
	case float, unknown:
		return isInteger || isFraction(rest[whole:])
	default:
		return false
	}
}

// isFraction reports whether the text may follow the digits of a number: a
// fraction, an exponent or both.
func isFraction(text []byte) bool {
	if text[0] == '.' {
		n := digits(text[1:])
		if n == 0 {
			return false
		}
		text = text[1+n:]
	}
	if len(text) == 0 {
		return true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return false
	}
	text = text[1:]
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return len(text) > 0 && digits(text) == len(text)
}

func digits(text []byte) int {
	for i, c := range text {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(text)
}
