// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package budget shares memory out among requests.
package budget // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrFull is what a request gets that has waited for memory in vain.
var ErrFull = errors.New("no memory is free for the request")

// Budget is memory that requests share. A large request may take three quarters
// of all: the rest is for the small ones, which large ones therefore never keep
// out. While a large one waits, small ones in turn leave it its three quarters.
//
// A small request waits its turn for memory. Of the large ones, which may have
// taken much already, one waits at a time: what the others have comes free as
// they end or are refused, so that two never wait for each other.
type Budget struct {
	size, small int64
	wait        time.Duration
	short       func()

	mu sync.Mutex
	// mu guards everything declared below.
	used, usedByLarge int64
	waiting           []*waiter // small ones, the first for longest
	large             *waiter   // the large one that waits
}

// shortCalls is how often short is called for a request that waits in vain.
const shortCalls = 25

// waiter is a request that waits for memory.
type waiter struct {
	request *Request
	n       int64
	got     chan struct{} // closed when it has it
}

// New returns a budget of size bytes. Requests of up to small bytes are small
// ones; none waits for longer than wait. While one waits, short is called now and
// then: it may end requests that hold much and do not go on.
func New(size, small int64, wait time.Duration, short func()) *Budget {
	return &Budget{size: size, small: small, wait: wait, short: short}
}

// Size returns how much there is to share, in bytes.
func (b *Budget) Size() int64 { return b.size }

// Largest returns how much one request can have, in bytes.
func (b *Budget) Largest() int64 { return b.size / 4 * 3 }

// Used returns how much is taken, in bytes.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Request is what one request has taken of a budget. Its methods must not be
// called at the same time.
type Request struct {
	budget *Budget
	taken  int64
}

// NewRequest returns a request that has taken nothing yet.
func (b *Budget) NewRequest() *Request { return &Request{budget: b} }

// Taken returns how much the request has taken, in bytes.
func (r *Request) Taken() int64 { return r.taken }

// Grow takes as much more as makes n bytes, and waits for it if it must. It
// returns ErrFull if that takes too long, and the context's error if it ends.
func (r *Request) Grow(ctx context.Context, n int64) error {
	if n <= r.taken {
		return nil
	}
	w, err := r.budget.take(r, n)
	if w == nil {
		return err
	}
	if err := r.budget.await(ctx, w); err != nil && r.budget.giveUp(w) {
		return err
	}
	return nil // it may have come at the last moment
}

// await waits for a waiter's memory.
func (b *Budget) await(ctx context.Context, w *waiter) error {
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	ticker := time.NewTicker(b.wait / shortCalls)
	defer ticker.Stop()
	for {
		b.short()
		select {
		case <-w.got:
			return nil
		case <-ticker.C:
		case <-timer.C:
			return ErrFull
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Release gives back all that the request has taken.
func (r *Request) Release() {
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= r.taken
	if r.taken > b.small {
		b.usedByLarge -= r.taken
	}
	r.taken = 0
	b.admit()
}

// take gives the request n bytes, or returns what waits for them.
func (b *Budget) take(r *Request, n int64) (*waiter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	isLarge := n > b.small
	if (isLarge || len(b.waiting) == 0 || r.taken > 0) && b.fits(r, n) {
		b.give(r, n)
		return nil, nil
	}
	w := &waiter{request: r, n: n, got: make(chan struct{})}
	switch {
	case !isLarge:
		b.waiting = append(b.waiting, w)
	case b.large == nil:
		b.large = w
	default:
		return nil, ErrFull
	}
	return w, nil
}

// fits says whether there is room for a request to have n bytes.
func (b *Budget) fits(r *Request, n int64) bool {
	used := b.used - r.taken + n
	if n <= b.small {
		if b.large != nil && used-b.usedByLarge > b.size-b.Largest() {
			return false
		}
		return used <= b.size
	}
	usedByLarge := b.usedByLarge + n
	if r.taken > b.small {
		usedByLarge -= r.taken
	}
	return used <= b.size && usedByLarge <= b.Largest()
}

func (b *Budget) give(r *Request, n int64) {
	if r.taken > b.small {
		b.usedByLarge -= r.taken
	}
	if n > b.small {
		b.usedByLarge += n
	}
	b.used += n - r.taken
	r.taken = n
}

// admit gives those who wait what has come free.
func (b *Budget) admit() {
	if w := b.large; w != nil && b.fits(w.request, w.n) {
		b.large = nil
		b.give(w.request, w.n)
		close(w.got)
	}
	for len(b.waiting) > 0 && b.fits(b.waiting[0].request, b.waiting[0].n) {
		w := b.waiting[0]
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
		b.give(w.request, w.n)
		close(w.got)
	}
}

// giveUp returns false for a waiter that has got its memory after all.
func (b *Budget) giveUp(w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.got:
		return false
	default:
	}
	if b.large == w {
		b.large = nil
	}
	if i := slices.Index(b.waiting, w); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
	b.admit()
	return true
}
