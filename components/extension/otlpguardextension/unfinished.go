// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"container/list"
	"sync"
	"time"
)

// evictEvery is how long the memory of a canceled request has to come free
// before another is canceled.
const evictEvery = 10 * time.Millisecond

// unfinished are requests of which something is still to be received. Where
// memory is short, those that have been received for longest are canceled: who
// holds much and sends no more has to go first, and a sender that is done in a
// moment is never among them.
type unfinished struct {
	mu sync.Mutex
	// mu guards everything declared below, and is held while a request is canceled.
	requests list.List // of *partial, the oldest first
	evicted  time.Time // when a request was canceled last
}

// partial is a request that is being received.
type partial struct {
	since  time.Time
	size   int64 // what a call takes besides what it receives, in bytes
	cancel func()
	place  *list.Element // nil once it is complete, canceled or has ended
}

// add returns a request that cancel ends. cancel must not block.
func (u *unfinished) add(cancel func()) *partial {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := &partial{since: time.Now(), cancel: cancel}
	p.place = u.requests.PushBack(p)
	return p
}

// remove notes that a request is complete or has ended. It is not canceled any
// more once remove has returned.
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

// evict cancels the oldest requests, an eighth of all, if it is time for that and
// they have been received for minAge: enough for those that wait to go on for a
// while.
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

// count returns how many requests are being received.
func (u *unfinished) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests.Len()
}
