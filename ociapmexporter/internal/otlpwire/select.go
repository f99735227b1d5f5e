// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"

import "google.golang.org/protobuf/encoding/protowire"

// Count returns the number of items in the pieces.
func (l Layout) Count(pieces ...[]byte) (int, error) {
	w := walker{layout: l, item: func([]byte) bool { return true }}
	err := w.walk(pieces)
	return w.index, err
}

// Select returns a request with the items of the set. It is never larger than the pieces
// together.
func (l Layout) Select(set Set, pieces ...[]byte) ([]byte, error) {
	var out writer
	w := walker{layout: l, left: out.closeTo}
	w.item = func(field []byte) bool {
		for len(set) > 0 && set[0].To <= w.index {
			set = set[1:]
		}
		if len(set) == 0 {
			return false
		}
		if set[0].From <= w.index {
			out.openTo(w.path)
			out.content = append(out.content, field...)
		}
		return true
	}
	if err := w.walk(pieces); err != nil {
		return nil, err
	}
	return out.finish(), nil
}

// First returns the message of the first item and the messages around it, the item first
// and the resource last. It returns nil if there is no item.
func (l Layout) First(pieces ...[]byte) ([][]byte, error) {
	for _, piece := range pieces {
		if found, err := l.first(piece); found != nil || err != nil {
			return found[:max(len(found)-1, 0)], err // without the request
		}
	}
	return nil, nil
}

func (l Layout) first(message []byte) ([][]byte, error) {
	if len(l) == 0 {
		return [][]byte{message}, nil
	}
	for rest := message; len(rest) > 0; {
		number, value, size, err := nextField(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[size:]
		if value == nil || !l[0].has(number) {
			continue
		}
		if found, err := l[1:].first(value); found != nil || err != nil {
			return append(found, message), err
		}
	}
	return nil, nil
}

// Field returns the value of a field that is text, bytes or a message, or nil if the
// message has no such field.
func Field(message []byte, number protowire.Number) []byte {
	for len(message) > 0 {
		got, value, size, err := nextField(message)
		if err != nil {
			return nil
		}
		if got == number && value != nil {
			return value
		}
		message = message[size:]
	}
	return nil
}

// writer writes items with the containers around them. A container is opened by
// its first item.
type writer struct {
	content []byte
	open    []gap
}

// gap is the place where the length of an open container is written once it is known.
type gap struct{ at, width int }

// openTo opens the containers of a path that are not open yet.
func (w *writer) openTo(path []container) {
	for i := len(w.open); i < len(path); i++ {
		c := &path[i]
		w.content = protowire.AppendTag(w.content, c.number, protowire.BytesType)
		g := gap{at: len(w.content), width: protowire.SizeVarint(uint64(c.size))} //nolint:gosec // a length
		w.content = append(w.content, make([]byte, g.width)...)
		w.open = append(w.open, g)
		for _, fields := range c.others {
			w.content = append(w.content, fields...)
		}
	}
}

// closeTo writes the lengths of the open containers below a depth.
func (w *writer) closeTo(depth int) {
	for len(w.open) > depth {
		g := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		begin := g.at + g.width
		size := uint64(len(w.content) - begin) //nolint:gosec // a length
		width := protowire.SizeVarint(size)
		if width < g.width {
			copy(w.content[g.at+width:], w.content[begin:])
			w.content = w.content[:len(w.content)-(g.width-width)]
		}
		protowire.AppendVarint(w.content[:g.at], size)
	}
}

// finish returns what was written, and resets the writer.
func (w *writer) finish() []byte {
	w.closeTo(0)
	content := w.content
	w.content = nil
	return content
}
