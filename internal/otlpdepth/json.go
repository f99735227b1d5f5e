// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpdepth

// JSONScanner bounds the nesting of objects and arrays in an export request in
// JSON, read whole or in pieces.
type JSONScanner struct {
	open, limit int
	inString    bool
	escape      bool // the next byte is the second of an escape
	verdict     Verdict
}

// NewJSONScanner returns a scanner that allows attribute values to nest to the
// depth limit, at least 1 and at most MaxLimit. It only counts objects and
// arrays, so that values may also nest a little deeper: at most 4/3 as deep,
// and some.
func NewJSONScanner(limit int) JSONScanner {
	// An attribute's value is the fifteenth object or array at most, in an
	// exemplar's attributes; a key-value list adds four, an array three.
	return JSONScanner{limit: 16 + 4*limit}
}

// Scan reads the next piece of the request and says what was found so far.
func (s *JSONScanner) Scan(piece []byte) Verdict {
	for len(piece) > 0 && s.verdict == Fine {
		if s.inString {
			piece = s.scanString(piece)
		} else {
			piece = s.scanStructure(piece)
		}
	}
	return s.verdict
}

// scanStructure reads up to the beginning of the next string, and returns what
// follows.
func (s *JSONScanner) scanStructure(piece []byte) []byte {
	for i, c := range piece {
		switch c {
		case '"':
			s.inString = true
			return piece[i+1:]
		case '{', '[':
			s.open++
			if s.open > s.limit {
				s.verdict = TooDeep
				return nil
			}
		case '}', ']':
			s.open--
		}
	}
	return nil
}

// scanString reads up to the end of the string, and returns what follows.
func (s *JSONScanner) scanString(piece []byte) []byte {
	for i, c := range piece {
		switch {
		case s.escape:
			s.escape = false
		case c == '\\':
			s.escape = true
		case c == '"':
			s.inString = false
			return piece[i+1:]
		}
	}
	return nil
}
