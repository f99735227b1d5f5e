// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// request is what the queue holds and the upload sends: items that were encoded
// once, when they came. Its size is known, it takes a fifth of the memory of the
// items themselves, it goes to the disk and back as it is, and it is merged
// without decoding: written one after the other, two encoded messages are the
// encoding of both merged (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
type request[T any] struct {
	signal *signal[T]
	pieces [][]byte // encoded export requests
	size   int      // of the pieces together, in bytes
	items  int
}

var (
	_ xexporterhelper.Request             = (*request[any])(nil)
	_ xexporterhelper.RequestErrorHandler = (*request[any])(nil)
)

var errForeignRequest = errors.New("a request of another exporter")

// newRequest encodes data.
func newRequest[T any](sig *signal[T], data T) (*request[T], error) {
	body, err := sig.marshal(data)
	if err != nil {
		return nil, err
	}
	return &request[T]{signal: sig, pieces: [][]byte{body}, size: len(body), items: sig.count(data)}, nil
}

// converter returns the function that makes requests of what the pipeline has.
func converter[T any](sig *signal[T]) xexporterhelper.RequestConverterFunc[T] {
	return func(_ context.Context, data T) (xexporterhelper.Request, error) { return newRequest(sig, data) }
}

// body returns the request as one message.
func (r *request[T]) body() []byte {
	if len(r.pieces) == 1 {
		return r.pieces[0]
	}
	return slices.Concat(r.pieces...)
}

// data decodes the request.
func (r *request[T]) data() (T, error) { return r.signal.unmarshal(r.body()) }

// ItemsCount returns the number of spans, data points or log records.
func (r *request[T]) ItemsCount() int { return r.items }

// BytesSize returns the size of an upload before it is compressed.
func (r *request[T]) BytesSize() int { return r.size }

// merge adds the items of another request.
func (r *request[T]) merge(other *request[T]) {
	r.pieces = append(r.pieces, other.pieces...)
	r.size += other.size
	r.items += other.items
}

// MergeSplit implements xexporterhelper.Request. A single item that is larger
// than maxSize stays: APM may well take it.
func (r *request[T]) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	if other != nil {
		o, ok := other.(*request[T])
		if !ok {
			return nil, errForeignRequest
		}
		r.merge(o)
	}
	measure := (*request[T]).BytesSize
	if sizer == exporterhelper.RequestSizerTypeItems {
		measure = (*request[T]).ItemsCount
	}
	if maxSize == 0 || measure(r) <= maxSize {
		return []xexporterhelper.Request{r}, nil
	}
	parts, err := r.split(func(part *request[T]) bool { return measure(part) <= maxSize })
	if err != nil {
		return nil, err
	}
	// exporterhelper goes on filling the last one.
	slices.SortStableFunc(parts, func(a, b *request[T]) int { return measure(b) - measure(a) })
	requests := make([]xexporterhelper.Request, 0, len(parts))
	for _, part := range parts {
		requests = append(requests, part)
	}
	return requests, nil
}

// split halves the request until each part fits or is one item.
func (r *request[T]) split(fits func(*request[T]) bool) ([]*request[T], error) {
	if fits(r) || r.items <= 1 {
		return []*request[T]{r}, nil
	}
	first, second, err := r.halves()
	if err != nil {
		return nil, err
	}
	left, err := first.split(fits)
	if err != nil {
		return nil, err
	}
	right, err := second.split(fits)
	return append(left, right...), err
}

// halves returns two requests with half of the items each.
func (r *request[T]) halves() (first, second *request[T], err error) {
	data, err := r.data()
	if err != nil {
		return nil, nil, err
	}
	middle := r.items / 2
	if first, err = newRequest(r.signal, r.signal.keep(data, func(i int) bool { return i < middle })); err != nil {
		return nil, nil, err
	}
	second, err = newRequest(r.signal, r.signal.keep(data, func(i int) bool { return i >= middle }))
	return first, second, err
}

// sample returns items, each as a request of its own, and the rest, which has none
// where there are no more than n items. One is taken from each nth of the items,
// within it at a place that looks random, so that neither a run of items nor a
// pattern that repeats fills the sample unless it fills most of the request. The same
// request has the same sample.
func (r *request[T]) sample(n int) (items []*request[T], rest *request[T], err error) {
	data, err := r.data()
	if err != nil {
		return nil, nil, err
	}
	n = min(n, r.items)
	places := rand.New(rand.NewPCG(uint64(r.items), uint64(r.size))) //nolint:gosec // no secret, and the counts are positive
	picked := make(map[int]bool, n)
	for i := range n {
		from, to := i*r.items/n, (i+1)*r.items/n
		picked[from+places.IntN(to-from)] = true
	}
	few := r.signal.keep(data, func(i int) bool { return picked[i] })
	for place := range n {
		item, itemErr := newRequest(r.signal, r.signal.keep(few, func(i int) bool { return i == place }))
		if itemErr != nil {
			return nil, nil, itemErr
		}
		items = append(items, item)
	}
	rest, err = newRequest(r.signal, r.signal.keep(data, func(i int) bool { return !picked[i] }))
	return items, rest, err
}

// OnError returns what is to be sent again.
func (r *request[T]) OnError(err error) xexporterhelper.Request {
	var held *heldError[T]
	if errors.As(err, &held) {
		return held.request
	}
	return r
}

// heldError says that a part of a request is to be sent again, and the rest is
// not.
type heldError[T any] struct {
	cause   error
	request *request[T]
}

// Error returns why the part is held.
func (e *heldError[T]) Error() string { return e.cause.Error() }

// Unwrap returns why the part is held.
func (e *heldError[T]) Unwrap() error { return e.cause }

// storedVersion begins what is stored of a request on disk. No encoded message
// begins with a zero byte, and so none is taken for a stored request.
var storedVersion = []byte{0, 1}

// maxStoredBytes is more than a request can have: receivers refuse far smaller
// ones. It bounds what a damaged queue makes the collector allocate.
const maxStoredBytes = 1 << 30

var errStored = errors.New("not a stored request of this exporter")

// stored is the form of requests on disk: the version, the number of items, and
// the encoded items as an S2 block. Compressing and decompressing it cost less
// than the disk's pages that it saves.
type stored[T any] struct{ signal *signal[T] }

var _ exporterhelper.QueueBatchEncoding[xexporterhelper.Request] = stored[any]{}

// Marshal returns what is stored of a request.
func (s stored[T]) Marshal(_ context.Context, req xexporterhelper.Request) ([]byte, error) {
	r, ok := req.(*request[T])
	if !ok {
		return nil, errForeignRequest
	}
	body := r.body()
	header := binary.AppendUvarint(slices.Clone(storedVersion), uint64(r.items)) //nolint:gosec // a count
	buf := make([]byte, len(header)+s2.MaxEncodedLen(len(body)))
	n := copy(buf, header)
	return buf[:n+len(s2.Encode(buf[n:], body))], nil
}

// Unmarshal returns the request that was stored.
func (s stored[T]) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	r, err := s.read(data)
	return context.Background(), r, err
}

func (s stored[T]) read(data []byte) (*request[T], error) {
	rest, ok := bytes.CutPrefix(data, storedVersion)
	if !ok {
		return nil, errStored
	}
	items, n := binary.Uvarint(rest)
	if n <= 0 || items > maxStoredBytes {
		return nil, fmt.Errorf("%w: it has no count of items", errStored)
	}
	size, err := s2.DecodedLen(rest[n:])
	if err != nil || size > maxStoredBytes {
		return nil, fmt.Errorf("%w: it has no size", errStored)
	}
	body, err := s2.Decode(make([]byte, size), rest[n:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStored, err)
	}
	return &request[T]{signal: s.signal, pieces: [][]byte{body}, size: len(body), items: int(items)}, nil
}
