// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/mem"
)

const (
	// leastOfCall is the minimum memory of a call that is under way, in bytes: its
	// goroutine's stack, a frame.
	leastOfCall = 16 << 10
	// admitWait is how long a call may wait for others to be canceled. Its connection
	// is not read meanwhile.
	admitWait = 3 * evictEvery
	// maxFrame is the largest buffer that grpc reads a frame of a connection
	// into. Buffers for decompressed data are larger.
	maxFrame = 16 << 10
)

// receiving counts what a gRPC server receives before its codec sees it: the
// frames of messages that may never be complete, and decompressed data. It is
// the server's buffer pool, which must hand out a buffer before the server can
// fill it.
//
// If there is no room for a frame, calls that are not complete are canceled,
// with a status that OTLP senders retry. The connection is not read until there
// is room.
type receiving struct {
	limit      int64
	unfinished unfinished

	mu sync.Mutex
	// mu guards everything declared below.
	used  int64
	freed chan struct{} // closed when memory comes free; nil if nobody waits
}

func newReceiving(limit int64) *receiving {
	return &receiving{limit: limit}
}

func (r *receiving) inUse() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// admit returns a call that takes n bytes until it ends, in addition to what it receives.
// Calling cancel must end it. admit returns nil if there is no room for the call.
func (r *receiving) admit(n int64, cancel context.CancelFunc) *partial {
	for deadline := time.Now().Add(admitWait); !r.tryTake(n); {
		freed := r.awaitFree()
		r.unfinished.evict(0)
		select {
		case <-freed:
		case <-time.After(evictEvery):
		}
		if time.Now().After(deadline) {
			return nil
		}
	}
	call := r.unfinished.add(cancel)
	call.size = n
	return call
}

// received records that a call's message is complete.
func (r *receiving) received(call *partial) { r.unfinished.remove(call) }

// ended records that a call has ended.
func (r *receiving) ended(call *partial) {
	r.unfinished.remove(call)
	r.free(call.size)
}

// Get returns a buffer of n bytes. For the buffer of a frame it may wait.
func (r *receiving) Get(n int) *[]byte {
	l := newLease(n, r)
	if n <= maxFrame {
		r.takeFrame(l.size())
	} else {
		r.take(l.size())
	}
	return l.lend(n)
}

// Put takes a buffer back.
func (r *receiving) Put(buffer *[]byte) {
	l := leaseOf(buffer)
	r.free(l.size())
	l.end()
}

var _ mem.BufferPool = (*receiving)(nil)

func (r *receiving) take(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used += n
}

func (r *receiving) free(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	if r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}

// takeFrame takes n bytes. It waits for room up to maxWait. After that it takes
// them anyway, since a buffer pool cannot return an error; this is rare.
func (r *receiving) takeFrame(n int64) {
	if r.tryTake(n) {
		return
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		freed := r.awaitFree()
		r.unfinished.evict(0)
		select {
		case <-freed:
		case <-time.After(evictEvery):
		case <-timer.C:
			r.take(n)
			return
		}
		if r.tryTake(n) {
			return
		}
	}
}

func (r *receiving) tryTake(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used+n > r.limit {
		return false
	}
	r.used += n
	return true
}

// awaitFree returns a channel that is closed when memory is freed.
func (r *receiving) awaitFree() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.freed == nil {
		r.freed = make(chan struct{})
	}
	return r.freed
}

// mayDecompress reports whether decompression of a message may go on after n
// bytes. Small messages have some extra room.
func (r *receiving) mayDecompress(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n <= smallMessage {
		return r.used <= r.limit/4*5
	}
	return r.used <= r.limit
}

// smallMessage is the size up to which a decompressed message is small, in
// bytes.
const smallMessage = 1 << 20
