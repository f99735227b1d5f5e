// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestEveryAPIAnswerIsJSON(t *testing.T) {
	s := start(t)
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/v1", 200, ""},
		{"GET", "/api/v1/", 200, ""},
		{"HEAD", "/api/v1", 200, ""},
		{"GET", "/healthz", 200, ""},
		{"GET", "/api/v1/traces", 200, ""},
		{"GET", "/api/v1/topology", 200, ""},
		{"GET", "/api/v1/counts", 200, ""},
		{"GET", "/api/v1/changes", 200, ""},
		{"GET", "/api/v1/services", 200, ""},
		{"GET", "/api/v1/checks", 200, ""},
		{"GET", "/api/v1/metrics/series", 200, ""},
		{"GET", "/api/v1/uploads", 200, ""},
		{"GET", "/api/v1/metrics", 200, ""},
		{"GET", "/api/v1/logs", 200, ""},
		{"GET", "/api/v1/faults", 200, ""},
		{"DELETE", "/api/v1/faults", 200, ""},
		{"DELETE", "/api/v1/store", 200, ""},
		{"GET", "/api/v1/traces?limit=0", 400, ""},
		{"GET", "/api/v1/traces?limit=1001", 400, ""},
		{"GET", "/api/v1/uploads?limit=x", 400, ""},
		{"GET", "/api/v1/metrics?limit=-1", 400, ""},
		{"GET", "/api/v1/logs?limit=1.5", 400, ""},
		{"GET", "/api/v1/traces/123", 400, ""},
		{"GET", "/api/v1/traces/" + strings.Repeat("g", 32), 400, ""},
		{"GET", "/api/v1/traces/" + strings.Repeat("0", 33), 400, ""},
		{"GET", "/api/v1/traces/" + strings.Repeat("0", 3200), 400, ""},
		{"GET", "/api/v1/traces/" + strings.Repeat("0", 32), 404, ""},
		{"GET", "/api/v1/traces/123/waterfall", 400, ""},
		{"GET", "/api/v1/traces/" + strings.Repeat("0", 32) + "/waterfall", 404, ""},
		{"GET", "/api/v1/traces/" + strings.Repeat("0", 32) + "/spans/1", 404, ""},
		{"GET", "/api/v1/metrics/series?limit=0", 400, ""},
		{"GET", "/api/v1/nothing", 404, ""},
		{"GET", "/api", 404, ""},
		{"GET", "/api/v2/traces", 404, ""},
		{"DELETE", "/api/v1/faults/none", 404, ""},
		{"POST", "/api/v1", 405, "GET"},
		{"GET", "/api/v1/originals", 405, "POST"},
		{"POST", "/healthz", 405, "GET"},
		{"POST", "/api/v1/traces", 405, "GET"},
		{"PUT", "/api/v1/faults", 405, "DELETE, GET, POST"},
		{"GET", "/api/v1/faults/1", 405, "DELETE"},
		{"GET", "/api/v1/keys", 405, "PUT"},
		{"GET", "/api/v1/store", 405, "DELETE"},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			a := s.do(tc.method, tc.path, nil, nil)
			assert.Equal(t, tc.status, a.status)
			assert.Equal(t, tc.allow, a.header.Get("Allow"))
			assert.Equal(t, "application/json", a.header.Get("Content-Type"))
			for name := range a.header {
				assert.NotContains(t, name, "Access-Control")
			}
			if tc.method == http.MethodHead {
				return
			}
			var reply map[string]any
			require.NoError(t, json.Unmarshal(a.body, &reply), string(a.body))
			if tc.status >= 400 {
				assert.NotEmpty(t, reply["error"])
				assert.Len(t, reply, 1)
			}
		})
	}
	assert.Empty(t, s.server.Uploads(), "API calls are not uploads")
}

func TestForeignPagesAreKeptOut(t *testing.T) {
	local := start(t)
	open := start(t, func(c *Config) { c.Listen = "0.0.0.0:0" })
	own := local.server.URL()
	for _, tc := range []struct {
		name   string
		s      *sandbox
		method string
		header header
		status int
	}{
		{"plain", local, "GET", nil, 200},
		{"localhost", local, "GET", header{"Host": "localhost:4320"}, 200},
		{"localhost without a port", local, "GET", header{"Host": "localhost"}, 200},
		{"ipv6", local, "GET", header{"Host": "[::1]:4320"}, 200},
		{"ipv6 without a port", local, "GET", header{"Host": "[::1]"}, 200},
		{"rebound name", local, "GET", header{"Host": "evil.example.com"}, 403},
		{"rebound name with the port", local, "GET", header{"Host": "evil.example.com:4320"}, 403},
		{"name that looks local", local, "DELETE", header{"Host": "127.0.0.1.example.com"}, 403},
		{"another address", local, "DELETE", header{"Host": "192.0.2.1:4320"}, 403},
		{"any name on an open address", open, "DELETE", header{"Host": "sandbox.example.com"}, 200},
		{"command line", local, "DELETE", nil, 200},
		{"own page", local, "DELETE", header{"Origin": own, "Sec-Fetch-Site": "same-origin"}, 200},
		{"own page, old browser", local, "DELETE", header{"Origin": own}, 200},
		{"foreign page", local, "DELETE", header{"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"}, 403},
		{"foreign page, old browser", local, "DELETE", header{"Origin": "https://evil.example.com"}, 403},
		{"file", local, "DELETE", header{"Origin": "null"}, 403},
		{"another local port", local, "DELETE", header{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403},
		{"foreign page on an open address", open, "DELETE", header{"Sec-Fetch-Site": "cross-site"}, 403},
		{"foreign page that only reads", local, "GET", header{"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"}, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.s.do(tc.method, "/api/v1/faults", nil, tc.header)
			assert.Equal(t, tc.status, a.status, string(a.body))
			assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
		})
	}
	for _, path := range []string{"/", "/healthz", "/api/v1/counts"} {
		assert.Equal(t, 403, local.do(http.MethodGet, path, nil, header{"Host": "evil.example.com"}).status, path)
	}
	// Uploads may use any host name: a collector in a container has its own
	// name for this machine.
	a := local.do(http.MethodPost, TracesPath, nil, header{"Host": "host.docker.internal", "Authorization": privateAuth, "Content-Type": typeProtobuf})
	assert.Equal(t, 200, a.status)
}

func TestTraceAPI(t *testing.T) {
	s := start(t)
	td := tracesOf(
		t,
		spanSpec{trace: 1, id: 2, parent: 1, service: "app", name: "SELECT", kind: ptrace.SpanKindClient, start: 10, end: 30, failed: true, attributes: map[string]any{
			"text": "x", "n": 9007199254740993, "f": 1.5, "ok": true, "bytes": []byte{1, 2, 255}, "list": []any{1, "a"}, "map": map[string]any{"k": "v"}, "nothing": nil,
		}},
		spanSpec{trace: 1, id: 1, service: "web", name: "GET /", kind: ptrace.SpanKindServer, start: 0, end: 50},
		spanSpec{trace: 2, id: 1, service: "web", name: "GET /other", kind: ptrace.SpanKindInternal, start: 1000, end: 900},
	)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.Status().SetMessage("ORA-00942")
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(millis(20))
	event.Attributes().PutStr("exception.type", "DatabaseError")
	link := span.Links().AppendEmpty()
	link.SetTraceID(traceID(7))
	link.SetSpanID(spanID(8))
	link.Attributes().PutInt("i", 1)
	require.Equal(t, 200, s.uploadTraces(td).status)

	one := "00000000000000000000000000000001"
	a := s.do(http.MethodGet, "/api/v1/traces", nil, nil)
	assert.JSONEq(t, `{"total":2,"traces":[
		{"trace_id":"00000000000000000000000000000002","root_service":"web","root_operation":"GET /other","start_time":"2023-11-14T22:13:21Z","duration_ns":0,"spans":1,"errors":0,"services":["web"]},
		{"trace_id":"`+one+`","root_service":"web","root_operation":"GET /","start_time":"2023-11-14T22:13:20Z","duration_ns":50000000,"spans":2,"errors":1,"services":["app","web"]}]}`, string(a.body))

	for _, tc := range []struct {
		query string
		total int
		shown int
	}{
		{"?service=web", 2, 2},
		{"?service=app", 1, 1},
		{"?service=nobody", 0, 0},
		{"?operation=SELECT", 1, 1},
		{"?service=app&operation=SELECT", 1, 1},
		{"?service=web&operation=SELECT", 0, 0},
		{"?limit=1", 2, 1},
	} {
		var list TraceList
		s.get("/api/v1/traces"+tc.query, &list)
		assert.Equal(t, tc.total, list.Total, tc.query)
		assert.Len(t, list.Traces, tc.shown, tc.query)
	}

	a = s.do(http.MethodGet, "/api/v1/traces/"+one, nil, nil)
	assert.JSONEq(t, `{"trace_id":"`+one+`","spans":[
		{"trace_id":"`+one+`","span_id":"0000000000000001","parent_span_id":"","name":"GET /","kind":"SERVER",
		 "start_time":"2023-11-14T22:13:20Z","end_time":"2023-11-14T22:13:20.05Z","duration_ns":50000000,"status":{"code":"UNSET","message":""},
		 "service":"web","resource":{"service.name":"web"},"scope":{"name":"test","version":"1.2.3"},"attributes":{},"events":[],"links":[]},
		{"trace_id":"`+one+`","span_id":"0000000000000002","parent_span_id":"0000000000000001","name":"SELECT","kind":"CLIENT",
		 "start_time":"2023-11-14T22:13:20.01Z","end_time":"2023-11-14T22:13:20.03Z","duration_ns":20000000,"status":{"code":"ERROR","message":"ORA-00942"},
		 "service":"app","resource":{"service.name":"app"},"scope":{"name":"test","version":"1.2.3"},
		 "attributes":{"text":"x","n":9007199254740993,"f":1.5,"ok":true,"bytes":"AQL/","list":[1,"a"],"map":{"k":"v"},"nothing":null},
		 "events":[{"name":"exception","time":"2023-11-14T22:13:20.02Z","attributes":{"exception.type":"DatabaseError"}}],
		 "links":[{"trace_id":"00000000000000000000000000000007","span_id":"0000000000000008","attributes":{"i":1}}]}]}`, string(a.body))
	assert.Contains(t, string(a.body), "9007199254740993", "an int64 keeps its digits")

	td = tracesOf(t, spanSpec{trace: 0xAB, id: 1})
	require.Equal(t, 200, s.uploadTraces(td).status)
	var trace Trace
	s.get("/api/v1/traces/000000000000000000000000000000AB", &trace)
	assert.Equal(t, "000000000000000000000000000000ab", trace.TraceID)
	assert.Equal(t, "unknown_service", trace.Spans[0].Service)
}

func TestRootOfATrace(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spans []spanSpec
		want  string
	}{
		{"root", []spanSpec{{id: 2, parent: 1, name: "child", start: 0}, {id: 1, name: "root", start: 5}}, "root"},
		{"two roots", []spanSpec{{id: 1, name: "late", start: 5}, {id: 2, name: "early", start: 1}}, "early"},
		{"root missing", []spanSpec{{id: 3, parent: 2, name: "grandchild", start: 1}, {id: 2, parent: 1, name: "child", start: 4}}, "child"},
		{"two orphans", []spanSpec{{id: 3, parent: 9, name: "late", start: 3}, {id: 2, parent: 8, name: "early", start: 2}}, "early"},
		{"circle", []spanSpec{{id: 1, parent: 2, name: "late", start: 2}, {id: 2, parent: 1, name: "early", start: 1}}, "early"},
		{"its own parent", []spanSpec{{id: 1, parent: 1, name: "self"}}, "self"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.spans {
				tc.spans[i].trace = 1
			}
			s := start(t)
			s.uploadTraces(tracesOf(t, tc.spans...))
			var list TraceList
			s.get("/api/v1/traces", &list)
			require.Len(t, list.Traces, 1)
			assert.Equal(t, tc.want, list.Traces[0].RootOperation)
		})
	}
}

func TestMetricsAndLogsAPI(t *testing.T) {
	s := start(t)
	require.Equal(t, 200, s.upload(MetricsPath, protoOf(t, someMetrics())).status)
	require.Equal(t, 200, s.upload(LogsPath, protoOf(t, someLogs())).status)

	var metrics struct{ Metrics []Metric }
	s.get("/api/v1/metrics", &metrics)
	require.Len(t, metrics.Metrics, 6)
	byType := map[string]Metric{}
	for _, metric := range metrics.Metrics {
		byType[metric.Type] = metric
		assert.Equal(t, "web", metric.Service)
	}
	assert.Equal(t, "empty", metrics.Metrics[0].Name, "the newest first")
	assert.InEpsilon(t, 7.0, byType["Gauge"].DataPoints[0].Value, 0)
	assert.InEpsilon(t, 1.5, byType["Sum"].DataPoints[0].Value, 0)
	assert.Equal(t, uint64(3), *byType["Histogram"].DataPoints[0].Count)
	assert.InEpsilon(t, 9.0, byType["Histogram"].DataPoints[0].Sum, 0)
	assert.Equal(t, uint64(4), *byType["ExponentialHistogram"].DataPoints[0].Count)
	assert.Equal(t, uint64(5), *byType["Summary"].DataPoints[0].Count)
	s.get("/api/v1/metrics?limit=1", &metrics)
	assert.Len(t, metrics.Metrics, 1)

	var logs struct{ Logs []LogRecord }
	s.get("/api/v1/logs", &logs)
	require.Len(t, logs.Logs, 2)
	assert.Equal(t, "world", logs.Logs[0].Body)
	assert.Equal(t, "Warn", logs.Logs[0].Severity)
	assert.Equal(t, "INFO", logs.Logs[1].Severity)
	assert.Equal(t, traceID(1).String(), logs.Logs[1].TraceID)
	assert.Equal(t, map[string]any{"n": 1.0}, logs.Logs[1].Attributes)
	s.get("/api/v1/logs?limit=1", &logs)
	assert.Len(t, logs.Logs, 1)

	counts := s.server.Counts()
	assert.Equal(t, MetricCounts{DataPoints: 5, InStore: 6}, counts.Metrics)
	assert.Equal(t, LogCounts{Records: 2, InStore: 2}, counts.Logs)
}

func TestUploadsAPI(t *testing.T) {
	s := start(t)
	for range 3 {
		s.upload(TracesPath, protoOf(t, oneSpan(t)))
	}
	s.upload("/v1/traces", nil)
	var reply struct{ Uploads []map[string]any }
	s.get("/api/v1/uploads?limit=2", &reply)
	require.Len(t, reply.Uploads, 2)
	assert.InEpsilon(t, 404.0, reply.Uploads[0]["status"], 0)
	assert.Empty(t, reply.Uploads[0]["signal"])
	latest := reply.Uploads[1]
	assert.InEpsilon(t, 1.0, latest["duplicates"], 0)
	for _, field := range []string{
		"time", "method", "path", "signal", "status", "content_type", "content_encoding", "bytes",
		"bytes_decompressed", "items", "duplicates", "rejected", "user_agent", "key",
	} {
		assert.Contains(t, latest, field)
	}
	assert.Equal(t, map[string]int{"traces": 3, "unknown": 1}, s.server.Counts().Uploads.BySignal)
}

func TestKeysAPI(t *testing.T) {
	s := start(t)
	status := func(path, key string) int {
		return s.do(http.MethodPost, path, nil, header{"Authorization": "dataKey " + key, "Content-Type": typeProtobuf}).status
	}
	a := s.do(http.MethodPut, "/api/v1/keys", []byte(`{"private":"rotated-private"}`), nil)
	require.Equal(t, 200, a.status)
	assert.JSONEq(t, `{"ok":true}`, string(a.body))
	assert.Equal(t, 401, status(TracesPath, DefaultPrivateKey))
	assert.Equal(t, 200, status(TracesPath, "rotated-private"))
	assert.Equal(t, 200, status(PublicTracesPath, DefaultPublicKey), "the other key stays")

	a = s.do(http.MethodPut, "/api/v1/keys", []byte(`{"private":"third-private","public":"third-public"}`), nil)
	require.Equal(t, 200, a.status)
	assert.Equal(t, 401, status(TracesPath, "rotated-private"))
	assert.Equal(t, 401, status(PublicTracesPath, DefaultPublicKey))
	assert.Equal(t, 200, status(TracesPath, "third-private"))
	assert.Equal(t, 200, status(PublicTracesPath, "third-public"))

	a = s.do(http.MethodPut, "/api/v1/keys", []byte(`{"private":"fourth-private","grace":"1h"}`), nil)
	require.Equal(t, 200, a.status)
	assert.Equal(t, 200, status(TracesPath, "third-private"), "the grace has not passed")
	assert.Equal(t, 200, status(TracesPath, "fourth-private"))
	assert.Equal(t, []DataKey{
		{Kind: KeyPrivate, Value: "third-private", Generation: 2},
		{Kind: KeyPrivate, Value: "fourth-private", Generation: 3},
		{Kind: KeyPublic, Value: "third-public", Generation: 1},
	}, s.server.Keys())
	assert.Equal(t, 403, status(PublicTracesPath, "third-private"), "a key keeps its kind")
	require.NoError(t, s.server.RotateKeys("fifth-private", "", 0))
	assert.Equal(t, 401, status(TracesPath, "fourth-private"))
	assert.Equal(t, 200, status(TracesPath, "fifth-private"))
	require.NoError(t, s.server.SetKeys("third-private", "third-public"))

	for _, body := range []string{
		`{}`, `{"private":"third-public"}`, `{"private":"x","grace":"long"}`, `{"private":"two words"}`, `{"private":"secret\n"}`, `{"private":12345}`,
		`{"secret":"x"}`, `{"private":"secret`, `["secret"]`, `{"private":"` + strings.Repeat("s", 70_000) + `"}`,
	} {
		a = s.do(http.MethodPut, "/api/v1/keys", []byte(body), nil)
		assert.GreaterOrEqual(t, a.status, 400, body)
		assert.NotContains(t, string(a.body), "third-public")
		assert.NotContains(t, string(a.body), "12345")
		assert.NotContains(t, string(a.body), "words")
	}
	assert.Equal(t, 200, status(TracesPath, "third-private"), "a bad request changes nothing")
	assert.NotContains(t, s.everythingLogged(), "third-private")
}

func TestStoreAPI(t *testing.T) {
	s := start(t)
	s.fault(`{"signal":"logs","status":500}`)
	s.upload(TracesPath, protoOf(t, oneSpan(t)))
	s.upload(MetricsPath, protoOf(t, someMetrics()))
	s.upload("/wrong", nil)
	a := s.do(http.MethodDelete, "/api/v1/store", nil, nil)
	assert.Equal(t, 200, a.status)
	a = s.do(http.MethodGet, "/api/v1/counts", nil, nil)
	assert.JSONEq(t, `{
		"uploads":{"total":0,"accepted":0,"rejected":0,"by_status":{},"by_signal":{}},
		"spans":{"received":0,"stored":0,"duplicates":0,"evicted":0,"rejected":0,"in_store":0,"traces_in_store":0,"bytes_in_store":0},
		"metrics":{"data_points":0,"rejected":0,"in_store":0},
		"logs":{"records":0,"rejected":0,"in_store":0},
		"services":{}}`, string(a.body))
	assert.Empty(t, s.server.Uploads())
	assert.Zero(t, s.server.StoredTraces().SpanCount())
	assert.Len(t, s.server.Faults(), 1, "faults stay")
	s.upload(TracesPath, protoOf(t, oneSpan(t)))
	assert.Zero(t, s.server.Counts().Spans.Duplicates)
}

func TestStoredCopies(t *testing.T) {
	s := start(t)
	td := tracesOf(t, spanSpec{trace: 1, id: 1, service: "web", name: "a"}, spanSpec{trace: 1, id: 2, service: "app", name: "b"})
	s.uploadTraces(td)
	s.upload(MetricsPath, protoOf(t, someMetrics()))
	s.upload(LogsPath, protoOf(t, someLogs()))

	stored := s.server.StoredTraces()
	require.Equal(t, 2, stored.SpanCount())
	service, _ := stored.ResourceSpans().At(1).Resource().Attributes().Get("service.name")
	assert.Equal(t, "app", service.Str())
	assert.Equal(t, "test", stored.ResourceSpans().At(1).ScopeSpans().At(0).Scope().Name())
	stored.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName("changed")
	assert.Equal(t, "a", s.server.StoredTraces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name())
	assert.Equal(t, 5, s.server.StoredMetrics().DataPointCount())
	assert.Equal(t, 2, s.server.StoredLogs().LogRecordCount())
}
