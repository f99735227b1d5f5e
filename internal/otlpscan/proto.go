// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

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

// ProtoScanner scans an export request in protobuf, whole or in pieces, and
// reports whether it can be decoded safely. It finds every message that pdata
// would decode, even where pdata is more lenient than protobuf: with field
// numbers and varints of too many bits, and inside groups. It takes linear
// time, and needs no memory unless values nest.
type ProtoScanner struct {
	account account
	depth   int
	// ended is set where the decoder would stop: at a violation or an error.
	ended bool

	skip  int64 // number of following bytes without any message
	top   frame
	below stack

	// carry holds the beginning of a field's head that a piece has cut off.
	carry   [maxHead]byte
	carried int
}

// frame is an open message: its kind, and the position of its end.
type frame struct {
	end  int64
	kind kind
}

// NewProtoScanner returns a scanner for a request of the signal.
func NewProtoScanner(signal Signal, limits Limits) ProtoScanner {
	return ProtoScanner{account: account{limits: limits}, top: frame{end: math.MaxInt64, kind: tracesRequest + kind(signal)}}
}

// Size returns the estimated memory of the decoded request so far, in bytes.
// The estimate is rather too high than too low.
func (s *ProtoScanner) Size() int64 { return s.account.size() }

// Messages returns the number of messages found so far.
func (s *ProtoScanner) Messages() int { return s.account.messages }

// Scan scans the next piece of the request and returns the verdict so far.
func (s *ProtoScanner) Scan(piece []byte) Verdict {
	base := s.account.bytes
	s.account.bytes += int64(len(piece))
	if !s.ended {
		s.scan(piece, base)
	}
	verdict := s.account.check()
	s.ended = s.ended || verdict != Fine
	return verdict
}

func (s *ProtoScanner) scan(piece []byte, base int64) {
	i := 0
	if s.carried > 0 {
		n := copy(s.carry[s.carried:], piece)
		head, size := readHead(s.carry[:s.carried+n])
		if size == 0 {
			s.carried += n
			return
		}
		i = size - s.carried
		s.carried = 0
		if size < 0 || !s.enter(head, base+int64(i)) {
			s.ended = true
			return
		}
	}

	for {
		if s.skip >= int64(len(piece)-i) {
			s.skip -= int64(len(piece) - i)
			return
		}
		i += int(s.skip)
		s.skip = 0
		for s.top.end == base+int64(i) {
			s.leave()
		}

		i = s.passOver(piece, i, base)
		if i == len(piece) || s.top.end == base+int64(i) {
			continue
		}

		head, size := readHead(piece[i:])
		if size == 0 {
			s.carried = copy(s.carry[:], piece[i:])
			return
		}
		i += size
		if size < 0 || !s.enter(head, base+int64(i)) {
			s.ended = true
			return
		}
	}
}

// passOver skips simple fields. It returns the position of the end of the
// innermost message, or of its first field that is not simple. A simple field
// lies completely in the piece, has one byte of tag and one of length, and is
// an attribute with one simple value or has no messages inside.
func (s *ProtoScanner) passOver(piece []byte, i int, base int64) int {
	if end := s.top.end - base; end < int64(len(piece)) {
		piece = piece[:end]
	}
	row := &fields[s.top.kind]
	messages, size := 0, int64(0)
simple:
	for i+1 < len(piece) {
		tag := piece[i]
		if tag < 1<<3 {
			break
		}
		field := row[tag>>3&15]
		next := i + 2
		switch tag & 0x87 {
		case wireBytes:
			next += int(piece[i+1])
			if piece[i+1] >= 0x80 || next > len(piece) {
				break simple
			}
			switch {
			case field == opaque:
			case field == keyValue:
				n := simpleAttribute(piece[i+2 : next])
				if n == 0 {
					break simple
				}
				messages += n
				size += memory[keyValue] + int64(n-1)*memory[anyValue]
			case next == i+2 && field < firstScalar && !field.container():
				messages++
				size += memory[field]
			default:
				break simple
			}
		case wireVarint:
			if piece[i+1] >= 0x80 || field != opaque {
				break simple
			}
		case wireFixed64:
			next = i + 9
			if field != opaque {
				break simple
			}
		case wireFixed32:
			next = i + 5
			if field != opaque {
				break simple
			}
		default:
			break simple
		}
		if next > len(piece) {
			break
		}
		i = next
	}
	s.account.add(messages, size)
	return i
}

// simpleAttribute returns the number of messages in an attribute whose value is
// a string, a number or missing, with lengths of one byte: 2, or 1 without a
// value. It returns 0 for any other attribute.
func simpleAttribute(b []byte) int {
	if len(b) == 0 {
		return 1
	}
	if len(b) < 2 || b[0] != 1<<3|wireBytes || b[1] >= 0x80 || 2+int(b[1]) > len(b) {
		return 0
	}
	key := 2 + int(b[1])
	if key == len(b) {
		return 1
	}
	if key+2 > len(b) || b[key] != 2<<3|wireBytes || int(b[key+1]) != len(b)-key-2 || b[key+1] >= 0x80 {
		return 0
	}
	value := b[key+2:]
	if len(value) < 2 {
		return 0
	}
	simple := false
	switch value[0] {
	case 1<<3 | wireBytes, 7<<3 | wireBytes:
		simple = value[1] < 0x80 && int(value[1]) == len(value)-2
	case 2 << 3, 3 << 3: // varints
		simple = value[len(value)-1] < 0x80 && len(value) <= 1+maxVarint
		for _, c := range value[1 : len(value)-1] {
			simple = simple && c >= 0x80
		}
	case 4<<3 | wireFixed64:
		simple = len(value) == 9
	}
	if !simple {
		return 0
	}
	return 2
}

// enter processes the field whose value begins at position, and returns false
// if the scan ends there.
func (s *ProtoScanner) enter(head fieldHead, position int64) bool {
	if head.length > s.top.end-position {
		return false // longer than the message around it
	}
	s.skip = head.length
	var next kind
	switch {
	case head.number < columns:
		next = fields[s.top.kind][head.number]
	case head.number == deprecatedScopes:
		next = fields[s.top.kind][deprecatedColumn]
	}
	switch {
	case next == opaque:
		return true
	case next >= firstScalar:
		s.account.add(0, scalars(next, head))
		return s.account.check() == Fine
	case !head.bytes:
		return true
	}
	if next.container() {
		if s.depth == s.account.limits.Depth {
			s.account.verdict = TooDeep
			return false
		}
		s.depth++
	}
	s.account.add(1, memory[next])
	if s.account.check() != Fine {
		return false
	}
	s.skip = 0
	s.below.push(s.top)
	s.top = frame{end: position + head.length, kind: next}
	return true
}

// scalars returns the memory of a string, or of one or more numbers, in
// addition to their bytes.
func scalars(k kind, head fieldHead) int64 {
	switch {
	case !head.bytes, k == text:
		return memory[k]
	case k == fixed64:
		return 0
	default:
		return memory[k] * head.length
	}
}

func (s *ProtoScanner) leave() {
	if s.top.kind.container() {
		s.depth--
	}
	s.top = s.below.pop()
}

// stack holds the messages around the innermost one. The first ones are stored
// in an array: a request without nested values opens no more.
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

// fieldHead is the part of a field before its value. The value of a varint, and
// the content of a group, count as no value.
type fieldHead struct {
	number int32
	bytes  bool // length-delimited
	length int64
}

const (
	maxVarint = 10
	maxHead   = 2 * maxVarint
)

// readHead reads the head at the beginning of b. Its size is 0 if b ends within
// the head, and negative if the decoder would reject it.
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
		// pdata does not skip everything inside a group.
	default:
		return fieldHead{}, -1
	}
	return head, size
}

// readVarint is as lenient as pdata, which drops the bits above the 64th. Its
// size is 0 if b ends within the number, and negative if the number is too
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
