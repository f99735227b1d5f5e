// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// withRequests starts a sandbox with a hundred requests of 1 to 100 ms, of which every
// tenth failed, and a few others.
func withRequests(t *testing.T) *sandbox {
	t.Helper()
	s := start(t)
	var specs []spanSpec
	for i := range byte(100) {
		specs = append(specs, spanSpec{trace: i + 1, id: 1, service: "web", name: "GET /", kind: server, end: int(i) + 1, failed: i%10 == 0})
	}
	s.uploadTraces(tracesOf(t, append(specs,
		spanSpec{trace: 1, id: 2, parent: 1, service: "web", name: "call", kind: client, end: 1000},
		spanSpec{trace: 1, id: 3, parent: 2, service: "stock", name: "GET /stock", kind: server, end: 500},
		spanSpec{trace: 101, id: 1, service: "batch", name: "nightly", end: 2000},
		spanSpec{trace: 102, id: 2, parent: 1, service: "web", name: "orders", kind: ptrace.SpanKindConsumer, end: 7},
		spanSpec{trace: 103, id: 2, parent: 1, service: "library", name: "inner", end: 7},
	)...))
	return s
}

func TestRequests(t *testing.T) {
	s := withRequests(t)
	var list RequestList
	s.get("/api/v1/requests", &list)
	assert.Equal(t, int64(2000e6), list.WindowNS)
	assert.Equal(t, []ServiceRequests{
		{Name: "web", Spans: 102, Operations: 2, Stats: RequestStats{Requests: 101, Errors: 10, P50NS: 50e6, P95NS: 95e6, P99NS: 99e6}},
		{Name: "batch", Spans: 1, Operations: 1, Stats: RequestStats{Requests: 1, P50NS: 2000e6, P95NS: 2000e6, P99NS: 2000e6}},
		{Name: "stock", Spans: 1, Operations: 1, Stats: RequestStats{Requests: 1, P50NS: 500e6, P95NS: 500e6, P99NS: 500e6}},
		{Name: "library", Spans: 1},
	}, list.Services)
	require.Equal(t, 4, list.Total)
	first := list.Operations[0]
	assert.Equal(t, [3]string{"web", "GET /", "SERVER"}, [3]string{first.Service, first.Name, first.Kind})
	assert.Equal(t, RequestStats{Requests: 100, Errors: 10, P50NS: 50e6, P95NS: 95e6, P99NS: 99e6}, first.Stats)
	assert.Equal(t, traceID(100).String(), first.Slowest.TraceID)
	assert.Equal(t, int64(100e6), first.Slowest.DurationNS)
}

func TestRequestOrder(t *testing.T) {
	s := withRequests(t)
	for query, want := range map[string]string{
		"":                            "web batch stock library: GET / GET /stock nightly orders",
		"service=web":                 "web batch stock library: GET / orders",
		"service=nobody":              "web batch stock library:",
		"sort=p95":                    "batch stock web library: nightly GET /stock GET / orders",
		"sort=p50&order=asc&limit=1":  "library web stock batch: orders",
		"sort=p99&limit=1":            "batch stock web library: nightly",
		"sort=errors&limit=1":         "web batch library stock: GET /",
		"sort=name&order=asc&limit=2": "batch library stock web: GET / GET /stock",
		"sort=name&limit=1":           "web stock library batch: orders",
		"to=1700000000007":            "web: GET /", // ends of 1 to 6 ms
	} {
		t.Run(query, func(t *testing.T) {
			var list RequestList
			s.get("/api/v1/requests?"+query, &list)
			var services, operations []string
			for _, service := range list.Services {
				services = append(services, service.Name)
			}
			for _, operation := range list.Operations {
				operations = append(operations, operation.Name)
			}
			assert.Equal(t, want, strings.TrimSpace(strings.Join(services, " ")+": "+strings.Join(operations, " ")))
		})
	}
	for _, query := range []string{"sort=spans", "order=x", "limit=0", "last=-1s"} {
		assert.Equal(t, http.StatusBadRequest, s.do(http.MethodGet, "/api/v1/requests?"+query, nil, nil).status, query)
	}
}

// The lists have a limit; the total is that of all operations.
func TestRequestsAreBounded(t *testing.T) {
	st := newStore(10_000, 64<<20)
	const perTrace = 200
	for i := range maxServices + 1 {
		st.putSpans(t, spanSpec{trace: byte(i/perTrace + 1), id: byte(i%perTrace + 1), service: fmt.Sprint("service-", i)})
	}
	list := requestsOf(st.snapshot(), timeRange{}, "", sortOrder{column: "requests"}, 5)
	assert.Len(t, list.Services, maxServices)
	assert.Len(t, list.Operations, 5)
	assert.Equal(t, maxServices+1, list.Total)
}
