// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// BenchmarkHTTP compares a handler that reads its body with one behind the guard.
func BenchmarkHTTP(b *testing.B) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 100 {
		span := spans.AppendEmpty()
		span.SetName("GET /")
		for _, key := range []string{"a.b.c", "d.e.f", "g.h.i", "j.k.l", "m.n.o", "p.q.r", "s.t.u", "v.w.x", "y.z", "url.path"} {
			span.Attributes().PutStr(key, "a typical value of it")
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(b, err)
	read := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, readErr := io.ReadAll(r.Body)
		assert.NoError(b, readErr)
	})
	wrap, err := newGuard(limited(1862), 1862<<20, nil).GetHTTPHandler(b.Context())
	require.NoError(b, err)
	wrapped, err := wrap(b.Context(), read)
	require.NoError(b, err)
	for name, handler := range map[string]http.Handler{"bare": read, "guarded": wrapped} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://localhost/v1/traces", http.NoBody)
			require.NoError(b, err)
			request.Header.Set("Content-Type", typeProtobuf)
			for b.Loop() {
				request.Body = io.NopCloser(bytes.NewReader(body))
				handler.ServeHTTP(nil, request)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
		})
	}
}
