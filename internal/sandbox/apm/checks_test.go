// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var goodHTTP = map[string]any{"http.method": "GET", "http.target": "/", "http.status_code": 200}

func TestChecks(t *testing.T) {
	oracle := map[string]any{"db.system": "oracle", "db.name": "ORCL", "db.statement": "SELECT 1", "peer.service": "oracle:ORCL"}
	without := func(attributes map[string]any, name string) map[string]any {
		copied := map[string]any{}
		for key, value := range attributes {
			if key != name {
				copied[key] = value
			}
		}
		return copied
	}
	for _, tc := range []struct {
		name    string
		spans   []spanSpec
		want    string // service_name, http_attributes, database_statement, peer_service, parents, clock_skew, split_traces
		failed  string
		problem string
	}{
		{
			name: "all is well",
			spans: []spanSpec{
				{id: 1, service: "app", kind: server, end: 9, attributes: goodHTTP},
				{id: 2, parent: 1, service: "app", kind: client, start: 1, end: 2, attributes: oracle},
			},
			want: "passed passed passed passed passed passed none",
		},
		{
			name:  "nothing to check",
			spans: []spanSpec{{id: 1, service: "app", kind: internal}},
			want:  "passed none none none none passed none",
		},
		{
			name:  "stable names",
			spans: []spanSpec{{id: 1, service: "app", kind: server, attributes: map[string]any{"http.request.method": "GET", "url.path": "/", "http.response.status_code": 200}}},
			want:  "passed passed none none none passed none",
		},
		{name: "no service name", spans: []spanSpec{{id: 1}}, want: "failed none none none none passed none", failed: "service_name"},
		{name: "the SDK's own name", spans: []spanSpec{{id: 1, service: "unknown_service:java"}}, want: "failed none none none none passed none", failed: "service_name"},
		{
			name:   "no HTTP attributes",
			spans:  []spanSpec{{id: 1, service: "app", kind: server}},
			want:   "passed failed none none none passed none",
			failed: "http_attributes", problem: "no http.method, no http.target, no http.status_code",
		},
		{
			name:   "no status code",
			spans:  []spanSpec{{id: 1, service: "app", kind: server, attributes: without(goodHTTP, "http.status_code")}},
			want:   "passed failed none none none passed none",
			failed: "http_attributes", problem: "no http.status_code",
		},
		{
			name:  "a call over gRPC or messaging is no HTTP",
			spans: []spanSpec{{id: 1, service: "app", kind: server, attributes: map[string]any{"rpc.system": "grpc"}}, {id: 2, service: "app", kind: server, attributes: map[string]any{"faas.trigger": "timer"}}},
			want:  "passed none none none none passed none",
		},
		{
			name:   "no statement",
			spans:  []spanSpec{{id: 1, service: "app", kind: client, attributes: without(oracle, "db.statement")}, {id: 2, service: "app", kind: client, attributes: without(oracle, "db.statement")}},
			want:   "passed none failed passed none passed none",
			failed: "database_statement", problem: "no db.statement",
		},
		{
			name:  "no statement of a connect",
			spans: []spanSpec{{id: 1, service: "app", kind: client, attributes: without(oracle, "db.statement")}, {id: 2, service: "app", kind: client, attributes: oracle}},
			want:  "passed none passed passed none passed none",
		},
		{
			name:   "a statement that APM does not read",
			spans:  []spanSpec{{id: 1, service: "app", kind: client, attributes: map[string]any{"db.system.name": "oracle.db", "db.query.text": "SELECT 1", "peer.service": "x"}}},
			want:   "passed none failed passed none passed none",
			failed: "database_statement", problem: "db.query.text only",
		},
		{
			name:   "no peer.service",
			spans:  []spanSpec{{id: 1, service: "app", kind: client, attributes: without(oracle, "peer.service")}},
			want:   "passed none passed failed none passed none",
			failed: "peer_service", problem: "no peer.service on a call to oracle ORCL",
		},
		{
			name:   "a call over HTTP to nobody known",
			spans:  []spanSpec{{id: 1, service: "app", kind: client, attributes: map[string]any{"http.method": "GET", "server.address": "api.example.com"}}},
			want:   "passed none none failed none passed none",
			failed: "peer_service", problem: "no peer.service on a call to api.example.com",
		},
		{
			name:   "a call to nobody knows whom",
			spans:  []spanSpec{{id: 1, service: "app", kind: client}},
			want:   "passed none none failed none passed none",
			failed: "peer_service", problem: "unknown callee",
		},
		{
			name: "calls with a name, or a callee",
			spans: []spanSpec{
				{id: 1, service: "app", kind: client, attributes: map[string]any{"rpc.system": "grpc", "peer.service": "cart"}},
				{id: 2, service: "app", kind: client},
				{id: 3, parent: 2, service: "web", kind: server, attributes: goodHTTP},
			},
			want: "passed none none passed none passed none",
		},
		{
			name:   "a parent that never came",
			spans:  []spanSpec{{id: 2, parent: 1, service: "app", kind: internal}},
			want:   "passed none none none failed passed none",
			failed: "parents", problem: "the parent 0000000000000001 is not there",
		},
		{
			name: "a callee before its caller",
			spans: []spanSpec{
				{id: 1, service: "web", kind: client, start: 100, end: 200},
				{id: 2, parent: 1, service: "app", kind: server, start: 20, end: 120, attributes: goodHTTP},
			},
			want:   "passed passed none none passed failed none",
			failed: "clock_skew", problem: "it starts 80ms before its parent in web",
		},
		{
			name: "a callee after its caller",
			spans: []spanSpec{
				{id: 1, service: "web", kind: client, start: 100, end: 200},
				{id: 2, parent: 1, service: "app", kind: server, start: 900, end: 1000, attributes: goodHTTP},
			},
			want:   "passed passed none none passed failed none",
			failed: "clock_skew", problem: "it starts 700ms after its parent in web has ended",
		},
		{
			name: "a consumer may come late, and clocks differ a little",
			spans: []spanSpec{
				{id: 1, service: "web", kind: producer, start: 100, end: 101},
				{id: 2, parent: 1, service: "app", kind: consumer, start: 900, end: 1000},
				{id: 3, service: "web", kind: client, start: 100, end: 200},
				{id: 4, parent: 3, service: "app", kind: server, start: 97, end: 190, attributes: goodHTTP},
			},
			want: "passed passed none none passed passed none",
		},
		{
			name:   "an end before the start",
			spans:  []spanSpec{{id: 1, service: "app", start: 30, end: 10}},
			want:   "passed none none none none failed none",
			failed: "clock_skew", problem: "it ends 20ms before it starts",
		},
		{
			name:  "a request that joined the page's trace",
			spans: []spanSpec{{id: 2, parent: 1, service: "app", kind: server, attributes: withHeader("x-b3-traceid", traceID(1).String())}, {id: 1, service: "page", kind: client}},
			want:  "passed passed none none passed passed passed",
		},
		{
			name:   "a request that did not",
			spans:  []spanSpec{{id: 2, service: "app", kind: server, attributes: withHeader("x_b3_traceid", "00000000000000A1")}},
			want:   "passed passed none none none passed failed",
			failed: "split_traces", problem: "X-B3-TraceId 000000000000000000000000000000a1",
		},
		{
			name:   "a request with the header of one line",
			spans:  []spanSpec{{id: 2, service: "app", kind: server, attributes: withHeader("b3", "00000000000000a1-00000000000000b1-1")}},
			want:   "passed passed none none none passed failed",
			failed: "split_traces",
		},
		{
			name:  "a header that names no trace",
			spans: []spanSpec{{id: 2, service: "app", kind: server, attributes: withHeader("b3", "0")}},
			want:  "passed passed none none none passed none",
		},
		{
			name: "the caller began the trace",
			spans: []spanSpec{
				{id: 1, service: "web", kind: client},
				{id: 2, parent: 1, service: "app", kind: server, attributes: withHeader("x-b3-traceid", "00000000000000a1")},
			},
			want: "passed passed none none passed passed none",
		},
		{
			name:   "a page's call that nobody joined",
			spans:  []spanSpec{{id: 1, service: "app", kind: client, attributes: map[string]any{"component": "BROWSER"}}},
			want:   "passed none none none none passed failed",
			failed: "split_traces", problem: "no span of a server",
		},
		{
			name: "a page's call that a server joined",
			spans: []spanSpec{
				{id: 1, service: "app", kind: internal, attributes: map[string]any{"Component": "BROWSER", "ApmrumType": "Ajax"}},
				{id: 2, parent: 1, service: "web", kind: server, attributes: goodHTTP},
			},
			want: "passed none none none none passed passed",
		},
		{
			name:  "a page that made no call",
			spans: []spanSpec{{id: 1, service: "app", kind: internal, attributes: map[string]any{"Component": "BROWSER", "ApmrumType": "Page"}}},
			want:  "passed none none none none passed none",
		},
		{
			name:   "the future",
			spans:  []spanSpec{{id: 1, service: "app", start: 4_000_000_000_000, end: 4_000_000_000_001}},
			want:   "passed none none none none failed none",
			failed: "clock_skew", problem: "after it was uploaded",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore(100, DefaultMaxBytes)
			for i := range tc.spans {
				tc.spans[i].trace = 1
			}
			s.putSpans(t, tc.spans...)
			services := checksOf(s.snapshot(), timeRange{}, time.Now().Add(time.Minute))
			checks := services[0]
			for _, service := range services {
				if service.Service == "app" {
					checks = service
				}
			}
			var states []string
			for _, check := range checks.Checks {
				states = append(states, check.State)
				assert.NotEmpty(t, check.Title)
				assert.NotEmpty(t, check.Found)
				assert.Equal(t, check.State == CheckFailed, check.Fix != "", "a red mark says what to do")
				assert.Equal(t, check.State == CheckFailed, check.Failed > 0)
				if check.State != CheckFailed {
					assert.Empty(t, check.Config)
					assert.Empty(t, check.Examples)
					continue
				}
				assert.Equal(t, tc.failed, check.ID)
				if tc.problem != "" {
					require.NotEmpty(t, check.Examples)
					assert.Contains(t, check.Examples[0].Problem, tc.problem)
					assert.Equal(t, traceID(1).String(), check.Examples[0].TraceID)
				}
			}
			assert.Equal(t, tc.want, strings.Join(states, " "))
		})
	}
}

// A parent may still arrive: nothing is reported before the grace period is
// over.
func TestChecksWaitForParents(t *testing.T) {
	s := newStore(100, DefaultMaxBytes)
	s.putSpans(t, spanSpec{trace: 1, id: 2, parent: 1, service: "app"})
	arrived := s.snapshot()[0].arrived
	assert.Equal(t, CheckNone, checksOf(s.snapshot(), timeRange{}, arrived.Add(parentGrace))[0].Checks[4].State)
	assert.Equal(t, CheckFailed, checksOf(s.snapshot(), timeRange{}, arrived.Add(parentGrace+1))[0].Checks[4].State)
	s.putSpans(t, spanSpec{trace: 1, id: 1, service: "app"})
	assert.Equal(t, CheckPassed, checksOf(s.snapshot(), timeRange{}, time.Now().Add(time.Hour))[0].Checks[4].State)
}

// The callee of a call may still send its span.
func TestChecksWaitForCallees(t *testing.T) {
	s := newStore(100, DefaultMaxBytes)
	s.putSpans(t, spanSpec{trace: 1, id: 1, service: "app", kind: client, attributes: map[string]any{"http.method": "GET", "server.address": "api"}})
	arrived := s.snapshot()[0].arrived
	assert.Equal(t, CheckNone, checksOf(s.snapshot(), timeRange{}, arrived.Add(parentGrace))[0].Checks[3].State)
	check := checksOf(s.snapshot(), timeRange{}, arrived.Add(parentGrace+1))[0].Checks[3]
	assert.Equal(t, CheckFailed, check.State)
	assert.Equal(t, topologyOf(s.snapshot(), timeRange{}).UnknownConfig, check.Config)
	assert.Contains(t, check.Fix, "names these calls with the rules below")
}

// The lines of every service are the same, since only one list of rules can be used.
func TestChecksShareTheRules(t *testing.T) {
	s := newStore(100, DefaultMaxBytes)
	s.putSpans(t,
		spanSpec{trace: 1, id: 1, service: "a", kind: client, attributes: map[string]any{"http.method": "GET", "server.address": "api"}},
		spanSpec{trace: 1, id: 2, service: "b", kind: client, attributes: map[string]any{"rpc.system": "grpc", "server.address": "cart"}},
		spanSpec{trace: 1, id: 3, service: "c", kind: client},
		spanSpec{trace: 1, id: 4, service: "d", kind: server, attributes: goodHTTP},
	)
	checks := checksOf(s.snapshot(), timeRange{}, time.Now().Add(time.Minute))
	config := checks[0].Checks[3].Config
	assert.Equal(t, 2, strings.Count(config, "match:"))
	assert.Equal(t, config, checks[1].Checks[3].Config)
	assert.Empty(t, checks[2].Checks[3].Config)
	assert.Contains(t, checks[2].Checks[3].Fix, "set peer.service in the app")
	assert.Equal(t, CheckNone, checks[3].Checks[2].State)
	assert.Contains(t, checks[3].Checks[2].Found, "Does this service use a database?")
}

func TestChecksCountAndShowExamples(t *testing.T) {
	s := start(t)
	for i := range byte(20) {
		s.uploadTraces(tracesOf(t, spanSpec{trace: i + 1, id: 1, service: "app", kind: server, name: "GET /"}))
	}
	s.uploadTraces(tracesOf(t, spanSpec{trace: 99, id: 1, service: "app", kind: server, attributes: goodHTTP}))
	var answer struct {
		Services []ServiceChecks `json:"services"`
	}
	s.get("/api/v1/checks", &answer)
	check := answer.Services[0].Checks[1]
	assert.Equal(t, 21, answer.Services[0].Spans)
	assert.Equal(t, 21, check.Checked)
	assert.Equal(t, 20, check.Failed)
	assert.Len(t, check.Examples, maxExamples)
	assert.Equal(t, "20 of 21 SERVER spans without http.method, http.target or http.status_code.", check.Found)
}

func TestTopologyWindow(t *testing.T) {
	s := newStore(100, DefaultMaxBytes)
	assert.Zero(t, topologyOf(s.snapshot(), timeRange{}).WindowNS)
	s.putSpans(t, spanSpec{trace: 1, id: 1, start: 100, end: 150}, spanSpec{trace: 2, id: 1, start: 1000, end: 1100})
	assert.Equal(t, ms(1000), topologyOf(s.snapshot(), timeRange{}).WindowNS)
}
