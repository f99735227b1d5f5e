// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// NamingFunc reports whether APM's rule "OpenTelemetry to APM naming conversion" applies
// to a new span. attributes looks a name up, without case, on the span and then on its
// resource.
type NamingFunc func(attributes func(name string) (string, bool)) bool

// SetNaming sets the function that decides about each new span. Without one, the rule
// applies to all. It does not change stored spans, as in APM.
func (s *Server) SetNaming(applies NamingFunc) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.naming = applies
}

// converts reports whether the rule applies to a span. The caller holds the lock.
func (s *store) converts(span storedSpan) bool {
	return s.naming == nil || s.naming(span.lookup)
}

// lookup returns an attribute of the span or its resource, or one of the columns that
// every span has in APM.
func (s storedSpan) lookup(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "traceid":
		return s.span.TraceID().String(), true
	case "servicename":
		return s.service, true
	case "operationname":
		return s.span.Name(), true
	case "kind":
		return strings.ToUpper(s.span.Kind().String()), true
	}
	for _, attributes := range []pcommon.Map{s.span.Attributes(), s.resource.Attributes()} {
		for key, value := range attributes.All() {
			if strings.EqualFold(key, name) || s.converted && strings.EqualFold(AttributeName(key), name) {
				return value.AsString(), true
			}
		}
	}
	return "", false
}

// AttributeName returns an attribute's name in APM: k8s.deployment.name is K8sDeploymentName.
// Oracle does not publish the conversion. This is our reading of the names before and
// after it in Oracle's quickstart (github.com/oracle-quickstart/oci-o11y-solutions).
func AttributeName(name string) string {
	var converted strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '.' || r == '_' }) {
		first, size := utf8.DecodeRuneInString(part)
		converted.WriteRune(unicode.ToUpper(first))
		converted.WriteString(part[size:])
	}
	return converted.String()
}

// StoredSpan is a stored span as APM shows it.
type StoredSpan struct {
	Span    ptrace.Span
	Service string
	// Converted reports whether the naming conversion was applied.
	Converted bool
	// Tags holds the attributes of the span and its resource under their names in APM.
	Tags map[string]pcommon.Value

	stored storedSpan
}

// Lookup returns a tag or a column of the span, without case.
func (s StoredSpan) Lookup(name string) (string, bool) { return s.stored.lookup(name) }

// Spans returns the stored spans of a trace in order of arrival. They must not be
// changed.
func (s *Server) Spans(id pcommon.TraceID) []StoredSpan {
	trace, ok := s.store.trace(id)
	if !ok {
		return nil
	}
	return apmSpans(trace)
}

// AllSpans returns the spans of each stored trace, in order of last arrival. They must
// not be changed.
func (s *Server) AllSpans() [][]StoredSpan {
	var all [][]StoredSpan
	for _, trace := range s.store.snapshot() {
		all = append(all, apmSpans(trace))
	}
	return all
}

func apmSpans(trace storedTrace) []StoredSpan {
	spans := make([]StoredSpan, 0, len(trace.spans))
	for _, stored := range trace.spans {
		span := StoredSpan{Span: stored.span, Service: stored.service, Converted: stored.converted, Tags: map[string]pcommon.Value{}, stored: stored}
		// The span's attributes replace the resource's. A name that is APM's own
		// replaces one that was converted: which one wins in APM is not known.
		for _, attributes := range []pcommon.Map{stored.resource.Attributes(), stored.span.Attributes()} {
			for key, value := range attributes.All() {
				if stored.converted && AttributeName(key) != key {
					span.Tags[AttributeName(key)] = value
				}
			}
			for key, value := range attributes.All() {
				if !stored.converted || AttributeName(key) == key {
					span.Tags[key] = value
				}
			}
		}
		spans = append(spans, span)
	}
	return spans
}
