// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"errors"
	"time"

	// Registers the codec "proto" for OTLP requests.
	_ "go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/tap"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"
)

const (
	// handshakeTimeout limits how long a new connection may stay silent. With
	// grpc's default, a silent connection delays a shutdown by two minutes.
	handshakeTimeout = 10 * time.Second
	// maxHeaders limits the size of a call's headers. grpc's default is 16 MiB.
	maxHeaders = 64 << 10
	// streamWorkers is the number of goroutines that are kept for calls. A new goroutine
	// has a stack of a few kilobytes, and growing it to what the pipeline needs takes a
	// tenth of the time of a small request. With more calls at once, the rest get new
	// goroutines, so this limits nothing.
	//
	// Upstream: configgrpc has no setting for it. golang/go#18138 is the cause.
	streamWorkers = 8
	// headerEntry is the memory of a header without its text, in bytes: a map entry and a
	// slice.
	headerEntry = 128
)

var errNoCodec = errors.New(`no gRPC codec is registered under the name "proto"`)

// GetGRPCServerOptions returns server options that limit the calls under way,
// count the bytes that they receive and decompress, and scan requests before
// decoding. They also keep goroutines for calls.
//
// Three parts share the work, because a codec can reject a request but cannot
// choose the status: grpc answers INTERNAL to any error of a codec. So the
// codec leaves a rejected request undecoded; the stats handler, which grpc
// calls next and with the call's context, records the reason there; and the
// interceptor returns the status.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	inner := encoding.GetCodecV2("proto")
	if inner == nil {
		return nil, errNoCodec
	}
	c, err := newCodec(inner, g)
	if err != nil {
		return nil, err
	}
	return []grpc.ServerOption{
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.InTapHandle(g.admitCall),
		experimental.BufferPool(g.receiving),
		grpc.ForceServerCodecV2(c),
		grpc.StatsHandler(&callNotes{codec: c}),
		grpc.ChainUnaryInterceptor(g.intercept),
	}, nil
}

// note holds the state of a call. Except for the field call, only the call's
// own goroutine uses it.
type note struct {
	call    *partial
	taken   *budget.Request
	refused reason
}

type noteKey struct{}

// admitCall gives a call a note, or refuses it if too many calls are under way.
func (g *guard) admitCall(ctx context.Context, info *tap.Info) (context.Context, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := g.receiving.admit(leastOfCall+memoryOfHeaders(info.Header), cancel)
	if c == nil {
		cancel()
		return ctx, g.refuse(ctx, noMemory, overGRPC)
	}
	context.AfterFunc(ctx, func() { g.receiving.ended(c) })
	return context.WithValue(ctx, noteKey{}, &note{call: c}), nil
}

// memoryOfHeaders returns the memory of headers in bytes. Each text is held twice: as
// received, and for the handler.
func memoryOfHeaders(headers metadata.MD) int64 {
	size := 0
	for name, values := range headers {
		size += headerEntry
		for _, value := range values {
			size += 2 * (len(name) + len(value))
		}
	}
	return int64(size)
}

// callNotes is the stats handler that fills in the notes of calls.
type callNotes struct{ codec *codec }

// TagRPC does nothing: admitCall has already added the note.
func (*callNotes) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC copies the codec's outcome into the call's note, and gives the
// memory back when the call ends.
func (h *callNotes) HandleRPC(ctx context.Context, event stats.RPCStats) {
	n, ok := ctx.Value(noteKey{}).(*note)
	if !ok {
		return
	}
	switch event := event.(type) {
	case *stats.InPayload:
		h.codec.guard.receiving.received(n.call)
		if outcome, ok := h.codec.outcome(event.Payload); ok {
			n.taken, n.refused = outcome.taken, outcome.refused
		}
	case *stats.End:
		if n.taken != nil {
			n.taken.Release()
		}
	}
}

// TagConn does nothing.
func (*callNotes) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (*callNotes) HandleConn(context.Context, stats.ConnStats) {}

func (g *guard) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if n, ok := ctx.Value(noteKey{}).(*note); ok && n.refused != "" {
		return nil, g.refuse(ctx, n.refused, overGRPC)
	}
	return handler(ctx, req)
}
