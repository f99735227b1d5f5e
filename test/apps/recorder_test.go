// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// recorder stands between an app and the collector and keeps what passes. It
// works for any app that sends OTLP over HTTP, whatever its language.
type recorder struct {
	t      *testing.T
	target string
	server *httptest.Server

	mu    sync.Mutex
	spans map[string]map[string]any // by trace and span id: the attributes as the app sent them
	again int                       // spans that the app sent a second time
}

// startRecorder starts a recorder before the collector's OTLP/HTTP address.
func startRecorder(t *testing.T, collector string) *recorder {
	t.Helper()
	r := &recorder{t: t, target: "http://" + collector, spans: map[string]map[string]any{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// ServeHTTP passes a request on, and keeps its spans when the collector has
// accepted them.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if !assert.NoError(r.t, err) {
		return
	}
	out, err := http.NewRequestWithContext(req.Context(), req.Method, r.target+req.URL.RequestURI(), bytes.NewReader(body))
	if !assert.NoError(r.t, err) {
		return
	}
	out.Header = req.Header.Clone()
	resp, err := r.server.Client().Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if !assert.NoError(r.t, err) {
		return
	}
	if resp.StatusCode == http.StatusOK && req.URL.Path == "/v1/traces" {
		assert.NoError(r.t, r.keep(req.Header.Get("Content-Encoding"), body))
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	if retry := resp.Header.Get("Retry-After"); retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer)
}

func (r *recorder) keep(encoding string, body []byte) error {
	if encoding == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(reader); err != nil {
			return err
		}
	}
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalProto(body); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range request.Traces().ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				id := span.TraceID().String() + span.SpanID().String()
				if _, found := r.spans[id]; found {
					r.again++
				}
				r.spans[id] = span.Attributes().AsRaw()
			}
		}
	}
	return nil
}

// sent returns the spans that the collector has accepted from the app, by
// trace and span id, and fails the test when one came twice.
func (r *recorder) sent() map[string]map[string]any {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Zero(r.t, r.again, "spans sent twice")
	return r.spans
}
