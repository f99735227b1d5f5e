// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package faults keeps what a sandbox is to do wrong, and for how long.
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
	// Max bounds the faults of a list.
	Max = 1000
	// MaxDelay bounds what Hold should be asked for.
	MaxDelay = 10 * time.Minute

	// How long a client may take to send its request and read the answer after
	// a delay.
	afterDelay = time.Minute
)

// ErrTooMany is returned where Max faults are set already.
var ErrTooMany = fmt.Errorf("there are %d faults already: delete some first", Max)

// State is a fault that is set, and what is left of it.
type State[F any] struct {
	ID string `json:"id"`
	// Applied is the number of requests that met the fault.
	Applied int `json:"applied"`
	// Remaining is the number of requests that still will; nil means all.
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

// List holds the faults that are set, the oldest first. The zero value is
// empty; its methods may be called from several goroutines.
type List[F any] struct {
	mu     sync.Mutex
	lastID int
	states []*State[F]
	// changes counts what was set, met or deleted.
	changes uint64
}

// Add sets a fault for so many requests; 0 is until it is deleted.
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

// Take applies the oldest fault that matches to one request; nil means that
// there is none. It does so only if that fault is wanted.
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

// All returns the faults that are set, the oldest first.
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

// Changes returns a number that grows with whatever happens to the list.
func (l *List[F]) Changes() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

// Hold waits as long as delay says, the client stays and closing is open. The
// server's own timeouts, which are for a request without a fault, start anew
// after it.
func Hold(w http.ResponseWriter, r *http.Request, delay time.Duration, closing <-chan struct{}) {
	if delay == 0 {
		return
	}
	// Both can only fail where there is no connection, as in a recorder.
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
