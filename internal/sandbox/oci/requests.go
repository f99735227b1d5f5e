// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"slices"
	"sync"
	"time"
)

// maxRequests bounds the requests that are remembered.
const maxRequests = 1000

// Request is what became of one request. No key, token or secret is in it.
type Request struct {
	Time      time.Time `json:"time"`
	Service   Service   `json:"service"`
	Operation Operation `json:"operation,omitempty"`
	Region    string    `json:"region,omitempty"`
	// Principal is who signed; it is empty if nobody did, or not well.
	Principal Principal `json:"principal,omitzero"`
	// Status is the HTTP status of the answer; 0 means that a fault broke the
	// connection.
	Status int `json:"status"`
	// Code is the code in the answer's body; empty means success.
	Code string `json:"code,omitempty"`
	// Reason is why the request was refused.
	Reason Reason `json:"reason,omitempty"`
	// ID is the answer's opc-request-id.
	ID string `json:"opc_request_id,omitempty"`
}

// Outcome is what requests are counted by.
type Outcome struct {
	Service   Service   `json:"service"`
	Operation Operation `json:"operation,omitempty"`
	Status    int       `json:"status"`
	Reason    Reason    `json:"reason,omitempty"`
}

// requestLog remembers the latest requests and counts all.
type requestLog struct {
	mu      sync.Mutex
	latest  []Request
	counts  map[Outcome]int
	targets map[string]int // that the proxy refused
}

func newRequestLog() *requestLog {
	return &requestLog{counts: map[Outcome]int{}, targets: map[string]int{}}
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.latest) == maxRequests {
		l.latest = slices.Delete(l.latest, 0, 1)
	}
	l.latest = append(l.latest, r)
	l.counts[Outcome{Service: r.Service, Operation: r.Operation, Status: r.Status, Reason: r.Reason}]++
}

// refused counts a target that is not OCI's. Whatever a client may ask for,
// the number of different ones is bounded.
func (l *requestLog) refused(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.targets) < maxRequests {
		l.targets[target]++
	}
}

// Requests returns the latest requests, up to 1000, the oldest first.
func (s *Server) Requests() []Request {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return append([]Request{}, s.requests.latest...)
}

// Count returns how many requests an operation got that were answered with a
// status; status 0 counts those whose connection was broken.
func (s *Server) Count(operation Operation, status int) int {
	n := 0
	for _, count := range s.Counts() {
		if count.Outcome.Operation == operation && count.Outcome.Status == status {
			n += count.Requests
		}
	}
	return n
}

// OutcomeCount is how many requests had an outcome.
type OutcomeCount struct {
	Outcome  Outcome `json:"outcome"`
	Requests int     `json:"requests"`
}

// Counts returns the totals since the start, in no order.
func (s *Server) Counts() []OutcomeCount {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	counts := make([]OutcomeCount, 0, len(s.requests.counts))
	for outcome, n := range s.requests.counts {
		counts = append(counts, OutcomeCount{Outcome: outcome, Requests: n})
	}
	return counts
}

// Refused returns what the proxy was asked for and did not lead to, such as
// "example.com:443", and how often.
func (s *Server) Refused() map[string]int {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	refused := make(map[string]int, len(s.requests.targets))
	for target, n := range s.requests.targets {
		refused[target] = n
	}
	return refused
}
