// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestFacts(t *testing.T) {
	id := pcommon.TraceID{9: 0x80, 15: 1}
	add := func(td ptrace.Traces, service, name string, begin, end int, change func(ptrace.Span)) {
		resource := td.ResourceSpans().AppendEmpty()
		if service != "" {
			resource.Resource().Attributes().PutStr("service.name", service)
		}
		span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(id)
		span.SetName(name)
		span.SetParentSpanID(pcommon.SpanID{1})
		span.SetStartTimestamp(pcommon.Timestamp(begin)) //nolint:gosec // not negative
		span.SetEndTimestamp(pcommon.Timestamp(end))     //nolint:gosec // not negative
		if change != nil {
			change(span)
		}
	}
	state := func(raw string) func(ptrace.Span) {
		return func(span ptrace.Span) { span.TraceState().FromRaw(raw) }
	}
	td := ptrace.NewTraces()
	add(td, "shop", "late", 500, 900, nil)
	add(td, "stock", "earliest", 100, 200, state("ot=th:8;rv:80000000000000"))
	add(td, "stock", "other trace", 1, 9999, func(span ptrace.Span) { span.SetTraceID(pcommon.TraceID{2}) })
	f := examine(id, td)
	assert.Equal(t, 2, f.spans)
	assert.False(t, f.failed)
	assert.Equal(t, operationName{service: "stock", name: "earliest"}, f.operation)
	assert.Equal(t, 800*time.Nanosecond, f.duration)
	assert.Equal(t, "80000000000000", f.randomness.RValue())
	assert.InDelta(t, 0.5, f.stricter.Probability(), 0)

	add(td, "", "root", 300, 400, func(span ptrace.Span) { span.SetParentSpanID(pcommon.SpanID{}) })
	add(td, "stock", "earlier", 50, 60, func(span ptrace.Span) {
		span.TraceState().FromRaw("vendor=1,ot=th:c;rv:e23456789abcde")
		span.Status().SetCode(ptrace.StatusCodeError)
	})
	add(td, "stock", "odd", 60, 70, state("ot=th:nothing"))
	f = examine(id, td)
	assert.Equal(t, 5, f.spans)
	assert.True(t, f.failed)
	assert.Equal(t, operationName{name: "root"}, f.operation)
	assert.InDelta(t, 0.25, f.stricter.Probability(), 0)
	assert.Equal(t, "80000000000000", f.randomness.RValue(), "the first one")
	assert.Equal(t, 1, examineLate(id, td.ResourceSpans().At(0).Resource(), []ptrace.Span{td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)}).spans)
}

// An earlier sampler's threshold that contradicts the randomness says nothing: with it,
// anyone could have errors dropped.
func TestContradictingThresholds(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	id := pcommon.TraceID{9: 0x70}
	for _, state := range []string{"ot=th:c", "ot=th:fffffffffffff", "ot=th:8;rv:10000000000000"} {
		span := spans.AppendEmpty()
		span.SetTraceID(id)
		span.TraceState().FromRaw(state)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	f := examine(id, td)
	assert.Equal(t, sampling.AlwaysSampleThreshold, f.stricter)
	assert.True(t, newTestController(testPlan(1000), false).decide(simulationStart, f).kept)
}
