// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudget // import "github.com/ociapm/otelcol-ociapm/internal/spanbudget"

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// State is what the tracestate of a span says about sampling.
type State struct {
	Parsed sampling.W3CTraceState

	// Randomness is the one in tracestate if it is explicit, and otherwise that of the
	// trace's ID.
	Randomness sampling.Randomness
	Explicit   bool

	// Earlier is the threshold of earlier samplers. It keeps all if there was none, and if
	// the threshold contradicts the randomness: a span that a sampler would have dropped
	// has not passed it.
	Earlier sampling.Threshold
}

// ReadState reads a tracestate of a span of a trace.
func ReadState(id pcommon.TraceID, raw string) (State, error) {
	parsed, err := sampling.NewW3CTraceState(raw)
	if err != nil {
		return State{}, err
	}
	s := State{Parsed: parsed, Earlier: sampling.AlwaysSampleThreshold}
	if s.Randomness, s.Explicit = parsed.OTelValue().RValueRandomness(); !s.Explicit {
		s.Randomness = sampling.TraceIDToRandomness(id)
	}
	if threshold, ok := parsed.OTelValue().TValueThreshold(); ok && threshold.ShouldSample(s.Randomness) {
		s.Earlier = threshold
	}
	return s, nil
}
