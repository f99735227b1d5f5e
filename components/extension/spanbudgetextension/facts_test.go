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
	add(td, "stock", "earliest", 100, 200, state("ot=th:8"))
	add(td, "stock", "other trace", 1, 9999, func(span ptrace.Span) { span.SetTraceID(pcommon.TraceID{2}) })
	f := examine(id, td)
	assert.Equal(t, 2, f.spans)
	assert.False(t, f.failed)
	assert.Equal(t, operationName{service: "stock", name: "earliest"}, f.operation)
	assert.Equal(t, 800*time.Nanosecond, f.duration)
	assert.Equal(t, sampling.TraceIDToRandomness(id), f.randomness)
	assert.InDelta(t, 0.5, f.stricter.Probability(), 0)

	add(td, "", "root", 300, 400, func(span ptrace.Span) { span.SetParentSpanID(pcommon.SpanID{}) })
	add(td, "stock", "earlier", 50, 60, func(span ptrace.Span) {
		span.TraceState().FromRaw("vendor=1,ot=th:c;rv:123456789abcde")
		span.Status().SetCode(ptrace.StatusCodeError)
	})
	add(td, "stock", "odd", 60, 70, state("ot=th:nothing"))
	f = examine(id, td)
	assert.Equal(t, 5, f.spans)
	assert.True(t, f.failed)
	assert.Equal(t, operationName{name: "root"}, f.operation)
	assert.InDelta(t, 0.25, f.stricter.Probability(), 0)
	assert.Equal(t, "123456789abcde", f.randomness.RValue())
	assert.Equal(t, 1, examineResource(id, td.ResourceSpans().At(0)).spans)
}

// A trace that an earlier sampler would not have kept is not kept, whatever the probability.
func TestStricterThresholds(t *testing.T) {
	c := newTestController(testPlan(1000), false)
	f := facts{spans: 1, randomness: sampling.TraceIDToRandomness(pcommon.TraceID{9: 0x70}), stricter: newChance(0.5).threshold}
	assert.False(t, c.decide(simulationStart, f).kept)
	f.stricter = newChance(0.75).threshold
	assert.True(t, c.decide(simulationStart, f).kept)
}
