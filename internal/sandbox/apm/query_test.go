// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// searched starts a sandbox with four traces: 1 and 2 of shop, 3 of mail,
// 4 of both.
func searched(t *testing.T) *sandbox {
	t.Helper()
	s := start(t)
	s.uploadTraces(tracesOf(
		t,
		spanSpec{trace: 1, id: 1, service: "shop", name: "GET /cart", kind: server, start: 0, end: 100, attributes: map[string]any{"http.target": "/cart?id=7", "n": 1}},
		spanSpec{trace: 1, id: 2, parent: 1, service: "shop", name: "SELECT", kind: client, start: 10, end: 20, attributes: map[string]any{"db.system": "oracle"}},
		spanSpec{trace: 2, id: 1, service: "shop", name: "POST /cart", kind: server, start: 1000, end: 1300, failed: true},
		spanSpec{trace: 3, id: 1, service: "mail", name: "send", start: 2000, end: 2050, attributes: map[string]any{"n": 2}},
		spanSpec{trace: 4, id: 1, service: "shop", name: "GET /cart", kind: server, start: 3000, end: 3010},
		spanSpec{trace: 4, id: 2, parent: 1, service: "mail", name: "send", start: 3001, end: 3005, attributes: map[string]any{"DB.System": "mysql"}},
	))
	return s
}

func TestTraceSearch(t *testing.T) {
	s := searched(t)
	at := func(n int) string { return millis(n).AsTime().Format(time.RFC3339Nano) }
	for _, tc := range []struct{ query, want string }{
		{"", "4321"},
		{"service=shop", "421"},
		{"service=nobody", ""},
		{"operation=send", "43"},
		{"service=shop&operation=send", ""},
		{"service=mail&operation=send", "43"},
		{"status=error", "2"},
		{"status=ok", "431"},
		{"min_duration=100ms", "21"},
		{"max_duration=100ms", "431"},
		{"min_duration=50ms&max_duration=150ms", "31"},
		{"attribute=db.system", "41"},
		{"attribute=db.system%3Doracle", "1"},
		{"attribute=DB.SYSTEM%3Doracle", "1"},
		{"attribute=db.system%3DOracle", ""},
		{"attribute=http.target~CART", "1"},
		{"attribute=n%3D2", "3"},
		{"attribute=n&attribute=http.target", "1"},
		{"attribute=db.system&attribute=http.target", ""}, // match one trace, but not one span
		{"attribute=service.name%3Dmail", "43"},
		{"service=shop&attribute=db.system", "1"},
		{"from=" + at(1000), "432"},
		{"to=" + at(2000), "21"},
		{"from=" + at(1000) + "&to=" + at(2001), "32"},
		{"sort=duration", "2134"},
		{"sort=spans", "4132"},
		{"sort=errors", "2431"},
		{"limit=2", "43"},
		{"limit=2&offset=2", "21"},
		{"offset=9", ""},
	} {
		t.Run(tc.query, func(t *testing.T) {
			var list TraceList
			s.get("/api/v1/traces?"+tc.query, &list)
			var found strings.Builder
			for _, trace := range list.Traces {
				found.WriteString(strings.TrimLeft(trace.TraceID, "0"))
			}
			assert.Equal(t, tc.want, found.String())
			assert.Nil(t, list.Histogram)
			if !strings.Contains(tc.query, "limit") && !strings.Contains(tc.query, "offset") {
				assert.Len(t, tc.want, list.Total)
			}
		})
	}
}

func TestTraceSearchRefusesNonsense(t *testing.T) {
	s := start(t)
	for _, tc := range []struct{ query, field string }{
		{"status=red", "status"},
		{"min_duration=fast", "min_duration"},
		{"max_duration=-1s", "max_duration"},
		{"from=yesterday", "from"},
		{"to=noon", "to"},
		{"last=-1m", "last"},
		{"last=15m&from=12", "from"},
		{"offset=-1", "offset"},
		{"buckets=501", "buckets"},
		{"sort=color", "sort"},
		{"attribute=", "attribute"},
		{"attribute=%20%3D1", "attribute"},
		{"limit=1001", "limit"},
	} {
		a := s.do(http.MethodGet, "/api/v1/traces?"+tc.query, nil, nil)
		assert.Equal(t, http.StatusBadRequest, a.status, tc.query)
		assert.Contains(t, string(a.body), `{"error":"`+tc.field+": ", tc.query)
	}
}

func TestHistogram(t *testing.T) {
	s := searched(t)
	var list TraceList
	s.get("/api/v1/traces?buckets=4&limit=1", &list)
	require.NotNil(t, list.Histogram)
	assert.Equal(t, millis(0).AsTime(), list.Histogram.From)
	assert.Equal(t, []TimeBucket{{Traces: 1}, {Traces: 1, Errors: 1}, {Traces: 1}, {Traces: 1}}, list.Histogram.Buckets)

	query := url.Values{"buckets": {"2"}, "from": {millis(0).AsTime().Format(time.RFC3339Nano)}, "to": {millis(4000).AsTime().Format(time.RFC3339Nano)}}
	s.get("/api/v1/traces?"+query.Encode(), &list)
	assert.Equal(t, (2 * time.Second).Nanoseconds(), list.Histogram.BucketNS)
	assert.Equal(t, []TimeBucket{{Traces: 2, Errors: 1}, {Traces: 2}}, list.Histogram.Buckets)

	s.get("/api/v1/traces?buckets=2&service=mail&to="+millis(2001).AsTime().Format(time.RFC3339Nano), &list)
	assert.Equal(t, TimeHistogram{From: millis(2000).AsTime(), BucketNS: ms(1), Buckets: []TimeBucket{{Traces: 1}, {}}}, *list.Histogram, "one moment")
	s.get("/api/v1/traces?buckets=3&service=nobody", &list)
	assert.Equal(t, make([]TimeBucket, 3), list.Histogram.Buckets)
}

// A summary is cached, and computed again when its trace grows.
func TestSummaryGrows(t *testing.T) {
	s := start(t)
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 2, parent: 1, service: "app", name: "SELECT", start: 5, end: 6}))
	var list TraceList
	s.get("/api/v1/traces", &list)
	assert.Equal(t, "SELECT", list.Traces[0].RootOperation)
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 1, service: "web", name: "GET /", start: 0, end: 9, attributes: map[string]any{"http.target": "/x"}}))
	s.get("/api/v1/traces", &list)
	assert.Equal(t, TraceSummary{
		TraceID: traceID(1).String(), RootService: "web", RootOperation: "GET /", RootDetail: "/x", StartTime: millis(0).AsTime(),
		DurationNS: ms(9), Spans: 2, Services: []string{"app", "web"},
	}, list.Traces[0])
}

func TestLongNamesAreCutInLists(t *testing.T) {
	s := start(t)
	name := strings.Repeat("é", 1<<19) // a megabyte
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 1, service: "web", name: name, attributes: map[string]any{"db.statement": name}}))
	var list TraceList
	s.get("/api/v1/traces", &list)
	assert.Equal(t, strings.Repeat("é", maxName/2)+"…", list.Traces[0].RootOperation)
	assert.Equal(t, strings.Repeat("é", maxDetail/2)+"…", list.Traces[0].RootDetail)
	var waterfall Waterfall
	s.get("/api/v1/traces/"+list.Traces[0].TraceID+"/waterfall", &waterfall)
	assert.Equal(t, list.Traces[0].RootOperation, waterfall.Spans[0].Name)
	var detail SpanDetail
	s.get("/api/v1/traces/"+list.Traces[0].TraceID+"/spans/"+spanID(1).String(), &detail)
	assert.Equal(t, name, detail.Span.Name, "a single span has the full name")
	assert.Equal(t, "aé…", firstCharacters("aéé", 4))
}

func TestServicesAPI(t *testing.T) {
	s := searched(t)
	var answer struct {
		Services []ServiceFacet `json:"services"`
	}
	s.get("/api/v1/services", &answer)
	assert.Equal(t, []ServiceFacet{
		{Name: "mail", Spans: 2, Operations: []string{"send"}},
		{Name: "shop", Spans: 4, Operations: []string{"GET /cart", "POST /cart", "SELECT"}},
	}, answer.Services)

	s = start(t)
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 1, service: "wordy", name: strings.Repeat("x", maxName+1), end: 5}))
	s.get("/api/v1/services", &answer)
	assert.Equal(t, []ServiceFacet{{Name: "wordy", Spans: 1, Operations: []string{}}}, answer.Services, "a list, not null: the console reads its length")
}

func TestChanges(t *testing.T) {
	s := start(t)
	var last Changes
	expect := func(what string, want func(before, after Changes) bool) {
		t.Helper()
		var now Changes
		s.get("/api/v1/changes", &now)
		assert.True(t, want(last, now), "%s: %+v after %+v", what, now, last)
		last = now
	}
	expect("nothing", func(_, after Changes) bool { return after != Changes{} })
	expect("nothing more", func(before, after Changes) bool { return before == after })
	s.upload(TracesPath, protoOf(t, oneSpan(t)))
	expect("spans", func(b, a Changes) bool {
		return a.Traces > b.Traces && a.Uploads > b.Uploads && a.Metrics == b.Metrics && a.Logs == b.Logs
	})
	s.upload(MetricsPath, protoOf(t, someMetrics()))
	expect("metrics", func(b, a Changes) bool { return a.Metrics > b.Metrics && a.Traces == b.Traces })
	s.upload(LogsPath, protoOf(t, someLogs()))
	expect("logs", func(b, a Changes) bool { return a.Logs > b.Logs && a.Metrics == b.Metrics })
	fault := s.fault(`{"status":503,"times":2}`)
	expect("a fault", func(b, a Changes) bool { return a.Faults > b.Faults && a.Uploads == b.Uploads })
	s.upload(TracesPath, protoOf(t, oneSpan(t)))
	expect("a fault that is met", func(b, a Changes) bool { return a.Faults > b.Faults && a.Uploads > b.Uploads && a.Traces == b.Traces })
	s.do(http.MethodDelete, "/api/v1/faults/"+fault.ID, nil, nil)
	expect("a fault that is deleted", func(b, a Changes) bool { return a.Faults > b.Faults })
	s.do(http.MethodDelete, "/api/v1/store", nil, nil)
	expect("everything forgotten", func(b, a Changes) bool {
		return a.Traces > b.Traces && a.Metrics > b.Metrics && a.Logs > b.Logs && a.Uploads > b.Uploads
	})
}

func TestSeries(t *testing.T) {
	s := start(t)
	for range 2 {
		s.upload(MetricsPath, protoOf(t, someMetrics()))
	}
	var list SeriesList
	s.get("/api/v1/metrics/series", &list)
	values := map[string]float64{}
	for _, series := range list.Series {
		assert.Equal(t, "web", series.Service)
		assert.Len(t, series.Points, 2, series.Name)
		if value := series.Points[1].Value; value != nil {
			values[series.Type+" "+series.Name] = *value
		}
	}
	assert.Equal(t, 5, list.Total, "a metric without points has no series")
	assert.Equal(t, map[string]float64{"Gauge gauge": 7, "Sum sum": 1.5, "Histogram histogram": 3, "ExponentialHistogram exponential": 0, "Summary summary": 0}, values)

	s.get("/api/v1/metrics/series?text=HISTO&service=web", &list)
	require.Len(t, list.Series, 1)
	assert.EqualValues(t, 3, *list.Series[0].Points[0].Count)
	s.get("/api/v1/metrics/series?limit=2", &list)
	assert.Len(t, list.Series, 2)
	assert.Equal(t, 5, list.Total)
	s.get("/api/v1/metrics/series?service=other", &list)
	assert.Empty(t, list.Series)
}

func TestLogSearch(t *testing.T) {
	s := start(t)
	s.upload(LogsPath, protoOf(t, someLogs()))
	for _, tc := range []struct {
		query string
		want  []any
	}{
		{"", []any{"world", "hello"}},
		{"limit=1", []any{"world"}},
		{"severity=13", []any{"world"}},
		{"severity=17", nil},
		{"text=HELL", []any{"hello"}},
		{"service=web", []any{"world", "hello"}},
		{"service=app", nil},
		{"trace_id=" + traceID(1).String(), []any{"hello"}},
	} {
		var answer struct {
			Logs []LogRecord `json:"logs"`
		}
		s.get("/api/v1/logs?"+tc.query, &answer)
		var bodies []any
		for _, record := range answer.Logs {
			bodies = append(bodies, record.Body)
		}
		assert.Equal(t, tc.want, bodies, tc.query)
	}
	for query, field := range map[string]string{"severity=0": "severity", "severity=x": "severity", "trace_id=12": "trace_id"} {
		a := s.do(http.MethodGet, "/api/v1/logs?"+query, nil, nil)
		assert.Equal(t, http.StatusBadRequest, a.status, query)
		assert.Contains(t, string(a.body), field+": ")
	}
}

func BenchmarkConsole(b *testing.B) {
	s := newStore(100_000, 1<<30)
	s.put(batch{signal: SignalTraces, items: 100_000, traces: consoleSpans(100_000, 10)}, false, 0)
	large := newStore(100_000, 1<<30)
	large.put(batch{signal: SignalTraces, items: 5_000, traces: consoleSpans(5_000, 5_000)}, false, 0)
	list := func(values url.Values) func(*testing.B) {
		return func(b *testing.B) {
			query, err := parseTraceQuery(values, 100)
			require.NoError(b, err)
			for b.Loop() {
				listTraces(s, query)
			}
		}
	}
	b.Run("list", list(url.Values{"buckets": {"60"}}))
	b.Run("list by operation", list(url.Values{"buckets": {"60"}, "operation": {"SELECT"}}))
	b.Run("list by attribute", list(url.Values{"buckets": {"60"}, "attribute": {"db.statement~nothing has this"}}))
	b.Run("services", func(b *testing.B) {
		for b.Loop() {
			facetsOf(s.snapshot(), timeRange{})
		}
	})
	b.Run("topology", func(b *testing.B) {
		for b.Loop() {
			topologyOf(s.snapshot(), timeRange{})
		}
	})
	b.Run("checks", func(b *testing.B) {
		for b.Loop() {
			checksOf(s.snapshot(), timeRange{}, time.Now())
		}
	})
	b.Run("waterfall of 5000", func(b *testing.B) {
		trace := large.snapshot()[0]
		for b.Loop() {
			waterfallOf(trace)
		}
	})
}

// consoleSpans returns database spans in traces of a given size, each below a
// SERVER span.
func consoleSpans(spans, perTrace int) ptrace.Traces {
	td := databaseSpans(spans)
	i := 0
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		id := spanID(0)
		id[0], id[1], id[2] = byte(i>>16), byte(i>>8), byte(i) //nolint:gosec // cut on purpose
		id[7] = 1
		trace := traceID(1)
		n := i / perTrace
		trace[0], trace[1], trace[2] = byte(n>>16), byte(n>>8), byte(n) //nolint:gosec // cut on purpose
		span.SetSpanID(id)
		span.SetTraceID(trace)
		span.SetStartTimestamp(millis(i))
		span.SetEndTimestamp(millis(i + 1))
		if i%perTrace == 0 {
			span.SetKind(server)
			span.SetName("GET /")
			span.SetEndTimestamp(millis(i + perTrace + 1))
		} else {
			first := i - i%perTrace
			id[0], id[1], id[2] = byte(first>>16), byte(first>>8), byte(first) //nolint:gosec // cut on purpose
			span.SetParentSpanID(id)
		}
		i++
	}
	return td
}
