// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	// For the codec of its requests, which it registers as "proto".
	_ "go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"

	"github.com/ociapm/otelcol-ociapm/internal/otlpdepth"
)

// handshakeTimeout bounds how long a connection may say nothing at its start.
// grpc's default of two minutes holds a shutdown up as long.
const handshakeTimeout = 10 * time.Second

var errNoCodec = errors.New(`no gRPC codec is registered under the name "proto"`)

// GetGRPCServerOptions returns the options that have a server scan its requests
// after decompression and before decoding.
//
// A codec alone could refuse them, but not say why: whatever its error, grpc
// answers INTERNAL. So the codec leaves a refused request undecoded, the stats
// handler, which grpc calls next and with the call's context, notes it there,
// and the interceptor, which alone can name the status, answers.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	inner := encoding.GetCodecV2("proto")
	if inner == nil {
		return nil, errNoCodec
	}
	c := &codec{inner: inner, maxDepth: g.maxDepth}
	return []grpc.ServerOption{
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.ForceServerCodecV2(c),
		grpc.StatsHandler(&callNotes{codec: c}),
		grpc.ChainUnaryInterceptor(g.intercept),
	}, nil
}

// codec is the inner one, but for requests that are too deep.
type codec struct {
	inner    encoding.CodecV2
	maxDepth int
	// refused holds the requests that were left undecoded, from Unmarshal until
	// grpc hands them to the stats handler, which it does next.
	refused sync.Map
}

// Name returns the name of the inner codec, "proto".
func (c *codec) Name() string { return c.inner.Name() }

// Marshal is that of the inner codec.
func (c *codec) Marshal(v any) (mem.BufferSlice, error) { return c.inner.Marshal(v) }

// Unmarshal decodes data, unless it is an export request that is too deep.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	if signal, ok := signalOf(v); ok {
		scanner := otlpdepth.NewProtoScanner(signal, c.maxDepth)
		for _, piece := range data {
			if scanner.Scan(piece.ReadOnlyData()) != otlpdepth.Fine {
				c.refused.Store(v, nil)
				return nil
			}
		}
	}
	return c.inner.Unmarshal(data, v)
}

// signalOf returns the signal that a request exports. pdata's requests are
// internal to it, but named as in OTLP.
func signalOf(v any) (otlpdepth.Signal, bool) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return 0, false
	}
	switch t.Elem().Name() {
	case "ExportTraceServiceRequest":
		return otlpdepth.Traces, true
	case "ExportMetricsServiceRequest":
		return otlpdepth.Metrics, true
	case "ExportLogsServiceRequest":
		return otlpdepth.Logs, true
	case "ExportProfilesServiceRequest":
		return otlpdepth.Profiles, true
	}
	return 0, false
}

// note is what is known of a call; only its own goroutine touches it.
type note struct{ refused bool }

type noteKey struct{}

// callNotes gives each call a note.
type callNotes struct{ codec *codec }

// TagRPC adds a note to the context of a call.
func (*callNotes) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, noteKey{}, &note{})
}

// HandleRPC notes that the codec refused the call's request.
func (h *callNotes) HandleRPC(ctx context.Context, event stats.RPCStats) {
	in, ok := event.(*stats.InPayload)
	if !ok {
		return
	}
	if _, ok := signalOf(in.Payload); !ok {
		return
	}
	if _, refused := h.codec.refused.LoadAndDelete(in.Payload); refused {
		if n, ok := ctx.Value(noteKey{}).(*note); ok {
			n.refused = true
		}
	}
}

// TagConn does nothing.
func (*callNotes) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (*callNotes) HandleConn(context.Context, stats.ConnStats) {}

func (g *guard) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if n, ok := ctx.Value(noteKey{}).(*note); ok && n.refused {
		return nil, g.refused(ctx, viaGRPC)
	}
	return handler(ctx, req)
}
