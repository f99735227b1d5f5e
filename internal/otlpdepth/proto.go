// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpdepth

import "math"

// Wire types of protobuf.
const (
	wireVarint = iota
	wireFixed64
	wireBytes
	wireStartGroup
	wireEndGroup
	wireFixed32
)

// ProtoScanner reads an export request in protobuf, whole or in pieces, and
// says whether it can be decoded safely. It finds every value that pdata would
// decode, also where pdata is more lenient than protobuf: with field numbers
// and varints of too many bits, and inside groups. It takes time linear in what
// it reads, and no memory unless values nest.
type ProtoScanner struct {
	limit   int
	counts  bool
	budget  int // messages that may still come
	depth   int
	verdict Verdict
	// ended is set where the decoder would stop: at a violation or an error.
	ended bool

	seen  int64 // bytes in the pieces before
	skip  int64 // bytes of the next pieces that nothing can be in
	top   frame
	below stack

	// carry holds a field's head that a piece ended in.
	carry   [maxHead]byte
	carried int
}

// frame is an open message: its kind, and how many bytes of the body end it.
type frame struct {
	end  int64
	kind kind
}

// NewProtoScanner returns a scanner for a request of the signal that allows the
// depth limit, at least 1 and at most MaxLimit.
func NewProtoScanner(signal Signal, limit int) ProtoScanner {
	return ProtoScanner{limit: limit, top: frame{end: math.MaxInt64, kind: tracesRequest + kind(signal)}}
}

// LimitMessages makes the scanner also count messages that can hold attributes:
// resources, scopes, spans, attributes and so on, each of which takes two bytes
// on the wire and hundreds in memory. Counting takes more time, since nothing
// can be passed over for its shortness.
func (s *ProtoScanner) LimitMessages(limit int) {
	s.counts, s.budget = true, limit
}

// Scan reads the next piece of the request and says what was found so far.
func (s *ProtoScanner) Scan(piece []byte) Verdict {
	if s.ended {
		return s.verdict
	}
	base, i := s.seen, 0
	s.seen += int64(len(piece))

	if s.carried > 0 {
		n := copy(s.carry[s.carried:], piece)
		head, size := readHead(s.carry[:s.carried+n])
		if size == 0 {
			s.carried += n
			return Fine
		}
		i = size - s.carried
		s.carried = 0
		if size < 0 || !s.enter(head, base+int64(i)) {
			s.ended = true
			return s.verdict
		}
	}

	for {
		if s.skip >= int64(len(piece)-i) {
			s.skip -= int64(len(piece) - i)
			return Fine
		}
		i += int(s.skip)
		s.skip = 0
		for s.top.end == base+int64(i) {
			s.leave()
		}

		if !s.counts {
			i = s.passOver(piece, i, base)
			if i == len(piece) || s.top.end == base+int64(i) {
				continue
			}
		}

		head, size := readHead(piece[i:])
		if size == 0 {
			s.carried = copy(s.carry[:], piece[i:])
			return Fine
		}
		i += size
		if size < 0 || !s.enter(head, base+int64(i)) {
			s.ended = true
			return s.verdict
		}
	}
}

// passOver returns where the innermost message ends, or the first of its fields
// begins that is not one of the many simple ones: whole in the piece, with a
// byte of tag and a byte of length, and nothing to look for inside.
func (s *ProtoScanner) passOver(piece []byte, i int, base int64) int {
	if end := s.top.end - base; end < int64(len(piece)) {
		piece = piece[:end]
	}
	row := &fields[s.top.kind]
	shortest := s.shortest(s.depth)
	if s.top.kind == anyValue { // a container can be too deep however short it is
		shortest = 0
	}
	for i+1 < len(piece) {
		tag := piece[i]
		next := i + 2
		switch tag & 0x87 {
		case wireBytes:
			length := piece[i+1]
			if length >= 0x80 || row[tag>>3&15] != opaque && int64(length) >= shortest {
				return i
			}
			next += int(length)
		case wireVarint:
			if piece[i+1] >= 0x80 {
				return i
			}
		case wireFixed64:
			next = i + 9
		case wireFixed32:
			next = i + 5
		default:
			return i
		}
		if tag < 8 || next > len(piece) {
			return i
		}
		i = next
	}
	return i
}

// enter takes the field whose value begins at position, and returns false where
// the scan ends.
func (s *ProtoScanner) enter(head fieldHead, position int64) bool {
	if head.length > s.top.end-position {
		return false // longer than the message that it is in
	}
	s.skip = head.length
	if !head.bytes {
		return true
	}
	var next kind
	switch {
	case head.number < columns:
		next = fields[s.top.kind][head.number]
	case head.number == deprecatedScopes:
		next = fields[s.top.kind][deprecatedColumn]
	}
	if next == opaque {
		return true
	}
	depth := s.depth
	if next.container() {
		depth++
		if depth > s.limit {
			s.verdict = TooDeep
			return false
		}
	}
	if s.counts {
		s.budget--
		if s.budget < 0 {
			s.verdict = TooManyMessages
			return false
		}
	} else if head.length < s.shortest(depth) {
		return true
	}
	s.skip = 0
	s.depth = depth
	s.below.push(s.top)
	s.top = frame{end: position + head.length, kind: next}
	return true
}

func (s *ProtoScanner) leave() {
	if s.top.kind.container() {
		s.depth--
	}
	s.top = s.below.pop()
}

// shortest returns the length that a message inside of depth containers needs
// to break the limit: two bytes for a container, and two for the value that it
// is, but for the outermost.
func (s *ProtoScanner) shortest(depth int) int64 {
	return 4*int64(s.limit-depth) + 2
}

// stack holds the messages around the innermost one. The first have their place
// in it: a request without nested values opens no more.
type stack struct {
	height int
	first  [16]frame
	more   []frame
}

func (s *stack) push(f frame) {
	if s.height < len(s.first) {
		s.first[s.height] = f
	} else {
		s.more = append(s.more, f)
	}
	s.height++
}

func (s *stack) pop() frame {
	s.height--
	if s.height < len(s.first) {
		return s.first[s.height]
	}
	last := len(s.more) - 1
	f := s.more[last]
	s.more = s.more[:last]
	return f
}

// fieldHead is what stands before a field's value. The value of a varint, and
// what is between the ends of a group, counts as none.
type fieldHead struct {
	number int32
	bytes  bool // length-delimited
	length int64
}

const (
	maxVarint = 10
	maxHead   = 2 * maxVarint
)

// readHead reads the head that b begins with. Its size is 0 if b ends before
// the head does, and negative if the decoder would refuse it.
func readHead(b []byte) (head fieldHead, size int) {
	tag, size := readVarint(b)
	if size <= 0 {
		return fieldHead{}, size
	}
	// pdata drops the upper bits of a number.
	head.number = int32(tag >> 3) //nolint:gosec // as in pdata
	if head.number <= 0 {
		return fieldHead{}, -1
	}
	switch tag & 7 {
	case wireVarint, wireBytes:
		value, n := readVarint(b[size:])
		if n <= 0 {
			return fieldHead{}, n
		}
		size += n
		if tag&7 == wireBytes {
			if value > math.MaxInt64 {
				return fieldHead{}, -1
			}
			head.bytes, head.length = true, int64(value)
		}
	case wireFixed64:
		head.length = 8
	case wireFixed32:
		head.length = 4
	case wireStartGroup, wireEndGroup:
		// pdata does not pass over all that is in a group.
	default:
		return fieldHead{}, -1
	}
	return head, size
}

// readVarint is as lenient as pdata, which drops the bits above the 64th. Its
// size is 0 if b ends before the number does, and negative if the number is too
// long.
func readVarint(b []byte) (value uint64, size int) {
	for i := range min(len(b), maxVarint) {
		value |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return value, i + 1
		}
	}
	if len(b) < maxVarint {
		return 0, 0
	}
	return 0, -1
}
