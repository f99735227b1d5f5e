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
	// groups is the number of groups that have begun and have no field yet.
	groups int

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
		if size < 0 || !s.accept(head, base+int64(i)) {
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
			if s.groups > 0 {
				s.ended = true
				return
			}
			s.leave()
		}

		if s.groups == 0 {
			i = s.passOver(piece, i, base)
			if i == len(piece) || s.top.end == base+int64(i) {
				continue
			}
		}

		head, size := readHead(piece[i:])
		if size == 0 {
			s.carried = copy(s.carry[:], piece[i:])
			return
		}
		i += size
		if size < 0 || !s.accept(head, base+int64(i)) {
			s.ended = true
			return
		}
	}
}

// accept processes the field whose value begins at position, and returns false if
// the scan ends there.
//
// pdata ends a group after its first field that is not a group, and skips that
// field without looking inside, whatever its number is. What follows belongs to
// the message again.
func (s *ProtoScanner) accept(head fieldHead, position int64) bool {
	switch {
	case head.wire == wireStartGroup:
		s.groups++
		return true
	case head.wire == wireEndGroup:
		s.groups--
		return s.groups >= 0
	case s.groups > 0:
		s.groups = 0
		s.skip = head.length
		return head.length <= s.top.end-position
	default:
		return s.enter(head, position)
	}
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
	case head.wire != wireBytes:
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
	case head.wire != wireBytes, k == text:
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
	wire   uint8 // the wire type
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
	head.wire = uint8(tag & 7)
	switch head.wire {
	case wireVarint, wireBytes:
		value, n := readVarint(b[size:])
		if n <= 0 {
			return fieldHead{}, n
		}
		size += n
		if head.wire == wireBytes {
			if value > math.MaxInt64 {
				return fieldHead{}, -1
			}
			head.length = int64(value)
		}
	case wireFixed64:
		head.length = 8
	case wireFixed32:
		head.length = 4
	case wireStartGroup, wireEndGroup:
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
