// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// benchSpans is the number of spans in a batch.
const benchSpans = 200

// newTestBatch returns statements below parents with so many children each, or requests. They
// have the attributes that the enrichers leave on them.
func newTestBatch(kind ptrace.SpanKind, children int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range benchSpans {
		span := spans.AppendEmpty()
		span.SetKind(kind)
		span.SetStartTimestamp(pcommon.Timestamp(i+1) * 1_000_000)
		span.SetEndTimestamp(span.StartTimestamp() + pcommon.Timestamp(500_000+i))
		attributes := span.Attributes()
		if kind == ptrace.SpanKindClient {
			span.SetName("SELECT rooms")
			attributes.PutStr("db.system", "postgresql")
			attributes.PutStr("db.name", "rooms")
			attributes.PutStr("db.statement", "SELECT * FROM rooms WHERE hotel = $1")
			attributes.PutStr("db.operation", "SELECT")
			attributes.PutStr("db.query.summary", "SELECT rooms")
			attributes.PutStr("peer.service", "postgresql:rooms")
		} else {
			span.SetName("GET /rooms")
			attributes.PutStr("http.request.method", "GET")
			attributes.PutStr("http.route", "/rooms")
			attributes.PutStr("url.path", "/rooms")
			attributes.PutInt("http.response.status_code", 200)
		}
		attributes.PutStr("server.address", "db1")
		attributes.PutInt("thread.id", 7)
	}
	setIDs(td, 0, children)
	return td
}

// setIDs makes the ids those of a batch that was not seen before.
func setIDs(td ptrace.Traces, batch uint64, children int) {
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, span := range spans.All() {
		n := batch*benchSpans + uint64(i) + 1           //nolint:gosec // a small index
		parent := batch*benchSpans + uint64(i/children) //nolint:gosec // a small index
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[8:], parent+1)
		var id, above pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], n)
		binary.BigEndian.PutUint64(above[:], parent|1<<63)
		span.SetTraceID(trace)
		span.SetSpanID(id)
		span.SetParentSpanID(above)
	}
}

// BenchmarkProcess gives the time for one span, without making the batch. Statements can be
// folded, if enough of them are below one parent. Requests never are.
func BenchmarkProcess(b *testing.B) {
	for _, tt := range []struct {
		name     string
		kind     ptrace.SpanKind
		children int
		left     int // spans of a batch
	}{
		{"200 statements of a request", ptrace.SpanKindClient, 200, 2},
		{"10 statements of a request", ptrace.SpanKindClient, 10, 40},
		{"2 statements of a request", ptrace.SpanKindClient, 2, benchSpans},
		{"requests", ptrace.SpanKindServer, 1, benchSpans},
	} {
		b.Run(tt.name, func(b *testing.B) {
			f := start(b, nil)
			input := newTestBatch(tt.kind, tt.children)
			// Stopping the clock costs time too: once for many batches.
			batches := make([]ptrace.Traces, 64)
			for i := range batches {
				batches[i] = ptrace.NewTraces()
			}
			b.ReportAllocs()
			b.StopTimer()
			made := uint64(0)
			for i := 0; i < b.N; {
				for _, td := range batches {
					input.CopyTo(td)
					setIDs(td, made, tt.children)
					made++
				}
				f.sink.Reset()
				b.StartTimer()
				for _, td := range batches {
					if err := f.processor.ConsumeTraces(b.Context(), td); err != nil {
						b.Fatal(err)
					}
					i += benchSpans
				}
				b.StopTimer()
				require.Equal(b, tt.left, batches[0].SpanCount())
			}
		})
	}
}
