// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// annotator writes on spans why they were kept, and how many they stand for.
type annotator struct {
	countAttribute  string // empty: not written
	reasonAttribute string // empty: not written
}

// annotate writes a verdict on spans, if it has a class: the sampling threshold as ot=th
// in tracestate, and the two attributes. tail_sampling writes thresholds only behind a
// feature gate, and not on late spans, as of contrib #48865.
func (a annotator) annotate(td ptrace.Traces, verdict spanbudget.Verdict) {
	if verdict.Class == 0 {
		return
	}
	reason := verdict.Class.String()
	state := "ot=th:" + verdict.Threshold.TValue()
	count := verdict.Threshold.AdjustedCount()
	for _, resource := range td.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				stands := count
				if raw := span.TraceState().AsRaw(); raw == "" {
					span.TraceState().FromRaw(state)
				} else if updated, threshold, ok := combine(span.TraceID(), raw, verdict.Threshold); ok {
					span.TraceState().FromRaw(updated)
					stands = threshold.AdjustedCount()
				}
				if a.reasonAttribute != "" {
					span.Attributes().PutStr(a.reasonAttribute, reason)
				}
				switch {
				case a.countAttribute == "":
				case stands > 1:
					span.Attributes().PutDouble(a.countAttribute, stands)
				default:
					span.Attributes().Remove(a.countAttribute) // an app may have sent one
				}
			}
		}
	}
}

// combine adds a threshold to a tracestate of a trace, and returns the one that then
// applies: that of an earlier sampler if it is stricter. A tracestate that cannot be read
// stays.
func combine(id pcommon.TraceID, raw string, threshold sampling.Threshold) (string, sampling.Threshold, bool) {
	state, err := spanbudget.ReadState(id, raw)
	if err != nil {
		return "", threshold, false
	}
	if sampling.ThresholdGreater(state.Earlier, threshold) {
		return raw, state.Earlier, true
	}
	value := state.Parsed.OTelValue()
	value.ClearTValue()
	if err := value.UpdateTValueWithSampling(threshold); err != nil {
		return "", threshold, false
	}
	var text strings.Builder
	if err := state.Parsed.Serialize(&text); err != nil {
		return "", threshold, false
	}
	return text.String(), threshold, true
}
