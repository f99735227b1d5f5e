// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"slices"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"
)

// request is what the queue holds and an upload sends: items that are encoded once, when
// they are consumed. So the size of a request is known, it takes a fifth of the memory of
// the decoded items, and it is stored and read back unchanged. Requests are merged without
// decoding: the concatenation of two encoded messages is the encoding of the merged
// message (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
type request[T any] struct {
	signal *signal[T]
	pieces [][]byte // encoded export requests
	size   int      // of the pieces together, in bytes
	items  int

	// unreadable has stored requests that could not be read, and that the storage could
	// not keep yet. They do not count in items.
	unreadable [][]byte

	// If this request is the rest of a larger one, the outcomes of the other items.
	delivered int
	lost      int // dropped, or rejected in a partial success
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
	return encodedRequest(sig, body, sig.count(data)), nil
}

// encodedRequest returns a request with the body of an encoded export request.
func encodedRequest[T any](sig *signal[T], body []byte, items int) *request[T] {
	r := &request[T]{signal: sig, size: len(body), items: items}
	if len(body) > 0 {
		r.pieces = [][]byte{body}
	}
	return r
}

// converter returns the function that converts the pipeline's data into requests.
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

// ItemsCount returns the number of spans, data points or log records.
func (r *request[T]) ItemsCount() int { return r.items }

// BytesSize returns the size of an upload before it is compressed.
func (r *request[T]) BytesSize() int { return r.size }

// merge adds the items of another request.
func (r *request[T]) merge(other *request[T]) {
	r.pieces = append(r.pieces, other.pieces...)
	r.size += other.size
	r.items += other.items
	r.unreadable = append(r.unreadable, other.unreadable...)
}

// MergeSplit implements xexporterhelper.Request. exporterhelper's batcher calls it on the
// batch that it fills, and uses the first result as that batch: it has all items of r,
// followed by those of other in their order. Only the last result may be filled further.
// A single item that is larger than maxSize is kept, since APM may accept it.
func (r *request[T]) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	if other == nil {
		return r.split(otlpwire.Limit{Size: maxSize, Items: sizer == exporterhelper.RequestSizerTypeItems})
	}
	o, ok := other.(*request[T])
	if !ok {
		return nil, errForeignRequest
	}
	limit := otlpwire.Limit{Size: maxSize, Items: sizer == exporterhelper.RequestSizerTypeItems, Smaller: r.measure(sizer)}
	parts, err := o.split(limit)
	if err != nil {
		// This is no reason to drop either request. The batch becomes larger than
		// maxSize, but APM may accept it.
		parts = []xexporterhelper.Request{o}
	}
	r.merge(parts[0].(*request[T]))
	parts[0] = r
	return parts, nil
}

// measure returns the size of the request in the unit of the sizer.
func (r *request[T]) measure(sizer exporterhelper.RequestSizerType) int {
	if sizer == exporterhelper.RequestSizerTypeItems {
		return r.items
	}
	return r.size
}

// split returns requests within the limit that together have the items in order.
func (r *request[T]) split(limit otlpwire.Limit) ([]xexporterhelper.Request, error) {
	size := r.size
	if limit.Items {
		size = r.items
	}
	if limit.Size == 0 || size+limit.Smaller <= limit.Size {
		return []xexporterhelper.Request{r}, nil
	}
	parts, err := r.signal.layout.Cut(limit, r.pieces...)
	if err != nil {
		return nil, err
	}
	requests := make([]xexporterhelper.Request, 0, len(parts))
	for i, part := range parts {
		cut := encodedRequest(r.signal, part.Body, part.Items)
		if i == 0 {
			cut.unreadable = r.unreadable
		}
		requests = append(requests, cut)
	}
	return requests, nil
}

// selection returns a request with only the items of the set.
func (r *request[T]) selection(set otlpwire.Set) (*request[T], error) {
	if set.Len() == r.items {
		return r, nil
	}
	body, err := r.signal.layout.Select(set, r.pieces...)
	if err != nil {
		return nil, err
	}
	return encodedRequest(r.signal, body, set.Len()), nil
}

// describe names the first item of the request, so that a reader of the log can find it
// in APM or in the app.
func (r *request[T]) describe() string {
	messages, err := r.signal.layout.First(r.pieces...)
	switch {
	case err != nil:
		return err.Error()
	case len(messages) == 0:
		return "an empty request of " + r.signal.name
	}
	return r.signal.describe(messages)
}

// OnError returns the request to retry.
func (r *request[T]) OnError(err error) xexporterhelper.Request {
	var partial *partialRetryError[T]
	if errors.As(err, &partial) {
		return partial.request
	}
	return r
}

// partialRetryError is returned if only a part of a request is retried.
type partialRetryError[T any] struct {
	cause   error
	request *request[T]
}

// Error returns why the part is retried.
func (e *partialRetryError[T]) Error() string { return e.cause.Error() }

// Unwrap returns why the part is retried.
func (e *partialRetryError[T]) Unwrap() error { return e.cause }
