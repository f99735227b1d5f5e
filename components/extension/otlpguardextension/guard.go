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
	// receivingShare is the percentage of the memory for requests that is set
	// aside for gRPC messages that are not decoded yet.
	receivingShare = 20
	// smallShare sets the size of a small request: up to this fraction of the
	// remaining memory. Large requests never keep small ones out.
	smallShare = 16
	// fullHeapPercentage is the percentage of the collector's limit above which
	// the heap counts as nearly full.
	fullHeapPercentage = 50
	// maxWait is how long a request may wait for memory.
	maxWait = 500 * time.Millisecond
	// maxRequest limits the size of one request on machines with much memory: a
	// request that is rejected downstream is decoded, encoded and split again.
	maxRequest = 256 << 20
	// leastMessage is less than the average memory of a message in any
	// legitimate request, in bytes.
	leastMessage = 32
)

var (
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
)

// guard is the extension.
type guard struct {
	limits    otlpscan.Limits
	maxBody   int64 // limit for a request that the guard decompresses, in bytes
	requests  *budget.Budget
	uploads   unfinished // HTTP requests that are still being received
	receiving *receiving
	// fullHeap is the size of the live heap above which it counts as nearly
	// full, in bytes.
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

// Start begins to count the guard's memory.
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

// Shutdown stops what Start has started.
func (g *guard) Shutdown(context.Context) error {
	g.stopWatch()
	g.watching.Wait()
	activeReceiving.CompareAndSwap(g.receiving, nil)
	g.telemetry.Shutdown()
	return nil
}

// growth is the minimum by which the memory of a request grows, in bytes.
const growth = 16 << 10

// grow takes memory for a request. It takes slightly more than needed, so that
// it is not called for each piece.
func (g *guard) grow(ctx context.Context, r *budget.Request, need int64) error {
	if need <= r.Taken() {
		return nil
	}
	return r.Grow(ctx, min((need+need/8+growth)/growth*growth, max(need, g.limits.Size)))
}
