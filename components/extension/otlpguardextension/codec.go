// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"reflect"
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"
	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

// codec wraps the codec of OTLP requests and leaves those that break a limit
// undecoded.
type codec struct {
	inner encoding.CodecV2
	guard *guard
	// joined has the buffers of messages that came in several pieces.
	joined mem.BufferPool
	// outcomes holds the outcome of each request from Unmarshal until grpc
	// calls the stats handler, which it does next.
	outcomes sync.Map
}

// newCodec wraps inner.
//
// The buffers of joined messages are at most twice as large as the message. pdata's own
// pool has none between 32 and 512 KiB, and grpc clears all of a buffer before it is used
// again: for a message of 50 KiB, that takes 3 % of the collector's time, and empties the
// processor's cache.
//
// Upstream: grpc/grpc-go#8790 would end the clearing.
func newCodec(inner encoding.CodecV2, g *guard) (*codec, error) {
	joined, err := mem.NewBinaryTieredBufferPool(12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)
	if err != nil {
		return nil, err
	}
	return &codec{inner: inner, guard: g, joined: joined}, nil
}

// outcome is the memory that a request has taken, or the reason why it was not
// decoded.
type outcome struct {
	taken   *budget.Request
	refused reason
}

// Name returns the name of the inner codec, "proto".
func (c *codec) Name() string { return c.inner.Name() }

// Marshal encodes v with the inner codec.
func (c *codec) Marshal(v any) (mem.BufferSlice, error) { return c.inner.Marshal(v) }

// Unmarshal decodes data, unless it is an export request that breaks a limit or
// for which there is no memory.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	signal, ok := signalOf(v)
	if !ok {
		return c.inner.Unmarshal(data, v)
	}
	if why := c.check(data, signal, v); why != "" {
		c.outcomes.Store(v, outcome{refused: why})
		return nil
	}
	joined := data.MaterializeToBuffer(c.joined)
	defer joined.Free()
	err := c.inner.Unmarshal(mem.BufferSlice{joined}, v)
	if err != nil {
		if o, found := c.outcome(v); found {
			o.taken.Release()
		}
	}
	return err
}

// check takes the memory for a request, or returns the reason to reject it.
func (c *codec) check(data mem.BufferSlice, signal otlpscan.Signal, v any) reason {
	if why := cutShortFor(data); why != "" {
		return why
	}
	scanner := otlpscan.NewProtoScanner(signal, c.guard.limits)
	for _, piece := range data {
		if verdict := scanner.Scan(piece.ReadOnlyData()); verdict != otlpscan.Fine {
			return reasonOf(verdict)
		}
	}
	// The pieces are joined before they are decoded.
	need := 2*int64(data.Len()) + scanner.Size()
	if need > c.guard.limits.Size {
		return tooLarge
	}
	taken := c.guard.requests.NewRequest()
	if taken.Grow(context.Background(), need) != nil {
		return noMemory
	}
	c.outcomes.Store(v, outcome{taken: taken})
	return ""
}

// outcome returns the outcome of a request and forgets it.
func (c *codec) outcome(v any) (outcome, bool) {
	if _, ok := signalOf(v); !ok {
		return outcome{}, false
	}
	found, ok := c.outcomes.LoadAndDelete(v)
	if !ok {
		return outcome{}, false
	}
	return found.(outcome), true
}

// signalOf returns the signal that a request exports. The request types are
// internal to pdata, but carry the names of OTLP.
func signalOf(v any) (otlpscan.Signal, bool) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return 0, false
	}
	switch t.Elem().Name() {
	case "ExportTraceServiceRequest":
		return otlpscan.Traces, true
	case "ExportMetricsServiceRequest":
		return otlpscan.Metrics, true
	case "ExportLogsServiceRequest":
		return otlpscan.Logs, true
	case "ExportProfilesServiceRequest":
		return otlpscan.Profiles, true
	}
	return 0, false
}
