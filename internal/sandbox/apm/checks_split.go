// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// b3Names are the attributes for the B3 headers of a request, which
// instrumentations record if configured to. The conventions keep the dash; the
// SDKs of Python and Node.js write an underscore.
var b3Names = []string{"http.request.header.x-b3-traceid", "http.request.header.x_b3_traceid", "http.request.header.b3"}

// b3Trace returns the trace ID in the B3 headers of a request, or "".
func b3Trace(span ptrace.Span) string {
	for _, name := range b3Names {
		value, found := span.Attributes().Get(name)
		if !found {
			continue
		}
		if value.Type() == pcommon.ValueTypeSlice && value.Slice().Len() > 0 {
			value = value.Slice().At(0)
		}
		if id, _, _ := strings.Cut(value.AsString(), "-"); len(id) == 16 || len(id) == 32 {
			return strings.Repeat("0", 32-len(id)) + strings.ToLower(id)
		}
	}
	return ""
}

// isPageCall reports whether a span is a call made by a page. APM's own queries for
// pages use Component and ApmrumType. That a call is a CLIENT span, or has the type
// Ajax, is our assumption.
func isPageCall(s storedSpan) bool {
	component := cmp.Or(attribute(s.span, "Component"), attribute(s.span, "component"))
	return component == "BROWSER" && (s.span.Kind() == ptrace.SpanKindClient || attribute(s.span, "ApmrumType") == "Ajax")
}

// checkSplit finds requests whose app did not join the trace in the headers, and
// pages whose calls were not joined by any app. waited is whether the trace will get
// no more spans.
func (t *serviceTally) checkSplit(s storedSpan, joined, waited bool) {
	if isPageCall(s) {
		switch {
		case joined:
			t.split.pass()
		case waited:
			t.split.fail(s, "no span of a server in the trace of this call of a page")
		}
		return
	}
	named := b3Trace(s.span)
	switch {
	case s.span.Kind() != ptrace.SpanKindServer || named == "":
	case named == s.span.TraceID().String():
		t.split.pass()
	case s.span.ParentSpanID().IsEmpty(): // otherwise its caller started the trace
		if t.split.failed == 0 {
			t.split.config = joinLines(s.resource)
		}
		t.split.fail(s, "it begins a trace, and its request names another: X-B3-TraceId "+shorten(named))
	}
}

// joinedByServer reports whether a trace has a SERVER span.
func joinedByServer(trace storedTrace) bool {
	for _, s := range trace.spans {
		if s.span.Kind() == ptrace.SpanKindServer {
			return true
		}
	}
	return false
}

// b3Lines make an SDK read B3 headers, and record requests whose headers do not
// contain the sampling decision.
const b3Lines = "export OTEL_PROPAGATORS=b3multi,tracecontext,baggage\nexport OTEL_TRACES_SAMPLER=always_on\n"

// joinLines returns the lines of docs/apps that make an app join the traces in B3
// headers. In C++, only Apache's module sends SERVER spans.
func joinLines(resource pcommon.Resource) string {
	language, found := resource.Attributes().Get("telemetry.sdk.language")
	if !found {
		return b3Lines
	}
	switch language.AsString() {
	case "python":
		return "pip install opentelemetry-propagator-b3\n" + b3Lines
	case "go":
		return "go get go.opentelemetry.io/contrib/propagators/autoprop\n" +
			"# otel.SetTextMapPropagator(autoprop.NewTextMapPropagator())\n" + b3Lines
	case "cpp":
		return "OpenTelemetryPropagators    b3-multiheader\nOpenTelemetryIgnoreInbound  off\n"
	}
	return b3Lines
}

func (t *serviceTally) splitTraces() Check {
	c := t.split.check("split_traces", "One trace from the page")
	switch c.State {
	case CheckNone:
		c.Found = "No span shows that its request came from APM's browser agent: neither calls of a page, nor a captured X-B3-TraceId header."
	case CheckPassed:
		c.Found = spansOf(c.Checked, "") + " in the trace that the page began."
	default:
		c.Found = fmt.Sprintf("%d of %s outside the trace that the page began: one click makes two traces.", c.Failed, spansOf(c.Checked, ""))
		c.Fix = "Let the app that answers read the X-B3 headers of APM's browser agent, and restart it. docs/apps has the lines of each language."
		if c.Config = t.split.config; c.Config == "" {
			c.Fix += " For calls to another host than the page's, the agent sends them only to those of its traceSupportingEndpoints."
			c.Config = b3Lines
		}
	}
	return c
}
