// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

// passOver skips simple fields. It returns the position of the end of the
// innermost message, or of its first field that is not simple. A simple field
// lies completely in the piece, has one byte of tag and at most two of length,
// and is an attribute with one simple value or has no messages inside.
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
			content := shortBytes(piece, i+1)
			if content.begin == 0 {
				break simple
			}
			next = content.end
			switch {
			case field == opaque:
			case field == keyValue:
				n := simpleAttribute(piece[content.begin:content.end])
				if n == 0 {
					break simple
				}
				messages += n
				size += memory[keyValue] + int64(n-1)*memory[anyValue]
			case content.begin == content.end && field < firstScalar && !field.container():
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
// a string, a number or missing, with lengths of at most two bytes: 1 and the
// number of its values. It returns 0 for any other attribute. SDKs send the key
// first, collectors the value.
func simpleAttribute(b []byte) int {
	messages := 1
	for i := 0; i < len(b); {
		content := shortBytes(b, i+1)
		if content.begin == 0 {
			return 0
		}
		switch b[i] {
		case 1<<3 | wireBytes:
		case 2<<3 | wireBytes:
			if !simpleValue(b[content.begin:content.end]) {
				return 0
			}
			messages++
		default:
			return 0
		}
		i = content.end
	}
	return messages
}

// simpleValue reports whether the value of an attribute is one string or number.
func simpleValue(value []byte) bool {
	if len(value) < 2 {
		return false
	}
	switch value[0] {
	case 1<<3 | wireBytes, 7<<3 | wireBytes:
		return shortBytes(value, 1).end == len(value)
	case 2 << 3, 3 << 3: // varints
		for _, c := range value[1 : len(value)-1] {
			if c < 0x80 {
				return false
			}
		}
		return value[len(value)-1] < 0x80 && len(value) <= 1+maxVarint
	case 4<<3 | wireFixed64:
		return len(value) == 9
	}
	return false
}

// extent is a part of a slice.
type extent struct{ begin, end int }

// shortBytes returns the extent of the bytes after the length at i. It returns
// the zero extent if the length has more than two bytes, or if b ends before
// them.
func shortBytes(b []byte, i int) extent {
	if i >= len(b) {
		return extent{}
	}
	n := int(b[i])
	i++
	if n >= 0x80 {
		if i >= len(b) || b[i] >= 0x80 {
			return extent{}
		}
		n = n&0x7f | int(b[i])<<7
		i++
	}
	if n > len(b)-i {
		return extent{}
	}
	return extent{i, i + n}
}
