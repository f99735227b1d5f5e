// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"slices"
	"sync"
	"time"
)

// maxRequests is the number of requests that are remembered.
const maxRequests = 1000

// Request describes a request and its outcome. It contains no key, token or
// secret.
type Request struct {
	Time      time.Time `json:"time"`
	Service   Service   `json:"service"`
	Operation Operation `json:"operation,omitempty"`
	Region    string    `json:"region,omitempty"`
	// Principal is the signer; it is empty without a valid signature.
	Principal Principal `json:"principal,omitzero"`
	// Status is the HTTP status of the answer; 0 means that a fault closed the
	// connection.
	Status int `json:"status"`
	// Code is the code in the answer's body; empty means success.
	Code string `json:"code,omitempty"`
	// Reason is the reason why the request was rejected.
	Reason Reason `json:"reason,omitempty"`
	// ID is the answer's opc-request-id.
	ID string `json:"opc_request_id,omitempty"`
}

// Outcome is the key by which requests are counted.
type Outcome struct {
	Service   Service   `json:"service"`
	Operation Operation `json:"operation,omitempty"`
	Status    int       `json:"status"`
	Reason    Reason    `json:"reason,omitempty"`
}

// requestLog remembers the latest requests and counts all of them.
type requestLog struct {
	mu      sync.Mutex
	latest  []Request
	counts  map[Outcome]int
	targets map[string]int // targets that the proxy rejected
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

// refused counts a target that does not belong to OCI. The number of different
// targets is bounded.
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

// Count returns the number of requests for an operation that were answered with
// a status; status 0 counts those whose connection was closed by a fault.
func (s *Server) Count(operation Operation, status int) int {
	n := 0
	for _, count := range s.Counts() {
		if count.Outcome.Operation == operation && count.Outcome.Status == status {
			n += count.Requests
		}
	}
	return n
}

// OutcomeCount is the number of requests with an outcome.
type OutcomeCount struct {
	Outcome  Outcome `json:"outcome"`
	Requests int     `json:"requests"`
}

// Counts returns the totals since the start, in no particular order.
func (s *Server) Counts() []OutcomeCount {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	counts := make([]OutcomeCount, 0, len(s.requests.counts))
	for outcome, n := range s.requests.counts {
		counts = append(counts, OutcomeCount{Outcome: outcome, Requests: n})
	}
	return counts
}

// Refused returns the targets that the proxy rejected, such as
// "example.com:443", with the number of requests for each.
func (s *Server) Refused() map[string]int {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	refused := make(map[string]int, len(s.requests.targets))
	for target, n := range s.requests.targets {
		refused[target] = n
	}
	return refused
}
