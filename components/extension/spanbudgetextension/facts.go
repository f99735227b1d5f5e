// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// facts is what a decision on a trace depends on. On an agent it is what this host has
// of the trace.
type facts struct {
	spans      int
	failed     bool
	operation  operationName
	duration   time.Duration // from the first start to the last end
	randomness sampling.Randomness
	stricter   sampling.Threshold // the strictest threshold of earlier samplers
}

// reader collects the facts of a trace.
type reader struct {
	facts    facts
	id       pcommon.TraceID
	first    pcommon.Timestamp
	last     pcommon.Timestamp
	hasRoot  bool
	explicit bool // an rv in tracestate replaces the randomness of the trace's ID
}

// examine returns the facts of the spans of a trace.
func examine(id pcommon.TraceID, td ptrace.Traces) facts {
	r := newReader(id)
	for _, resource := range td.ResourceSpans().All() {
		r.readResource(resource)
	}
	return r.result()
}

// examineLate returns the facts of spans of a trace that are of one resource.
func examineLate(id pcommon.TraceID, resource pcommon.Resource, spans []ptrace.Span) facts {
	r := newReader(id)
	for _, span := range spans {
		r.readSpan(span, resource)
	}
	return r.result()
}

func newReader(id pcommon.TraceID) reader {
	return reader{id: id, facts: facts{randomness: sampling.TraceIDToRandomness(id), stricter: sampling.AlwaysSampleThreshold}}
}

func (r *reader) readResource(resource ptrace.ResourceSpans) {
	for _, scope := range resource.ScopeSpans().All() {
		for _, span := range scope.Spans().All() {
			if span.TraceID() == r.id {
				r.readSpan(span, resource.Resource())
			}
		}
	}
}

func (r *reader) readSpan(span ptrace.Span, resource pcommon.Resource) {
	begin, end := span.StartTimestamp(), span.EndTimestamp()
	root := span.ParentSpanID().IsEmpty()
	if r.facts.spans == 0 || root && !r.hasRoot || !r.hasRoot && begin < r.first {
		r.facts.operation = operationName{name: span.Name()}
		if service, ok := resource.Attributes().Get("service.name"); ok {
			r.facts.operation.service = service.AsString()
		}
		r.hasRoot = root
	}
	if r.facts.spans == 0 || begin < r.first {
		r.first = begin
	}
	r.last = max(r.last, end)
	r.facts.spans++
	r.facts.failed = r.facts.failed || spanbudget.Failed(span)
	if raw := span.TraceState().AsRaw(); raw != "" {
		r.readState(raw)
	}
}

// readState reads what earlier samplers wrote. What cannot be read is ignored, as it is
// when thresholds are written.
func (r *reader) readState(raw string) {
	state, err := spanbudget.ReadState(r.id, raw)
	if err != nil {
		return
	}
	if sampling.ThresholdGreater(state.Earlier, r.facts.stricter) {
		r.facts.stricter = state.Earlier
	}
	if state.Explicit && !r.explicit {
		r.facts.randomness, r.explicit = state.Randomness, true
	}
}

func (r *reader) result() facts {
	if r.last > r.first {
		r.facts.duration = time.Duration(r.last - r.first) //nolint:gosec // a difference of two times
	}
	return r.facts
}
