// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

// JSONScanner reads an export request in JSON, whole or in pieces, and says
// whether it can be decoded safely. It takes time linear in what it reads.
//
// pdata's decoder reads on after an error, and may then be out of step: it takes
// text in strings for objects, and makes a message of each comma. Wherever it
// might find an error, the scanner therefore counts whatever could be structure
// as the most that it can become, and closes nothing any more. A request that
// pdata accepts never comes to that.
type JSONScanner struct {
	account account
	levels  int // that objects and arrays may nest
	open    []slot
	expect  expectation
	// field is the place of the value that comes next in an object.
	field slot
	token token
	// key holds the name of the field that is read.
	key     [maxKey]byte
	keySize int
	astray  bool // the decoder may be out of step
	opened  int  // since it is
}

// expectation is what comes next in JSON.
type expectation uint8

const (
	wantValue expectation = iota
	wantValueOrEnd
	wantKey
	wantKeyOrEnd
	wantColon
	wantCommaOrEnd
	wantNothing // the request has ended; the decoder does not look at what follows
)

// maxKey is longer than the name of any field.
const maxKey = 32

// NewJSONScanner returns a scanner for a request of any signal. It bounds the
// nesting of objects and arrays rather than that of values, which may therefore
// also nest a little deeper than the limit: at most 4/3 as deep, and some.
func NewJSONScanner(limits Limits) JSONScanner {
	// An attribute's value is the fifteenth object or array at most, in an
	// exemplar's attributes; a key-value list adds four, an array three.
	return JSONScanner{account: account{limits: limits}, levels: 16 + 4*limits.Depth, field: slot{object, jsonRequest}}
}

// Size is that of a ProtoScanner.
func (s *JSONScanner) Size() int64 { return s.account.size() }

// Messages returns how many objects were found so far.
func (s *JSONScanner) Messages() int { return s.account.messages }

// Scan reads the next piece of the request and says what was found so far.
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

// scanStructure reads up to the beginning of the next token, and returns what
// follows.
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

// scanAstray counts what could be structure, in strings or not.
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

// place returns the place of the value that comes, and counts an element.
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
