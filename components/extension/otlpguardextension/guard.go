// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/metric"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"
	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

const (
	// receivingShare is the percentage of the memory for requests that gRPC
	// messages may take until they are decoded.
	receivingShare = 20
	// smallShare is the part of the rest up to which a request is a small one,
	// which large ones do not keep out.
	smallShare = 16
	// fullHeapPercentage is the part of the collector's limit from which on the
	// heap is nearly full.
	fullHeapPercentage = 50
	// maxWait is how long a request may wait for memory.
	maxWait = 500 * time.Millisecond
	// maxRequest bounds a request on machines of much memory: what is refused
	// downstream is decoded, encoded and split again.
	maxRequest = 256 << 20
	// leastMessage is less than what a message takes on average in any sound
	// request.
	leastMessage = 32
)

var (
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
)

// guard is the extension.
type guard struct {
	limits    otlpscan.Limits
	maxBody   int64 // of a request that the guard decompresses, in bytes
	requests  *budget.Budget
	uploads   unfinished // of HTTP
	receiving *receiving
	// fullHeap is the size of the live heap, in bytes, from which on there is
	// little room left.
	fullHeap  int64
	heap      func() int64
	stopWatch context.CancelFunc
	watching  sync.WaitGroup
	telemetry *metadata.TelemetryBuilder
}

// newGuard returns a guard for a collector that may use limit bytes of memory.
func newGuard(cfg *Config, limit int64, telemetry *metadata.TelemetryBuilder) *guard {
	memory := limit / 100 * int64(cfg.SharePercentage) //nolint:gosec // at most 80
	forReceiving := memory / 100 * receivingShare
	forRequests := memory - forReceiving
	g := &guard{
		maxBody:   cfg.MaxRequestBodySize,
		receiving: newReceiving(forReceiving),
		fullHeap:  limit / 100 * fullHeapPercentage,
		heap:      liveHeap,
		stopWatch: func() {},
		telemetry: telemetry,
	}
	g.requests = budget.New(forRequests, forRequests/smallShare, maxWait, func() { g.uploads.evict(evictAge) })
	size := min(g.requests.Largest(), maxRequest)
	g.limits = otlpscan.Limits{Depth: cfg.MaxDepth, Messages: int(size / leastMessage), Size: size}
	return g
}

// Start has the guard's memory counted.
func (g *guard) Start(ctx context.Context, _ component.Host) error {
	activeReceiving.Store(g.receiving)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stopWatch = stop
	g.watching.Go(func() { g.watch(watching) })
	return errors.Join(
		g.telemetry.RegisterExtensionOtlpGuardMemoryUsageCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(g.requests.Used(), forRequests)
			o.Observe(g.receiving.inUse(), forReceiving)
			return nil
		}),
		g.telemetry.RegisterExtensionOtlpGuardMemoryLimitCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(g.requests.Size(), forRequests)
			o.Observe(g.receiving.limit, forReceiving)
			return nil
		}),
	)
}

// Shutdown ends what Start has begun.
func (g *guard) Shutdown(context.Context) error {
	g.stopWatch()
	g.watching.Wait()
	activeReceiving.CompareAndSwap(g.receiving, nil)
	g.telemetry.Shutdown()
	return nil
}

// growth is by how much at least the memory of a request grows.
const growth = 16 << 10

// grow takes memory for a request, and somewhat more than it needs, which saves
// taking it piece by piece.
func (g *guard) grow(ctx context.Context, r *budget.Request, need int64) error {
	if need <= r.Taken() {
		return nil
	}
	return r.Grow(ctx, min((need+need/8+growth)/growth*growth, max(need, g.limits.Size)))
}
