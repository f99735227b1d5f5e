// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	runtimemetrics "runtime/metrics"
	"time"
)

const (
	// watchEvery is the interval at which the heap is checked while requests are being
	// received. Otherwise it is evictAge: a younger request is not canceled.
	watchEvery = 50 * time.Millisecond
	// evictAge is how long a request must have been received before it may be
	// canceled to make room. A healthy sender on the same host is never that
	// slow.
	evictAge = 250 * time.Millisecond
)

// watch cancels incomplete gRPC calls while the heap is nearly full, until the
// context ends. grpc does not use its pool for frames of 1 KiB or less, so
// nothing else counts them: a message in frames of one byte takes a hundred
// times its size.
func (g *guard) watch(ctx context.Context) {
	timer := time.NewTimer(evictAge)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if g.receiving.unfinished.count() == 0 {
			timer.Reset(evictAge)
			continue
		}
		timer.Reset(watchEvery)
		if g.heap() > g.fullHeap {
			g.receiving.unfinished.evict(evictAge)
		}
	}
}

// liveHeap returns the size of the live heap after the last garbage collection,
// in bytes.
func liveHeap() int64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	return int64(sample[0].Value.Uint64()) //nolint:gosec // no heap is larger
}
