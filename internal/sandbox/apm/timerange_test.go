// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestParseTimeRange(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	for query, want := range map[string]timeRange{
		"":                       {now: now},
		"last=all":               {now: now},
		"last=15m":               {now: now, from: now.Add(-15 * time.Minute)},
		"from=1699999999000":     {now: now, from: now.Add(-time.Second)},
		"to=1700000001000":       {now: now, to: now.Add(time.Second)},
		"from=1&to=2":            {now: now, from: time.UnixMilli(1).UTC(), to: time.UnixMilli(2).UTC()},
		"from=2&to=2":            {now: now, from: time.UnixMilli(2).UTC(), to: time.UnixMilli(2).UTC()},
		"from=3&to=2":            {},
		"from=1970-01-01T00:00Z": {},
		"last=all&from=1":        {},
		"last=0s":                {},
		"last=15":                {},
		"to=x":                   {},
	} {
		t.Run(query, func(t *testing.T) {
			values, err := url.ParseQuery(query)
			require.NoError(t, err)
			within, err := parseTimeRange(values, now)
			if want == (timeRange{}) {
				require.ErrorContains(t, err, ": must be ")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want, within)
		})
	}
}

// What a list of many spans compares is the same as the range itself.
func TestNanoRange(t *testing.T) {
	for _, limits := range [][2]string{
		{},
		{"1970-01-01T00:00:01Z"},
		{"", "1970-01-01T00:00:01Z"},
		{"1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"},
		{"1960-01-01T00:00:00Z"},
		{"1960-01-01T00:00:00Z", "1960-01-02T00:00:00Z"},
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"2500-01-01T00:00:00Z"},
		{"", "2500-01-01T00:00:00Z"},
		{"2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775808Z"},
		{"", "2262-04-11T23:47:16.854775807Z"},
	} {
		var r timeRange
		r.from, _ = parseTime(limits[0])
		r.to, _ = parseTime(limits[1])
		for _, at := range []int64{0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, 1_999_999_999, 2_000_000_000, 2_000_000_001, math.MaxInt64 - 1, math.MaxInt64} {
			assert.Equal(t, r.contains(time.Unix(0, at)), r.nanos().contains(at), "%v, %d", limits, at)
		}
	}
}

// TestTimeRange has a trace from 0 to 100 ms with a call from 10 to 20 ms, and one from
// 200 to 300 ms.
func TestTimeRange(t *testing.T) {
	s := start(t)
	call := map[string]any{"peer.service": "db", "db.system": "oracle"}
	s.uploadTraces(tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "early", kind: server, end: 100},
		spanSpec{trace: 1, id: 2, parent: 1, service: "early", kind: client, start: 10, end: 20, attributes: call},
		spanSpec{trace: 2, id: 1, service: "late", kind: client, start: 200, end: 300, attributes: call},
	))
	for _, tc := range []struct {
		from, to int
		traces   string // ids, the latest first
		services string
		edges    string
	}{
		{0, 301, "21", "early late", "early late"},
		{0, 300, "21", "early", "early"}, // to is not included
		{15, 20, "1", "", ""},            // overlapped, but no span ends there
		{15, 21, "1", "early", "early"},
		{21, 101, "1", "early", ""},
		{100, 200, "1", "early", ""},
		{101, 200, "", "", ""},
		{101, 201, "2", "", ""},
		{300, 900, "2", "late", "late"},
		{301, 900, "", "", ""},
	} {
		query := "?from=" + strconv.FormatInt(millis(tc.from).AsTime().UnixMilli(), 10) + "&to=" + strconv.FormatInt(millis(tc.to).AsTime().UnixMilli(), 10)
		t.Run(query, func(t *testing.T) {
			var list TraceList
			s.get("/api/v1/traces"+query+"&buckets=10", &list)
			var traces, services, edges []string
			inBuckets := 0
			for _, trace := range list.Traces {
				traces = append(traces, strings.TrimLeft(trace.TraceID, "0"))
			}
			for _, bucket := range list.Histogram.Buckets {
				inBuckets += bucket.Traces
			}
			assert.Equal(t, tc.traces, strings.Join(traces, ""))
			assert.Equal(t, len(tc.traces), inBuckets)
			assert.Equal(t, millis(tc.from).AsTime(), list.Histogram.From)
			if tc.traces == "" {
				assert.Equal(t, 2, list.Outside)
			} else {
				assert.Zero(t, list.Outside)
			}

			var facets struct {
				Services []ServiceFacet `json:"services"`
			}
			s.get("/api/v1/services"+query, &facets)
			for _, facet := range facets.Services {
				services = append(services, facet.Name)
			}
			assert.Equal(t, tc.services, strings.Join(services, " "))

			var topology Topology
			s.get("/api/v1/topology"+query, &topology)
			for _, edge := range topology.Edges {
				edges = append(edges, strings.TrimPrefix(edge.Source, "service:"))
			}
			assert.Equal(t, tc.edges, strings.Join(edges, " "))
			assert.Equal(t, ms(int64(tc.to-tc.from)), topology.WindowNS)
		})
	}
}

// Checks, uploads and metrics follow the time of arrival, logs their own time.
func TestTimeRangeOfArrivals(t *testing.T) {
	s := start(t)
	s.upload(TracesPath, protoOf(t, oneSpan(t)))
	s.upload(MetricsPath, protoOf(t, someMetrics()))
	s.upload(LogsPath, protoOf(t, someLogs()))
	inFuture := strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)
	for path, last := range map[string]int{
		"/api/v1/checks": 1, "/api/v1/uploads": 3, "/api/v1/metrics": 6, "/api/v1/metrics/series": 5,
		"/api/v1/logs": 0, // the records are of 2023
	} {
		count := func(query string) (n int) {
			var answer map[string]any
			s.get(path+query, &answer)
			for _, value := range answer {
				if list, ok := value.([]any); ok {
					n += len(list)
				}
			}
			return n
		}
		assert.Equal(t, last, count("?last=1m"), path)
		assert.NotZero(t, count(""), path)
		assert.Equal(t, count(""), count("?last=all"), path)
		assert.Zero(t, count("?from="+inFuture), path)
		assert.Equal(t, http.StatusBadRequest, s.do(http.MethodGet, path+"?last=soon", nil, nil).status, path)
	}
}

// The rate of the last minutes is a rate over all of them, also if the spans are recent.
func TestRateOfLastMinutes(t *testing.T) {
	s := start(t)
	now := time.Now()
	td := tracesOf(t, spanSpec{trace: 1, id: 1, service: "app", kind: ptrace.SpanKindServer})
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	s.uploadTraces(td)
	for query, want := range map[string]time.Duration{"?last=15m": 15 * time.Minute, "?last=1h": time.Hour, "": time.Second} {
		var topology Topology
		s.get("/api/v1/topology"+query, &topology)
		assert.Len(t, topology.Nodes, 1, query)
		assert.Equal(t, want.Nanoseconds(), topology.WindowNS, query)
	}
}
