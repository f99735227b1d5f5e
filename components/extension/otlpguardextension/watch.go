// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	runtimemetrics "runtime/metrics"
	"time"
)

const (
	// watchEvery is how often the heap is looked at.
	watchEvery = 50 * time.Millisecond
	// evictAge is how long a request must have been received before it is canceled
	// so that others have room. No sound one takes as long beside its app.
	evictAge = 250 * time.Millisecond
)

// watch cancels gRPC calls that are not complete while the heap is nearly full,
// until the context ends. grpc does not ask its pool for frames of 1 KiB or less,
// so that nothing else counts them: a message in frames of one byte takes a
// hundred times its size.
func (g *guard) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if g.heap() > g.fullHeap {
				g.receiving.unfinished.evict(evictAge)
			}
		}
	}
}

// liveHeap returns what the last garbage collection found in use, in bytes.
func liveHeap() int64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	return int64(sample[0].Value.Uint64()) //nolint:gosec // no heap is larger
}
