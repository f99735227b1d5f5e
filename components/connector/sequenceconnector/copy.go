// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sequenceconnector // import "github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector"

import "go.opentelemetry.io/collector/pdata/ptrace"

// kindSet is a set of span kinds, one bit each.
type kindSet uint8

func (k *kindSet) add(kind ptrace.SpanKind) { *k |= 1 << kind }

func (k kindSet) has(kind ptrace.SpanKind) bool {
	return kind >= 0 && kind <= ptrace.SpanKindConsumer && k&(1<<kind) != 0
}

// copyOf copies the spans of the configured kinds, with their resource and scope. Events
// and links are left out, because no metric counts them and they can be most of a span.
func (s *sequence) copyOf(td ptrace.Traces) ptrace.Traces {
	copied := ptrace.NewTraces()
	for _, resource := range td.ResourceSpans().All() {
		var toResource ptrace.ResourceSpans
		hasResource := false
		for _, scoped := range resource.ScopeSpans().All() {
			count := s.count(scoped.Spans())
			if count == 0 {
				continue
			}
			if !hasResource {
				toResource, hasResource = copied.ResourceSpans().AppendEmpty(), true
				resource.Resource().CopyTo(toResource.Resource())
				toResource.SetSchemaUrl(resource.SchemaUrl())
			}
			toScope := toResource.ScopeSpans().AppendEmpty()
			scoped.Scope().CopyTo(toScope.Scope())
			toScope.SetSchemaUrl(scoped.SchemaUrl())
			toScope.Spans().EnsureCapacity(count)
			for _, span := range scoped.Spans().All() {
				if s.kinds.has(span.Kind()) {
					copySpan(span, toScope.Spans().AppendEmpty())
				}
			}
		}
	}
	return copied
}

// count returns the number of spans of the configured kinds.
func (s *sequence) count(spans ptrace.SpanSlice) int {
	count := 0
	for _, span := range spans.All() {
		if s.kinds.has(span.Kind()) {
			count++
		}
	}
	return count
}

// copySpan copies everything except events and links.
func copySpan(from, to ptrace.Span) {
	to.SetTraceID(from.TraceID())
	to.SetSpanID(from.SpanID())
	to.SetParentSpanID(from.ParentSpanID())
	to.TraceState().FromRaw(from.TraceState().AsRaw())
	to.SetFlags(from.Flags())
	to.SetName(from.Name())
	to.SetKind(from.Kind())
	to.SetStartTimestamp(from.StartTimestamp())
	to.SetEndTimestamp(from.EndTimestamp())
	from.Attributes().CopyTo(to.Attributes())
	to.SetDroppedAttributesCount(from.DroppedAttributesCount())
	from.Status().CopyTo(to.Status())
}
