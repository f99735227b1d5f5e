// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"math"
	"net/http"
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// RequestList has the requests of each service and of each of its operations.
type RequestList struct {
	// WindowNS is the length of the time range, as in Topology.
	WindowNS int64 `json:"window_ns"`
	// Services lists all services with spans in the time range.
	Services []ServiceRequests `json:"services"`
	// Operations lists the operations with requests; Total is their number, including
	// those not shown.
	Operations []OperationRequests `json:"operations"`
	Total      int                 `json:"total"`
}

// RequestStats describes a number of requests. The durations are percentiles by the
// nearest rank, 0 without requests.
type RequestStats struct {
	Requests int   `json:"requests"`
	Errors   int   `json:"errors"`
	P50NS    int64 `json:"p50_ns"`
	P95NS    int64 `json:"p95_ns"`
	P99NS    int64 `json:"p99_ns"`
}

// ServiceRequests has the requests of a service.
type ServiceRequests struct {
	Name  string `json:"name"`
	Spans int    `json:"spans"`
	// Operations is the number of operations with requests.
	Operations int          `json:"operations"`
	Stats      RequestStats `json:"stats"`
}

// OperationRequests has the requests of an operation: of spans with the same service and
// name.
type OperationRequests struct {
	Service string       `json:"service"`
	Name    string       `json:"name"`
	Kind    string       `json:"kind"`
	Stats   RequestStats `json:"stats"`
	Slowest SlowCall     `json:"slowest"`
}

// The columns that services and operations can be sorted by, each in ascending order.
var requestOrders = map[string]func(a, b *RequestStats) int{
	"name":     func(_, _ *RequestStats) int { return 0 },
	"requests": func(a, b *RequestStats) int { return cmp.Compare(a.Requests, b.Requests) },
	"errors":   func(a, b *RequestStats) int { return cmp.Compare(a.Errors, b.Errors) },
	"p50":      func(a, b *RequestStats) int { return cmp.Compare(a.P50NS, b.P50NS) },
	"p95":      func(a, b *RequestStats) int { return cmp.Compare(a.P95NS, b.P95NS) },
	"p99":      func(a, b *RequestStats) int { return cmp.Compare(a.P99NS, b.P99NS) },
}

// requestTally has the requests of a service or an operation.
type requestTally struct {
	durations []int64
	errors    int
}

func (t *requestTally) add(duration int64, failed bool) {
	t.durations = append(t.durations, duration)
	if failed {
		t.errors++
	}
}

func (t *requestTally) stats() RequestStats {
	if len(t.durations) == 0 {
		return RequestStats{}
	}
	slices.Sort(t.durations)
	return RequestStats{
		Requests: len(t.durations), Errors: t.errors,
		P50NS: percentile(t.durations, 50), P95NS: percentile(t.durations, 95), P99NS: percentile(t.durations, 99),
	}
}

type operationKey struct {
	service, name string
	kind          ptrace.SpanKind
}

type operationTally struct {
	requestTally
	slowest slowest
}

type serviceRequests struct {
	requestTally
	spans, operations int
}

func (s *Server) getRequests(w http.ResponseWriter, r *http.Request, within timeRange) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	values := r.URL.Query()
	order, err := parseOrder(values, requestOrders, "requests")
	if err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusOK, requestsOf(s.store.snapshot(), within, values.Get("service"), order, limit))
}

// isRequest reports whether a span is a request to its service: a SERVER or CONSUMER
// span, or the root of a trace.
func isRequest(span ptrace.Span) bool {
	kind := span.Kind()
	return kind == ptrace.SpanKindServer || kind == ptrace.SpanKindConsumer || span.ParentSpanID().IsEmpty()
}

// requestsOf returns the requests of all services, and the operations of the service or,
// if it is empty, of all.
func requestsOf(traces []storedTrace, within timeRange, service string, order sortOrder, limit int) RequestList {
	services := map[string]*serviceRequests{}
	operations := map[operationKey]*operationTally{}
	nanos := within.nanos()
	first, last := int64(math.MaxInt64), int64(0)
	for _, trace := range within.traces(traces) {
		for i := range trace.spans {
			stored := &trace.spans[i]
			if !nanos.contains(stored.end) {
				continue
			}
			first, last = min(first, stored.start), max(last, stored.end)
			of := services[stored.service]
			if of == nil {
				of = &serviceRequests{}
				services[stored.service] = of
			}
			of.spans++
			if !stored.request {
				continue
			}
			duration := stored.duration()
			of.add(duration, stored.failed)
			key := operationKey{stored.service, stored.span.Name(), stored.span.Kind()}
			operation := operations[key]
			if operation == nil {
				operation = &operationTally{}
				operations[key] = operation
				of.operations++
			}
			operation.slowest.add(trace, i, duration)
			operation.add(duration, stored.failed)
		}
	}
	list := RequestList{WindowNS: within.lengthNanos(first, last), Services: []ServiceRequests{}, Operations: []OperationRequests{}}
	for name, of := range services {
		list.Services = append(list.Services, ServiceRequests{Name: name, Spans: of.spans, Operations: of.operations, Stats: of.stats()})
	}
	for key, tally := range operations {
		if service == "" || key.service == service {
			list.Operations = append(list.Operations, OperationRequests{
				Service: key.service, Name: firstCharacters(key.name, maxName), Kind: kindOf(key.kind),
				Stats: tally.stats(), Slowest: tally.slowest.render(),
			})
		}
	}
	list.sort(order)
	list.Total = len(list.Operations)
	list.Services = list.Services[:min(maxServices, len(list.Services))]
	list.Operations = list.Operations[:min(limit, len(list.Operations))]
	return list
}

func (l *RequestList) sort(order sortOrder) {
	compare := requestOrders[order.column]
	byName := func(compared int) int {
		if order.column == "name" {
			return order.direct(compared)
		}
		return compared
	}
	slices.SortFunc(l.Services, func(a, b ServiceRequests) int {
		return cmp.Or(order.direct(compare(&a.Stats, &b.Stats)), byName(cmp.Compare(a.Name, b.Name)))
	})
	slices.SortFunc(l.Operations, func(a, b OperationRequests) int {
		return cmp.Or(order.direct(compare(&a.Stats, &b.Stats)), byName(cmp.Compare(a.Name, b.Name)), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind))
	})
}
