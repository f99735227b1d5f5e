// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

// JSONScanner scans an export request in JSON, whole or in pieces, and reports
// whether it can be decoded safely. It takes linear time.
//
// After an error, pdata's decoder reads on and may lose track of the structure:
// it reads the text of strings as objects, and creates a message at each comma.
// So once the decoder might find an error, the scanner counts every character
// that may be structure as the most expensive thing that it can be, and no
// longer closes anything. This never happens for a request that pdata accepts.
type JSONScanner struct {
	account account
	levels  int // maximum nesting of objects and arrays
	open    []slot
	expect  expectation
	// field is the place of the next value in an object.
	field slot
	token token
	// key holds the name of the current field.
	key     [maxKey]byte
	keySize int
	astray  bool // the decoder may have lost track of the structure
	opened  int  // objects opened since then
}

// expectation is the next element that is expected in JSON.
type expectation uint8

const (
	wantValue expectation = iota
	wantValueOrEnd
	wantKey
	wantKeyOrEnd
	wantColon
	wantCommaOrEnd
	wantNothing // the request has ended; the decoder ignores the rest
)

// maxKey is longer than the name of any field.
const maxKey = 32

// NewJSONScanner returns a scanner for a request of any signal. It limits the
// nesting of objects and arrays instead of values, so values may nest slightly
// deeper than the limit: at most about 4/3 as deep.
func NewJSONScanner(limits Limits) JSONScanner {
	// An attribute's value is at most the fifteenth object or array, namely in
	// an exemplar's attributes. A key-value list adds four, an array three.
	return JSONScanner{account: account{limits: limits}, levels: 16 + 4*limits.Depth, field: slot{object, jsonRequest}}
}

// Size returns the estimated memory, like the method of ProtoScanner.
func (s *JSONScanner) Size() int64 { return s.account.size() }

// Messages returns the number of objects found so far.
func (s *JSONScanner) Messages() int { return s.account.messages }

// Scan scans the next piece of the request and returns the verdict so far.
func (s *JSONScanner) Scan(piece []byte) Verdict {
	s.account.bytes += int64(len(piece))
	for len(piece) > 0 && s.account.verdict == Fine {
		switch {
		case s.astray:
			s.scanAstray(piece)
			piece = nil
		case s.expect == wantNothing:
			piece = nil
		case s.token.kind == noToken:
			piece = s.scanStructure(piece)
		default:
			piece = s.scanToken(piece)
		}
	}
	return s.account.check()
}

// scanStructure reads up to the beginning of the next token, and returns the
// rest.
func (s *JSONScanner) scanStructure(piece []byte) []byte {
	for i, c := range piece {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '"':
			return s.openString(piece[i+1:])
		case '{':
			s.openObject()
		case '[':
			s.openArray()
		case '}':
			s.closeIf(s.expect == wantKeyOrEnd || s.expect == wantCommaOrEnd && !s.inArray())
		case ']':
			s.closeIf(s.expect == wantValueOrEnd || s.expect == wantCommaOrEnd && s.inArray())
		case ',':
			s.comma()
		case ':':
			if s.expect == wantColon {
				s.expect = wantValue
			} else {
				s.astray = true
			}
		default:
			if s.expect == wantValue || s.expect == wantValueOrEnd {
				s.token.start(literalToken)
				return piece[i:]
			}
			s.astray = true
		}
		if s.astray {
			return piece[i:]
		}
		if s.account.verdict != Fine || s.expect == wantNothing {
			return nil
		}
	}
	return nil
}

// scanAstray counts every character that may be structure, inside strings or
// not.
func (s *JSONScanner) scanAstray(piece []byte) {
	for _, c := range piece {
		switch c {
		case '{', '[':
			s.opened++
			s.account.add(1, mostMemory)
		case ',':
			s.account.add(1, mostMemory)
		}
	}
	if len(s.open)+s.opened > s.levels {
		s.account.verdict = TooDeep
	}
}

func (s *JSONScanner) inArray() bool {
	return len(s.open) > 0 && s.open[len(s.open)-1].form == list
}

// place returns the place of the next value, and counts it if it is an element.
func (s *JSONScanner) place() slot {
	if s.expect != wantValue && s.expect != wantValueOrEnd {
		s.astray = true
		return slot{}
	}
	if !s.inArray() {
		return s.field
	}
	at := s.open[len(s.open)-1].element()
	s.count(at)
	return at
}

func (s *JSONScanner) count(at slot) {
	n := 0
	if at.form == object {
		n = 1
	}
	s.account.add(n, memory[at.kind])
}

func (s *JSONScanner) openString(rest []byte) []byte {
	switch s.expect {
	case wantKey, wantKeyOrEnd:
		s.keySize = 0
		s.token.start(nameToken)
	case wantValue, wantValueOrEnd:
		switch s.place().form {
		case object, list, boolean:
			s.astray = true
		case rawStr:
			s.token.start(plainToken)
		default:
			s.token.start(stringToken)
		}
	default:
		s.astray = true
	}
	return rest
}

func (s *JSONScanner) openObject() {
	at := s.place()
	if at.form != object && at.form != unknown {
		s.astray = true
	}
	if s.astray {
		return
	}
	if !s.inArray() {
		s.count(at)
	}
	s.push(slot{object, at.kind}, wantKeyOrEnd)
}

func (s *JSONScanner) openArray() {
	at := s.place()
	if at.form != list && at.form != unknown {
		s.astray = true
	}
	if s.astray {
		return
	}
	s.push(slot{list, at.kind}, wantValueOrEnd)
}

func (s *JSONScanner) push(at slot, expect expectation) {
	if len(s.open) == s.levels {
		s.account.verdict = TooDeep
		return
	}
	s.open = append(s.open, at)
	s.expect = expect
}

func (s *JSONScanner) closeIf(allowed bool) {
	if !allowed {
		s.astray = true
		return
	}
	s.open = s.open[:len(s.open)-1]
	s.valueEnded()
}

func (s *JSONScanner) valueEnded() {
	s.expect = wantCommaOrEnd
	if len(s.open) == 0 {
		s.expect = wantNothing
	}
}

func (s *JSONScanner) comma() {
	switch {
	case s.expect != wantCommaOrEnd:
		s.astray = true
	case s.inArray():
		s.expect = wantValue
	default:
		s.expect = wantKey
	}
}
