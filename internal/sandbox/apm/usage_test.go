// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// spans returns an upload with new spans, each a trace of its own.
func spans(first, n int) ptraceotlp.ExportRequest {
	traces := ptrace.NewTraces()
	scope := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i := first; i < first+n; i++ {
		span := scope.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, byte(i >> 8), byte(i)}) //nolint:gosec // a small number in two bytes
		span.SetSpanID(pcommon.SpanID{1, byte(i >> 8), byte(i)})   //nolint:gosec // the same
	}
	return ptraceotlp.NewExportRequestFromTraces(traces)
}

func (s *sandbox) usage() Usage {
	s.t.Helper()
	var usage Usage
	s.get("/api/v1/usage", &usage)
	return usage
}

// Spans count in the clock hour in which they arrive, and again if they arrive again. The
// quota refuses what is beyond it until the next hour.
func TestQuota(t *testing.T) {
	now := time.Date(2026, 11, 28, 13, 59, 30, 0, time.UTC)
	s := start(t, func(c *Config) { c.SpansPerHour = 10 })
	s.server.meter.now = func() time.Time { return now }

	assert.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(0, 6))).status)
	assert.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(4, 4))).status)
	a := s.upload(TracesPath, protoOf(t, spans(8, 1)))
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.Equal(t, "30", a.header.Get("Retry-After"))
	assert.Contains(t, string(a.body), "the next hour begins in 30s")

	// Neither a rejected span nor another signal counts.
	now = now.Add(30 * time.Second)
	s.fault(`{"partial_success":{"rejected":3,"message":"as ordered"},"times":1}`)
	assert.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(8, 8))).status)
	assert.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(20, 5))).status)

	hour := time.Date(2026, 11, 28, 13, 0, 0, 0, time.UTC)
	assert.Equal(t, Usage{
		Limit: 10, UnitSpans: 100_000,
		Hours:    []HourUsage{{Start: hour.Add(time.Hour), Spans: 10}, {Start: hour, Spans: 10, Refused: 1}},
		Sampling: Sampling{Reasons: map[string]int{}},
	}, s.usage())
	assert.Equal(t, SpanCounts{Received: 24, Stored: 18, Duplicates: 2, Rejected: 4, InStore: 18, TracesInStore: 18}, withoutBytes(s.server.Counts().Spans))

	// It can be switched off, and a reset of the store changes nothing.
	s.server.Reset()
	assert.Equal(t, http.StatusBadRequest, s.do(http.MethodPut, "/api/v1/quota", []byte(`{"spans_per_hour":-1}`), header{"Content-Type": "application/json"}).status)
	assert.Equal(t, http.StatusOK, s.do(http.MethodPut, "/api/v1/quota", []byte(`{"spans_per_hour":0}`), header{"Content-Type": "application/json"}).status)
	assert.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(100, 100))).status)
	assert.Equal(t, 110, s.usage().Hours[0].Spans)
	assert.Equal(t, 0, s.usage().Limit)

	// An upload that is larger than the quota is accepted if it is the first of its hour.
	now = now.Add(time.Hour)
	require.NoError(t, s.server.SetQuota(10))
	assert.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(300, 11))).status)
	assert.Equal(t, http.StatusTooManyRequests, s.upload(TracesPath, protoOf(t, spans(400, 1))).status)

	_, err := New(Config{Listen: "127.0.0.1:0", SpansPerHour: -1}, nil)
	require.ErrorIs(t, err, errQuota)
}

func withoutBytes(c SpanCounts) SpanCounts {
	c.BytesInStore = 0
	return c
}

// The hours are bounded, and a clock that is set back stays in the hour.
func TestMeterHours(t *testing.T) {
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	m := &meter{now: func() time.Time { return now }}
	for range 3 * maxHours {
		_, refused := m.refuses(1)
		assert.False(t, refused)
		now = now.Add(time.Hour)
	}
	now = now.Add(-5 * time.Hour)
	m.refuses(1)
	hours := m.usage().Hours
	require.Len(t, hours, maxHours)
	assert.Equal(t, 2, hours[0].Spans)
}

// The reason and the weight of a trace are the root's, and damaged weights count as one.
func TestSampledTraces(t *testing.T) {
	tests := []struct {
		name       string
		weight     any
		wantWeight float64
	}{
		{"kept whole", nil, 1},
		{"one in twenty", 20.0, 20},
		{"as an integer", 3, 3},
		{"as text", "20", 1},
		{"too small", 0.5, 1},
		{"too large", 1e300, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			traces := ptrace.NewTraces()
			scope := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			piece := scope.Spans().AppendEmpty() // another agent did not keep its root
			piece.SetTraceID(pcommon.TraceID{2})
			piece.SetSpanID(pcommon.SpanID{9})
			piece.SetParentSpanID(pcommon.SpanID{8})
			piece.Attributes().PutStr("sampling.reason", "slow")
			piece.Attributes().PutDouble("sampling.adjusted_count", 50)
			for i, reason := range []string{"slow", "ordinary"} { // a child that came first, and the root
				span := scope.Spans().AppendEmpty()
				span.SetTraceID(pcommon.TraceID{1})
				span.SetSpanID(pcommon.SpanID{byte(i + 1)})
				span.Attributes().PutStr("sampling.reason", reason)
				if i == 0 {
					span.SetParentSpanID(pcommon.SpanID{2})
					continue
				}
				if tt.weight != nil {
					require.NoError(t, span.Attributes().PutEmpty("sampling.adjusted_count").FromRaw(tt.weight))
				}
			}
			require.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, ptraceotlp.NewExportRequestFromTraces(traces))).status)
			require.Equal(t, http.StatusOK, s.upload(TracesPath, protoOf(t, spans(7, 1))).status)

			assert.Equal(t, Sampling{Kept: 2, Roots: 1, Estimated: tt.wantWeight, Reasons: map[string]int{"ordinary": 1, "slow": 1}}, s.usage().Sampling)
			var list struct {
				Traces []TraceSummary `json:"traces"`
			}
			s.get("/api/v1/traces", &list)
			require.Len(t, list.Traces, 3)
			for _, trace := range list.Traces {
				switch {
				case trace.Spans == 2:
					assert.Equal(t, "ordinary", trace.Reason)
					assert.InDelta(t, tt.wantWeight, trace.StandsFor, 0)
				case trace.StandsFor == 50:
					assert.Equal(t, "slow", trace.Reason)
				default:
					assert.Empty(t, trace.Reason)
				}
			}
		})
	}
}
