// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// benchmarkSpans is the number of spans in a request.
const benchmarkSpans = 100

func benchmarkTraces() ptrace.Traces {
	td := traces(benchmarkSpans)
	for i, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.SetName("SELECT rooms")
		span.Attributes().PutStr("db.statement", fmt.Sprintf("SELECT id, name, price FROM rooms WHERE id = %d", 1000*i))
		span.Attributes().PutStr("db.system", "oracle")
		span.Attributes().PutStr("server.address", "db.example.test")
		span.Attributes().PutInt("server.port", 1521)
	}
	return td
}

// The time is for one request of 100 spans.
func BenchmarkRequest(b *testing.B) {
	sig := tracesSignal()
	td := benchmarkTraces()
	r, err := newRequest(sig, td)
	require.NoError(b, err)
	encoding := stored[ptrace.Traces]{signal: sig, waiting: new(atomic.Int64)}
	onDisk, err := encoding.Marshal(b.Context(), r)
	require.NoError(b, err)
	gzipper := newGzipper(createDefaultConfig().(*Config).ClientConfig)

	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := newRequest(sig, td); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("merge", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			batch := &request[ptrace.Traces]{signal: sig}
			if _, err := batch.MergeSplit(context.Background(), 0, exporterhelper.RequestSizerTypeBytes, r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("to disk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encoding.waiting.Store(0) // a long queue is compressed
			if _, err := encoding.Marshal(context.Background(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from disk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := encoding.Unmarshal(onDisk); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("zip", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := gzipper.zip(r.pieces, r.size); err != nil {
				b.Fatal(err)
			}
		}
	})
}
