// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"container/list"
	"sync"
	"time"
)

// evictEvery is the time that a canceled request has to free its memory before
// the next one is canceled.
const evictEvery = 10 * time.Millisecond

// unfinished holds the requests that are still being received. When memory is
// short, the oldest are canceled first: a sender that holds much memory and
// sends no more has to make room, and one that finishes within a moment is
// never affected.
type unfinished struct {
	mu sync.Mutex
	// mu guards everything declared below. It is held while a request is
	// canceled.
	requests list.List // of *partial, the oldest first
	evicted  time.Time // when a request was canceled last
}

// partial is a request that is being received.
type partial struct {
	since  time.Time
	size   int64 // memory of a call in addition to what it receives, in bytes
	cancel func()
	place  *list.Element // nil once it is complete, canceled or has ended
}

// add returns a new request, which is canceled by calling cancel. cancel must
// not block.
func (u *unfinished) add(cancel func()) *partial {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := &partial{since: time.Now(), cancel: cancel}
	p.place = u.requests.PushBack(p)
	return p
}

// remove records that a request is complete or has ended. Once remove has
// returned, the request is no longer canceled.
func (u *unfinished) remove(p *partial) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forget(p)
}

func (u *unfinished) forget(p *partial) {
	if p.place != nil {
		u.requests.Remove(p.place)
		p.place = nil
	}
}

// evict cancels the oldest eighth of the requests if evictEvery has passed and
// they have been received for at least minAge. That frees enough for waiting
// requests to proceed for a while.
func (u *unfinished) evict(minAge time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	if now.Sub(u.evicted) < evictEvery {
		return
	}
	for range (u.requests.Len() + 7) / 8 {
		p := u.requests.Front().Value.(*partial)
		if now.Sub(p.since) < minAge {
			return
		}
		u.evicted = now
		u.forget(p)
		p.cancel()
	}
}

// count returns the number of requests that are being received.
func (u *unfinished) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests.Len()
}
