// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const originalsPath = "/api/v1/originals"

func (s *sandbox) sendOriginals(td ptrace.Traces) answer {
	s.t.Helper()
	body := zipped(s.t, protoOf(s.t, ptraceotlp.NewExportRequestFromTraces(td)))
	return s.do(http.MethodPost, originalsPath, body, header{"Content-Type": typeProtobuf, "Content-Encoding": "gzip"})
}

// span returns the first span of a trace.
func (s *sandbox) span(trace byte) SpanDetail {
	s.t.Helper()
	var detail SpanDetail
	s.get("/api/v1/traces/"+traceID(trace).String()+"/spans/"+spanID(1).String(), &detail)
	return detail
}

// asSent is a span as the app sent it, and asUploaded the same span after the
// collector.
func asSent(t *testing.T, trace byte) ptrace.Traces {
	return tracesOf(t, spanSpec{trace: trace, id: 1, service: "app", name: "query", kind: client, attributes: map[string]any{
		"db.system": "oracle", "db.statement": "SELECT 'secret'", "secret": "x",
	}})
}

func asUploaded(t *testing.T, trace byte) ptrace.Traces {
	td := tracesOf(t, spanSpec{trace: trace, id: 1, service: "app", name: "SELECT", kind: client, attributes: map[string]any{
		"db.system": "oracle", "db.statement": "SELECT ?", "peer.service": "oracle", "db.operation": "SELECT",
	}})
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("host.name", "laptop")
	return td
}

func TestOrigins(t *testing.T) {
	want := &Origin{
		Name: new("query"),
		Attributes: AttributeOrigins{
			Added:   []string{"db.operation", "peer.service"},
			Changed: map[string]any{"db.statement": "SELECT 'secret'"},
			Removed: map[string]any{"secret": "x"},
		},
		Resource: AttributeOrigins{Added: []string{"host.name"}, Changed: map[string]any{}, Removed: map[string]any{}},
	}
	s := start(t)

	s.uploadTraces(asUploaded(t, 1))
	assert.Nil(t, s.span(1).Origin, "not known")
	before := s.server.Counts().Spans.BytesInStore
	a := s.sendOriginals(asSent(t, 1))
	assert.Equal(t, 200, a.status)
	assert.Equal(t, typeProtobuf, a.header.Get("Content-Type"))
	assert.Empty(t, a.body)
	assert.Equal(t, want, s.span(1).Origin, "after the upload")
	assert.Greater(t, s.server.Counts().Spans.BytesInStore, before, "it takes memory")

	s.sendOriginals(asSent(t, 2))
	s.sendOriginals(asSent(t, 2))
	s.uploadTraces(asUploaded(t, 2))
	assert.Equal(t, want, s.span(2).Origin, "before the upload")
	assert.Empty(t, s.server.store.origins.waiting)
	assert.Zero(t, s.server.store.origins.bytes)

	s.sendOriginals(asUploaded(t, 1))
	assert.Equal(t, want, s.span(1).Origin, "the first wins")
	var w Waterfall
	s.get("/api/v1/traces/"+traceID(1).String()+"/waterfall", &w)
	assert.Equal(t, 1, w.Origins)

	assert.Equal(t, 2, s.server.Counts().Uploads.Total, "no upload")
	assert.Equal(t, 2, s.server.Counts().Spans.Received)
	s.server.Reset()
	assert.Empty(t, s.server.store.origins.known)
	a = s.do(http.MethodGet, "/api/v1/traces/"+traceID(1).String()+"/spans/0", nil, nil)
	assert.Equal(t, 404, a.status)
}

func TestOriginsAreBounded(t *testing.T) {
	s := newStore(1000, 8<<20)
	for i := range byte(200) {
		s.putOriginals(tracesOf(t, spanSpec{trace: i + 1, id: 1, attributes: map[string]any{"text": strings.Repeat("x", 16<<10)}}))
		assert.LessOrEqual(t, s.origins.bytes, int64(1<<20))
	}
	waiting := len(s.origins.waiting)
	assert.Positive(t, waiting)
	assert.Less(t, waiting, 64)
	assert.Equal(t, waiting, s.origins.order.Len())
	assert.Contains(t, s.origins.waiting, spanKey{traceID(200), spanID(1)}, "the latest stays")

	// The origin of a span is removed together with the span.
	small := newStore(3, 8<<20)
	for i := range byte(10) {
		small.putOriginals(asSent(t, i+1))
		td := asUploaded(t, i+1)
		small.put(batch{signal: SignalTraces, items: 1, traces: td}, false, 0)
	}
	assert.Len(t, small.origins.known, 3)
	var charged int64
	for _, trace := range small.snapshot() {
		charged += trace.bytes
	}
	assert.Equal(t, charged, small.snapshotCounts().Spans.BytesInStore)

	// A difference that is larger than the store is not kept either.
	huge := asSent(t, 99)
	huge.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("huge", strings.Repeat("x", 4<<20))
	small.put(batch{signal: SignalTraces, items: 1, traces: asUploaded(t, 99)}, false, 0)
	small.putOriginals(huge)
	assert.LessOrEqual(t, small.snapshotCounts().Spans.BytesInStore, int64(5<<20))
}

func TestOriginalsAreChecked(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxRequestBytes = 200 })
	body := protoOf(t, oneSpan(t))
	for _, tc := range []struct {
		name   string
		body   []byte
		header header
		status int
	}{
		{"protobuf", body, header{"Content-Type": typeProtobuf}, 200},
		{"json", jsonOf(t, ptraceotlp.NewExportRequest()), header{"Content-Type": typeJSON}, 200},
		{"no type", body, nil, 415},
		{"form", body, header{"Content-Type": "text/plain"}, 415},
		{"coding", body, header{"Content-Type": typeProtobuf, "Content-Encoding": "br"}, 415},
		{"no gzip", body, header{"Content-Type": typeProtobuf, "Content-Encoding": "gzip"}, 400},
		{"no spans", []byte("nonsense"), header{"Content-Type": typeProtobuf}, 400},
		{"large", []byte(strings.Repeat(" ", 300)), header{"Content-Type": typeJSON}, 413},
		{"foreign page", body, header{"Content-Type": typeProtobuf, "Origin": "https://evil.example.com"}, 403},
		{"rebound name", body, header{"Content-Type": typeProtobuf, "Host": "evil.example.com"}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.do(http.MethodPost, originalsPath, tc.body, tc.header)
			assert.Equal(t, tc.status, a.status, string(a.body))
			if tc.status != 200 {
				assert.Contains(t, string(a.body), `{"error":"`)
			}
		})
	}
}

// A span of one trace is never compared with the original of another, and large
// values are really compared.
func TestCompareAttributes(t *testing.T) {
	sent, uploaded := pcommon.NewMap(), pcommon.NewMap()
	require.NoError(t, sent.FromRaw(map[string]any{"same": []any{1, "a"}, "type": "1", "nothing": nil}))
	require.NoError(t, uploaded.FromRaw(map[string]any{"same": []any{1, "a"}, "type": 1, "nothing": nil}))
	difference, size := compareAttributes(sent, uploaded)
	assert.Equal(t, AttributeOrigins{Added: []string{}, Changed: map[string]any{"type": "1"}, Removed: map[string]any{}}, difference)
	assert.Positive(t, size)
}
