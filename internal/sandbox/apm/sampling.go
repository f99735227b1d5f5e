// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/apmcost"
)

// Sampling says what the stored traces stand for.
type Sampling struct {
	// Kept is the number of stored traces that a budget decided on.
	Kept int `json:"kept"`
	// Roots is the number of those whose root is stored. Of a trace that spans machines,
	// one agent may have kept its piece, and another not.
	Roots int `json:"roots"`
	// Estimated is an estimate of how many traces there were: the sum of the adjusted
	// counts of the roots.
	Estimated float64 `json:"estimated"`
	// Reasons has the kept traces by the reason why they were kept: error, slow,
	// ordinary.
	Reasons map[string]int `json:"reasons"`
}

// samplingOf describes the traces that a budget decided on.
func samplingOf(traces []storedTrace) Sampling {
	result := Sampling{Reasons: map[string]int{}}
	for _, trace := range traces {
		summary := summarize(trace)
		if summary.Reason == "" {
			continue
		}
		result.Kept++
		if hasRoot(trace) {
			result.Roots++
			result.Estimated += summary.StandsFor
		}
		result.Reasons[summary.Reason]++
	}
	return result
}

func hasRoot(trace storedTrace) bool {
	for i := range trace.spans {
		if trace.spans[i].span.ParentSpanID().IsEmpty() {
			return true
		}
	}
	return false
}

// sampledOf returns why a trace was kept, and how many traces it stands for. The reason is
// empty if no budget decided on it. Late spans of a trace can have another reason: that of
// the root counts, or else the first one.
func sampledOf(trace storedTrace) (reason string, weight float64) {
	for i := range trace.spans {
		span := trace.spans[i].span
		text := attribute(span, apmcost.AttrReason)
		if text == "" {
			continue
		}
		if reason == "" || span.ParentSpanID().IsEmpty() {
			reason, weight = firstCharacters(text, maxName), weightOf(span)
		}
	}
	return reason, weight
}

// weightOf returns how many spans like this one there were, by an estimate. It is 1 unless
// the span was sampled.
func weightOf(span ptrace.Span) float64 {
	value, ok := span.Attributes().Get(apmcost.AttrAdjustedCount)
	if !ok {
		return 1
	}
	weight := 0.0
	switch value.Type() {
	case pcommon.ValueTypeDouble:
		weight = value.Double()
	case pcommon.ValueTypeInt:
		weight = float64(value.Int())
	}
	if weight >= 1 && weight < maxWeight { // not for NaN
		return weight
	}
	return 1
}

// maxWeight is more than any budget leads to. It limits what one span from outside can do
// to an estimate.
const maxWeight = 1e9
