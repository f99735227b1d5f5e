// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"container/list"
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/mem"
)

const (
	// leastOfCall is what a call takes at least while it is under way: its
	// goroutine's stack, its headers, a frame.
	leastOfCall = 16 << 10
	// evictEvery is how long the memory of a canceled call has to come free before
	// another is canceled.
	evictEvery = 10 * time.Millisecond
	// maxFrame is the most that grpc reads into one buffer from a connection; what
	// it decompresses it reads into larger ones.
	maxFrame = 16 << 10
)

// receiving counts what a gRPC server receives before its codec sees it: the
// frames of messages that may never be complete, and what is decompressed. It is
// the server's pool of buffers, which takes a buffer before it fills it.
//
// Where there is no room for a frame, the call that has received for longest and
// is not complete is canceled, a status that OTLP senders retry: who holds much
// and sends no more has to go first, and a sender that is done in a moment is
// never that call. Meanwhile the connection is not read from.
type receiving struct {
	limit    int64
	maxCalls int

	mu sync.Mutex
	// mu guards everything declared below.
	used  int64
	calls int
	// partial are the calls whose message is not complete, the oldest first.
	partial *list.List
	evicted time.Time     // when a call was canceled last
	freed   chan struct{} // closed when memory comes free; nil if nobody waits
}

// call is a call that is under way.
type call struct {
	cancel  context.CancelFunc
	partial *list.Element // nil if its message is complete
}

func newReceiving(limit int64) *receiving {
	return &receiving{limit: limit, maxCalls: max(16, int(limit/leastOfCall)), partial: list.New()}
}

func (r *receiving) inUse() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// admit returns a call that cancel ends, or nil if there are too many.
func (r *receiving) admit(cancel context.CancelFunc) *call {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls >= r.maxCalls {
		return nil
	}
	r.calls++
	c := &call{cancel: cancel}
	c.partial = r.partial.PushBack(c)
	return c
}

// received notes that a call's message is complete.
func (r *receiving) received(c *call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(c)
}

// ended notes that a call has ended.
func (r *receiving) ended(c *call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(c)
	r.calls--
}

func (r *receiving) forget(c *call) {
	if c.partial != nil {
		r.partial.Remove(c.partial)
		c.partial = nil
	}
}

// Get returns a buffer of n bytes. It may wait for a frame's.
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

// takeFrame takes n bytes, and waits for room no longer than requests wait: then
// it takes them as they are, since grpc has no other answer. They are few.
func (r *receiving) takeFrame(n int64) {
	if r.tryTake(n) {
		return
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		select {
		case <-r.evict():
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

// evict cancels the oldest partial calls, an eighth of all, if it is time for
// that: enough for those that wait to go on for a while. It returns what is closed
// when memory comes free.
func (r *receiving) evict() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.freed == nil {
		r.freed = make(chan struct{})
	}
	if time.Since(r.evicted) < evictEvery {
		return r.freed
	}
	r.evicted = time.Now()
	for range (r.partial.Len() + 7) / 8 {
		c := r.partial.Front().Value.(*call)
		r.forget(c)
		c.cancel()
	}
	return r.freed
}

// mayDecompress says whether a message of which n bytes are decompressed may go
// on. There is some more room for small ones.
func (r *receiving) mayDecompress(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n <= smallMessage {
		return r.used <= r.limit/4*5
	}
	return r.used <= r.limit
}

// smallMessage is up to how many bytes a decompressed message is a small one.
const smallMessage = 1 << 20
