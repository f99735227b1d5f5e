// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package budget shares a fixed amount of memory among requests.
package budget // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrFull is returned to a request that has waited for memory too long.
var ErrFull = errors.New("no memory is free for the request")

// Budget is memory that requests share. Large requests may take three quarters
// of it together; the rest is for small ones, so large requests never keep them
// out. While a large request waits, small ones leave its three quarters free in
// turn.
//
// Small requests are served in the order of their arrival. Only one large
// request waits at a time, since it may already hold much. The memory of the
// others is freed when they end or are rejected, so two requests never wait for
// each other.
type Budget struct {
	size, small int64
	wait        time.Duration
	short       func()

	mu sync.Mutex
	// mu guards everything declared below.
	used, usedByLarge int64
	waiting           []*waiter // small requests, in the order of their arrival
	large             *waiter   // the large request that waits, if any
}

// shortCalls is the number of times that short is called during a full wait.
const shortCalls = 25

// waiter is a request that waits for memory.
type waiter struct {
	request *Request
	n       int64
	got     chan struct{} // closed once the request has its memory
}

// New returns a budget of size bytes. A request of up to small bytes is a small
// one. No request waits longer than wait. While one waits, short is called from
// time to time: it may end requests that hold much memory and make no progress.
func New(size, small int64, wait time.Duration, short func()) *Budget {
	return &Budget{size: size, small: small, wait: wait, short: short}
}

// Size returns the size of the budget, in bytes.
func (b *Budget) Size() int64 { return b.size }

// Largest returns the maximum for one request, in bytes.
func (b *Budget) Largest() int64 { return b.size / 4 * 3 }

// Used returns the memory in use, in bytes.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Request is the share of one request in a budget. Its methods must not be
// called concurrently.
type Request struct {
	budget *Budget
	taken  int64
}

// NewRequest returns a request that holds no memory yet.
func (b *Budget) NewRequest() *Request { return &Request{budget: b} }

// Taken returns the memory that the request holds, in bytes.
func (r *Request) Taken() int64 { return r.taken }

// Grow takes memory until the request holds n bytes, and waits if none is free.
// It returns ErrFull if the wait is too long, and the context's error if the
// context ends.
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
	return nil // the memory was granted just before the wait ended
}

// await waits until a waiter has its memory.
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

// Release gives back all the memory that the request holds.
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

// take gives the request n bytes, or returns a waiter for them.
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

// fits reports whether there is room for a request of n bytes.
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

// admit hands freed memory to the requests that wait.
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

// giveUp ends a wait. It returns false if the waiter has received its memory
// after all.
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
