// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func BenchmarkUpload(b *testing.B) {
	body, err := ptraceotlp.NewExportRequestFromTraces(databaseSpans(100)).MarshalProto()
	require.NoError(b, err)
	s := newStore(100_000, DefaultMaxBytes)
	var number uint64
	b.ReportAllocs()
	for b.Loop() {
		decoded, err := decode(SignalTraces, protobufEncoding, body)
		if err != nil {
			b.Fatal(err)
		}
		for _, span := range decoded.traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			number++
			var id pcommon.TraceID
			binary.BigEndian.PutUint64(id[:], number/5+1)
			span.SetTraceID(id)
		}
		s.put(decoded, false, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
}

func BenchmarkGuard(b *testing.B) {
	body, err := ptraceotlp.NewExportRequestFromTraces(databaseSpans(100)).MarshalProto()
	require.NoError(b, err)
	for b.Loop() {
		if err := guardProto(SignalTraces, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQueries(b *testing.B) {
	s := newStore(100_000, 1<<30)
	s.put(batch{signal: SignalTraces, items: 100_000, traces: databaseSpans(100_000)}, false, 0)
	b.Run("traces", func(b *testing.B) {
		for b.Loop() {
			listTraces(s, traceQuery{order: "start", limit: 100, buckets: 60})
		}
	})
	b.Run("topology", func(b *testing.B) {
		for b.Loop() {
			topologyOf(s.snapshot(), timeRange{})
		}
	})
	b.Run("statements, first time", func(b *testing.B) {
		for b.Loop() {
			for _, trace := range s.snapshot() {
				readCalls(trace, 0, nil, &s.statements)
			}
		}
	})
	b.Run("statements", func(b *testing.B) {
		for b.Loop() {
			s.listStatements(statementQuery{sortOrder: sortOrder{column: "total"}, limit: 100})
		}
	})
	b.Run("requests", func(b *testing.B) {
		for b.Loop() {
			requestsOf(s.snapshot(), timeRange{}, "", sortOrder{column: "requests"}, 100)
		}
	})
}
