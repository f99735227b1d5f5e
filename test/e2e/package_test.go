// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the built programs as a user does.
package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	awaitTimeout = 30 * time.Second
	pollInterval = 10 * time.Millisecond
)

// upload is one request as it went over the wire.
type upload struct {
	method string
	uri    string
	header http.Header
	body   []byte
}

// decompressed returns the body without its Content-Encoding.
func (u upload) decompressed(t *testing.T) []byte {
	t.Helper()
	require.Equal(t, "gzip", u.header.Get("Content-Encoding"))
	reader, err := gzip.NewReader(bytes.NewReader(u.body))
	require.NoError(t, err)
	content, err := io.ReadAll(reader)
	require.NoError(t, err)
	return content
}

// wire is a proxy between collector and sandbox that records requests.
type wire struct {
	URL string

	mu      sync.Mutex
	uploads []upload
}

func tapWire(t *testing.T, sandbox *harness.Sandbox) *wire {
	t.Helper()
	target, err := url.Parse(sandbox.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	w := &wire{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the collector hung up
		}
		w.mu.Lock()
		w.uploads = append(w.uploads, upload{req.Method, req.RequestURI, req.Header.Clone(), body})
		w.mu.Unlock()
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.Host = target.Host
		proxy.ServeHTTP(rw, req)
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

// taken returns the uploads to a path so far, except the empty one of the startup check.
func (w *wire) taken(t *testing.T, path string) []upload {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var taken []upload
	for _, u := range w.uploads {
		if u.uri == path && len(u.decompressed(t)) > 0 {
			taken = append(taken, u)
		}
	}
	return taken
}

// spans returns the spans of all uploads to a path by trace and span id.
func (w *wire) spans(t *testing.T, path string) map[spanKey]ptrace.Span {
	t.Helper()
	spans := map[spanKey]ptrace.Span{}
	for _, u := range w.taken(t, path) {
		request := ptraceotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(u.decompressed(t)))
		collectSpans(request.Traces(), spans)
	}
	return spans
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

func collectSpans(td ptrace.Traces, into map[spanKey]ptrace.Span) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				into[spanKey{span.TraceID(), span.SpanID()}] = span
			}
		}
	}
}

// otlpClient sends OTLP over gRPC, as an SDK does.
type otlpClient struct {
	traces  ptraceotlp.GRPCClient
	metrics pmetricotlp.GRPCClient
	logs    plogotlp.GRPCClient
}

func newOTLPClient(t *testing.T, address string) otlpClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return otlpClient{ptraceotlp.NewGRPCClient(conn), pmetricotlp.NewGRPCClient(conn), plogotlp.NewGRPCClient(conn)}
}

// send sends spans and requires that all are accepted.
func (c otlpClient) send(t *testing.T, td ptrace.Traces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), awaitTimeout)
	defer cancel()
	resp, err := c.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	require.NoError(t, err)
	require.Zero(t, resp.PartialSuccess().RejectedSpans())
}

// databaseSpan returns a trace of one CLIENT span that calls PostgreSQL.
func databaseSpan(id byte) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{15: id})
	span.SetSpanID(pcommon.SpanID{7: id})
	span.SetName("SELECT orders")
	span.SetKind(ptrace.SpanKindClient)
	now := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-5 * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	span.Attributes().PutStr("db.system.name", "postgresql")
	span.Attributes().PutStr("db.namespace", "orders")
	span.Attributes().PutStr("db.query.text", "SELECT id FROM orders WHERE customer = $1")
	return td
}

// requireClean requires that a text contains none of the harness's keys.
func requireClean(t *testing.T, what, text string) {
	t.Helper()
	for _, key := range []string{harness.PrivateKey, harness.PublicKey} {
		if strings.Contains(text, key) {
			t.Errorf("the data key is in %s", what) // printing the text would reveal the key
		}
	}
}
