// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package faults keeps the active faults of a sandbox.
package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// Max is the maximum number of faults in a list.
	Max = 1000
	// MaxDelay is the maximum delay for Hold.
	MaxDelay = 10 * time.Minute

	// The time that a client has to send its request and read the answer after
	// a delay.
	afterDelay = time.Minute
)

// ErrTooMany is returned if there are already Max faults.
var ErrTooMany = fmt.Errorf("there are %d faults already: delete some first", Max)

// State is an active fault with the number of remaining requests.
type State[F any] struct {
	ID string `json:"id"`
	// Applied is the number of requests that the fault has been applied to.
	Applied int `json:"applied"`
	// Remaining is the number of requests that it will still be applied to; nil
	// means all.
	Remaining *int `json:"remaining"`
	Fault     F    `json:"fault"`
}

func (s *State[F]) copy() State[F] {
	c := *s
	if s.Remaining != nil {
		c.Remaining = new(*s.Remaining)
	}
	return c
}

// List holds the active faults, the oldest first. The zero value is empty; its
// methods are safe for concurrent use.
type List[F any] struct {
	mu     sync.Mutex
	lastID int
	states []*State[F]
	// changes counts the faults that were added, applied or deleted.
	changes uint64
}

// Add adds a fault for a number of requests; 0 means until it is deleted.
func (l *List[F]) Add(fault F, times int) (State[F], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.states) >= Max {
		return State[F]{}, ErrTooMany
	}
	l.lastID++
	state := &State[F]{ID: strconv.Itoa(l.lastID), Fault: fault}
	if times > 0 {
		state.Remaining = new(times)
	}
	l.states = append(l.states, state)
	l.changes++
	return state.copy(), nil
}

// Take applies the oldest fault that matches to one request, if that fault is
// also wanted. Otherwise it returns nil.
func (l *List[F]) Take(matches, wanted func(F) bool) *State[F] {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.states, func(state *State[F]) bool { return matches(state.Fault) })
	if i < 0 || !wanted(l.states[i].Fault) {
		return nil
	}
	state := l.states[i]
	state.Applied++
	l.changes++
	if state.Remaining != nil {
		*state.Remaining--
		if *state.Remaining == 0 {
			l.states = slices.Delete(l.states, i, i+1)
		}
	}
	return new(state.copy())
}

// All returns the active faults, the oldest first.
func (l *List[F]) All() []State[F] {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make([]State[F], 0, len(l.states))
	for _, state := range l.states {
		states = append(states, state.copy())
	}
	return states
}

// Remove deletes the fault with the id, or all if id is empty, and returns how
// many it deleted.
func (l *List[F]) Remove(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.states)
	l.states = slices.DeleteFunc(l.states, func(state *State[F]) bool { return id == "" || state.ID == id })
	l.changes++
	return before - len(l.states)
}

// Changes returns a number that grows with each change of the list.
func (l *List[F]) Changes() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

// Hold waits for delay, or until the client disconnects or closing is closed.
// Afterwards it restarts the server's timeouts, which are set for requests
// without a fault.
func Hold(w http.ResponseWriter, r *http.Request, delay time.Duration, closing <-chan struct{}) {
	if delay == 0 {
		return
	}
	// Both can only fail without a connection, as in a recorder.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(delay + afterDelay))
	_ = control.SetWriteDeadline(time.Now().Add(delay + afterDelay))
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-closing:
	}
}
