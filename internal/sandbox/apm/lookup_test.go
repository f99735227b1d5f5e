// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const longWait = 20 * time.Second // more than any test takes

func TestWaitForTrace(t *testing.T) {
	s := start(t)
	path := "/api/v1/traces/" + traceID(1).String()
	answers := make(chan answer, 1)
	go func() {
		a, err := s.request(http.MethodGet, path+"?wait="+longWait.String(), nil, nil)
		assert.NoError(t, err)
		answers <- a
	}()
	// Another trace does not end the wait.
	s.uploadTraces(tracesOf(t, spanSpec{trace: 2, id: 1, service: "web", end: 5}))
	select {
	case a := <-answers:
		require.Fail(t, "answered before the trace arrived", string(a.body))
	case <-time.After(100 * time.Millisecond):
	}
	s.uploadTraces(tracesOf(t, spanSpec{trace: 1, id: 1, service: "web", name: "GET /", end: 5}))
	a := <-answers
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, string(a.body), `"GET /"`)

	began := time.Now()
	a = s.do(http.MethodGet, path+"?wait="+longWait.String(), nil, nil)
	assert.Equal(t, http.StatusOK, a.status)
	assert.Less(t, time.Since(began), longWait, "a trace that is there is not waited for")
}

func TestWaitInVain(t *testing.T) {
	s := start(t)
	path := "/api/v1/traces/" + traceID(1).String()
	a := s.do(http.MethodGet, path+"?wait=20ms", nil, nil)
	assert.Equal(t, http.StatusNotFound, a.status)
	assert.Contains(t, string(a.body), "no trace "+traceID(1).String()+" in the store after 20ms")
	for _, wait := range []string{"3", "-1s", "31s", "soon"} {
		a := s.do(http.MethodGet, path+"?wait="+wait, nil, nil)
		assert.Equal(t, http.StatusBadRequest, a.status, wait)
		assert.Contains(t, string(a.body), "wait: must be a duration up to 30s, such as 3s")
	}
}

func TestWaitEndsWithClient(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool, 1)
	go func() {
		_, found := s.server.awaitTrace(ctx, s.server.store, traceID(1), longWait)
		done <- found
	}()
	cancel()
	assert.False(t, <-done)
}

func TestWaitEndsWithServer(t *testing.T) {
	s := start(t)
	done := make(chan answer, 1)
	go func() {
		a, err := s.request(http.MethodGet, "/api/v1/traces/"+traceID(1).String()+"?wait="+longWait.String(), nil, nil)
		assert.NoError(t, err)
		done <- a
	}()
	time.Sleep(50 * time.Millisecond) // usually it waits by then
	began := time.Now()
	require.NoError(t, s.server.Shutdown(t.Context()))
	assert.Less(t, time.Since(began), longWait)
	<-done
}

func TestFindSpan(t *testing.T) {
	s := start(t)
	s.uploadTraces(tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "web", end: 5}, spanSpec{trace: 1, id: 2, service: "web", end: 5}, spanSpec{trace: 2, id: 1, service: "web", end: 5}))
	for id, trace := range map[byte]byte{1: 2, 2: 1} {
		var place SpanPlace
		s.get("/api/v1/spans/"+spanID(id).String(), &place)
		assert.Equal(t, SpanPlace{TraceID: traceID(trace).String(), SpanID: spanID(id).String()}, place, "the latest trace")
	}
	assert.Equal(t, http.StatusNotFound, s.do(http.MethodGet, "/api/v1/spans/"+spanID(9).String(), nil, nil).status)
	assert.Equal(t, http.StatusBadRequest, s.do(http.MethodGet, "/api/v1/spans/9", nil, nil).status)
}

// fileTraces has two traces, one of them of two services.
func fileTraces(t *testing.T) ptrace.Traces {
	t.Helper()
	td := tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "web", name: "GET /", kind: server, end: 100},
		spanSpec{
			trace: 1, id: 2, parent: 1, service: "app", name: "SELECT", kind: client, start: 10, end: 20, failed: true,
			attributes: map[string]any{"db.system": "oracle", "n": int64(1) << 60, "list": []any{"a", int64(2)}},
		},
		spanSpec{trace: 2, id: 1, service: "web", name: "GET /other", kind: server, start: 200, end: 300})
	event := td.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(millis(15))
	return td
}

// TestDownloadAndOpen downloads a trace and opens the file.
func TestDownloadAndOpen(t *testing.T) {
	s := start(t)
	s.uploadTraces(fileTraces(t))
	id := traceID(1).String()
	a := s.do(http.MethodGet, "/api/v1/traces/"+id+"/otlp", nil, nil)
	require.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, `attachment; filename="trace-`+id+`.json"`, a.header.Get("Content-Disposition"))
	assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	request := ptraceotlp.NewExportRequest()
	require.NoError(t, request.UnmarshalJSON(a.body))
	assert.Equal(t, 2, request.Traces().SpanCount())

	opened := s.openFile("trace.json", a.body)
	assert.Equal(t, "trace.json", opened.Name)
	assert.Equal(t, 1, opened.Total)
	assert.Equal(t, id, opened.Traces[0].TraceID)
	prefix := "/api/v1/files/" + opened.ID
	for _, path := range []string{"/traces/" + id, "/traces/" + id + "/waterfall", "/traces/" + id + "/spans/" + spanID(2).String(), "/traces/" + id + "/otlp"} {
		assert.Equal(t, string(s.do(http.MethodGet, "/api/v1"+path, nil, nil).body), string(s.do(http.MethodGet, prefix+path, nil, nil).body), path)
	}
	assert.Equal(t, http.StatusNotFound, s.do(http.MethodGet, prefix+"/traces/"+traceID(2).String(), nil, nil).status, "it was not in the file")
	var file OpenedFile
	s.get(prefix, &file)
	opened.store = nil
	assert.Equal(t, opened, file)
}

// The traces of a file are in no list, and are not counted.
func TestOpenedFileIsNotStored(t *testing.T) {
	s := start(t)
	body := jsonOf(t, ptraceotlp.NewExportRequestFromTraces(fileTraces(t)))
	opened := s.openFile("two.json", body)
	assert.Equal(t, 2, opened.Total)
	assert.Len(t, opened.Traces, 2)
	var list TraceList
	s.get("/api/v1/traces", &list)
	assert.Zero(t, list.Total)
	assert.Zero(t, s.server.Counts().Spans)
	assert.Empty(t, s.server.Topology().Nodes)
	assert.Equal(t, http.StatusNotFound, s.do(http.MethodGet, "/api/v1/traces/"+traceID(1).String(), nil, nil).status)
	s.do(http.MethodDelete, "/api/v1/store", nil, nil)
	a := s.do(http.MethodGet, "/api/v1/files/"+opened.ID+"/traces", nil, nil)
	assert.Equal(t, http.StatusNotFound, a.status)
	assert.Contains(t, string(a.body), "no longer open")
}

func (s *sandbox) openFile(name string, body []byte) OpenedFile {
	s.t.Helper()
	a := s.do(http.MethodPost, "/api/v1/files?name="+name, body, nil)
	require.Equal(s.t, http.StatusCreated, a.status, string(a.body))
	return decodeJSON[OpenedFile](s.t, a.body)
}

func TestFileForms(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxRequestBytes, c.MaxSpans = 10_000, 4 })
	one := string(jsonOf(t, ptraceotlp.NewExportRequestFromTraces(fileTraces(t))))
	other := string(jsonOf(t, ptraceotlp.NewExportRequestFromTraces(tracesOf(t, spanSpec{trace: 3, id: 1, end: 1}))))
	logs := string(jsonOf(t, someLogs()))
	fifth := string(jsonOf(t, ptraceotlp.NewExportRequestFromTraces(tracesOf(t, spanSpec{trace: 4, id: 1, end: 1}))))
	for name, tc := range map[string]struct {
		body    string
		traces  int
		status  int
		problem string
	}{
		"one request":       {body: one, traces: 2, status: http.StatusCreated},
		"byte order mark":   {body: "\xef\xbb\xbf" + one, traces: 2, status: http.StatusCreated},
		"lines":             {body: one + "\n" + other + "\r\n\n", traces: 3, status: http.StatusCreated},
		"lines with logs":   {body: logs + "\n" + other, traces: 1, status: http.StatusCreated},
		"logs":              {body: logs, status: http.StatusBadRequest, problem: "no spans"},
		"empty":             {status: http.StatusBadRequest, problem: "no spans"},
		"text":              {body: "hello", status: http.StatusBadRequest, problem: "the file is not OTLP/JSON"},
		"text below":        {body: "\nhello", status: http.StatusBadRequest, problem: "the file is not OTLP/JSON"},
		"a list":            {body: "[" + one + "]", status: http.StatusBadRequest, problem: "not OTLP/JSON"},
		"one line is text":  {body: one + "\n\nhello", status: http.StatusBadRequest, problem: "line 3 of the file is not OTLP/JSON"},
		"too many spans":    {body: one + "\n" + other + "\n" + fifth, status: http.StatusRequestEntityTooLarge, problem: "--max-spans"},
		"too large":         {body: one + strings.Repeat(" ", 10_000), status: http.StatusRequestEntityTooLarge, problem: "--max-request-bytes"},
		"one without ids":   {body: `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"},{"traceId":"00000000000000000000000000000007","spanId":"0000000000000001"}]}]}]}`, traces: 1, status: http.StatusCreated},
		"spans without ids": {body: `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}`, status: http.StatusBadRequest, problem: "no spans"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(http.MethodPost, "/api/v1/files?name=x", []byte(tc.body), nil)
			assert.Equal(t, tc.status, a.status)
			if tc.problem != "" {
				assert.Contains(t, string(a.body), tc.problem)
				return
			}
			assert.Equal(t, tc.traces, decodeJSON[OpenedFile](t, a.body).Total)
		})
	}
}

func TestFilesAreBounded(t *testing.T) {
	s := start(t)
	body := jsonOf(t, ptraceotlp.NewExportRequestFromTraces(fileTraces(t)))
	first := s.openFile(strings.Repeat("long", 1000), body)
	assert.Less(t, len(first.Name), 300)
	ids := map[string]bool{first.ID: true}
	for range 2 * maxFiles {
		id := s.openFile("x", body).ID
		assert.False(t, ids[id], "an address of a closed file must not show another one")
		ids[id] = true
	}
	assert.Equal(t, http.StatusNotFound, s.do(http.MethodGet, "/api/v1/files/"+first.ID, nil, nil).status)
	assert.Len(t, s.server.files.files, maxFiles)

	size := s.server.files.files[0].store.snapshotCounts().Spans.BytesInStore
	s.server.files.maxBytes = 3*size + 1
	last := s.openFile("last", body)
	assert.Len(t, s.server.files.files, 3)
	assert.Equal(t, last.ID, s.server.files.files[2].ID)

	s.server.files.maxBytes = size - 1
	a := s.do(http.MethodPost, "/api/v1/files?name=large", body, nil)
	assert.Equal(t, http.StatusRequestEntityTooLarge, a.status)
	assert.Contains(t, string(a.body), "--max-bytes")
}

// Spans that share a resource share it in the file.
func TestFileSharesResources(t *testing.T) {
	st := newStore(100, DefaultMaxBytes)
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	for i := range byte(4) {
		if i%2 == 0 {
			resource.ScopeSpans().AppendEmpty()
		}
		span := resource.ScopeSpans().At(int(i / 2)).Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(spanID(i + 1))
	}
	st.put(batch{signal: SignalTraces, items: 4, traces: td}, false, 0)
	out := otlpOf(st.snapshot()[0])
	assert.Equal(t, 4, out.SpanCount())
	require.Equal(t, 1, out.ResourceSpans().Len())
	assert.Equal(t, 2, out.ResourceSpans().At(0).ScopeSpans().Len())
}
