// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed is wrapped by the error of an operation on bytes that are not protobuf.
var ErrMalformed = errors.New("malformed OTLP request")

// Layout describes where the items of a signal are: for each level of messages from the
// request inwards, the fields that hold the next level.
type Layout []fields

// fields is a set of field numbers below 32.
type fields uint32

func fieldSet(numbers ...uint) (set fields) {
	for _, number := range numbers {
		set |= 1 << number
	}
	return set
}

func (f fields) has(number protowire.Number) bool { return number < 32 && f>>number&1 == 1 }

// The layouts of the three signals. Between a metric and its data points is a message
// for the kind of metric, such as gauge or sum. Each kind has its own field.
var (
	Traces  = Layout{fieldSet(1), fieldSet(2), fieldSet(2)}
	Metrics = Layout{fieldSet(1), fieldSet(2), fieldSet(2), fieldSet(5, 7, 9, 10, 11), fieldSet(1)}
	Logs    = Layout{fieldSet(1), fieldSet(2), fieldSet(2)}
)

// container is a message around items.
type container struct {
	number protowire.Number
	size   int      // of the whole message
	others [][]byte // its fields that hold no items
	extra  int      // bytes in others
}

// overhead returns the maximum number of bytes that the container adds to a request, not
// counting its items.
func (c *container) overhead() int {
	return protowire.SizeTag(c.number) + protowire.SizeVarint(uint64(c.size)) + c.extra //nolint:gosec // a length
}

// walker visits the items of a request in their order.
type walker struct {
	layout Layout
	// path has the containers around the current item, the outermost first.
	path  []container
	index int // of the current item

	// item is called with the field of an item, including its tag. It reports whether to
	// continue.
	item func(field []byte) (more bool)
	// left, which may be nil, is called when a container ends. The depth is the length of
	// the path without the container.
	left func(depth int)
}

// walk visits the items in the pieces, each of which is an encoded request.
func (w *walker) walk(pieces [][]byte) error {
	for _, piece := range pieces {
		more, err := w.children(piece, w.layout[0], 0)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// children visits the items in the fields of a message.
func (w *walker) children(message []byte, nested fields, depth int) (more bool, err error) {
	for len(message) > 0 {
		number, value, size, err := nextField(message)
		if err != nil {
			return false, err
		}
		field := message[:size]
		message = message[size:]
		if value == nil || !nested.has(number) {
			continue
		}
		if depth == len(w.layout)-1 {
			more := w.item(field)
			w.index++
			if !more {
				return false, nil
			}
			continue
		}
		more, err := w.inside(number, value, depth)
		if err != nil || !more {
			return more, err
		}
		w.path = w.path[:depth]
		if w.left != nil {
			w.left(depth)
		}
	}
	return true, nil
}

// inside visits the items in a container.
func (w *walker) inside(number protowire.Number, message []byte, depth int) (more bool, err error) {
	nested := w.layout[depth+1]
	if err := w.enter(number, message, nested, depth); err != nil {
		return false, err
	}
	return w.children(message, nested, depth+1)
}

// enter puts a container on the path.
func (w *walker) enter(number protowire.Number, message []byte, nested fields, depth int) error {
	if cap(w.path) == 0 {
		w.path = make([]container, 0, len(w.layout))
	}
	w.path = w.path[:depth+1]
	c := &w.path[depth]
	*c = container{number: number, size: len(message), others: c.others[:0]}
	begin, end := 0, 0 // of a run of fields without items
	add := func() {
		if end > begin {
			c.others = append(c.others, message[begin:end])
			c.extra += end - begin
		}
	}
	for at := 0; at < len(message); {
		field, value, size, err := nextField(message[at:])
		if err != nil {
			return err
		}
		if value != nil && nested.has(field) {
			add()
			begin = at + size
		}
		at += size
		end = at
	}
	if end > begin {
		add()
	}
	return nil
}

// nextField returns the first field of a message. Its value is nil unless it is
// length-delimited; its size includes the tag.
func nextField(message []byte) (number protowire.Number, value []byte, size int, err error) {
	number, kind, n := protowire.ConsumeTag(message)
	if n < 0 {
		return 0, nil, 0, malformed(n)
	}
	if kind == protowire.BytesType {
		value, m := protowire.ConsumeBytes(message[n:])
		if m < 0 {
			return 0, nil, 0, malformed(m)
		}
		return number, value[:len(value):len(value)], n + m, nil
	}
	m := protowire.ConsumeFieldValue(number, kind, message[n:])
	if m < 0 {
		return 0, nil, 0, malformed(m)
	}
	return number, nil, n + m, nil
}

func malformed(code int) error {
	return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(code))
}
