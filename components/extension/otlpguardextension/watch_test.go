// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// While the heap is nearly full, calls that have been incomplete for a while
// are canceled. Other calls are left alone, and all calls are while there is
// room.
func TestWatch(t *testing.T) {
	g := newGuard(limited(100), 100<<20, nil)
	var heap atomic.Int64
	g.heap = heap.Load
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.watch(ctx)
	}()
	defer func() {
		stop()
		<-done
	}()

	canceled := make(chan string, 2)
	g.receiving.admit(leastOfCall, func() { canceled <- "the first" })
	time.Sleep(evictAge + 4*watchEvery)
	require.Empty(t, canceled, "there is room")
	complete := g.receiving.admit(leastOfCall, func() { canceled <- "a complete one" })
	g.receiving.received(complete)

	heap.Store(51 << 20)
	assert.Equal(t, "the first", <-canceled)
	began := time.Now()
	g.receiving.admit(leastOfCall, func() { canceled <- "the second" })
	assert.Equal(t, "the second", <-canceled)
	assert.GreaterOrEqual(t, time.Since(began), evictAge)
	assert.Empty(t, canceled)
}

func TestLiveHeap(t *testing.T) {
	kept := make([]byte, 32<<20)
	runtime.GC()
	assert.Greater(t, liveHeap(), int64(32<<20))
	runtime.KeepAlive(kept)
}
