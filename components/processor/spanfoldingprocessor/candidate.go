// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// candidate is a span that can be folded, unless another span names it as its parent.
type candidate struct {
	span     ptrace.Span
	position int   // in the batch
	next     int32 // the next one of its group
	failed   bool
	totals   totals
}

// group is what equal spans have in common. Its strings share the memory of the spans.
type group struct {
	trace           pcommon.TraceID
	parent          pcommon.SpanID
	resource, scope int // in the batch
	kind            ptrace.SpanKind
	status          ptrace.StatusCode
	// A summary must not add up spans of different sampling weight.
	traceState                             string
	name, peer, system, operation, content string
}

// known is what the attributes of a span say about folding it.
type known struct {
	peer, system, operation, summary, statement, sqlID string

	remote   bool // the call may go on in another service
	priority bool // the app asks to keep the span
	summed   bool // it may be a summary
}

// know reads the attributes of a span. Both generations of the conventions are read, the
// stable one first in the order of db_span_enricher's output.
func know(attrs pcommon.Map) (k known) {
	for name, value := range attrs.All() {
		if len(name) < len("db.name") {
			continue
		}
		switch name {
		case "peer.service":
			k.peer = value.Str()
		case "db.system", "db.system.name":
			if k.system == "" || name == "db.system" {
				k.system = value.Str()
			}
		case "db.operation", "db.operation.name":
			if k.operation == "" || name == "db.operation" {
				k.operation = value.Str()
			}
		case "db.query.summary":
			k.summary = value.Str()
		case "db.statement", "db.query.text":
			if k.statement == "" || name == "db.statement" {
				k.statement = value.Str()
			}
		case "DbOracleSqlId":
			k.sqlID = value.Str()
		case "sampling.priority":
			k.priority = true
		case attrIsSummary:
			k.summed = true
		default:
			switch name[0] {
			case 'h':
				k.remote = k.remote || strings.HasPrefix(name, "http.")
			case 'r':
				k.remote = k.remote || strings.HasPrefix(name, "rpc.")
			case 'm':
				k.remote = k.remote || strings.HasPrefix(name, "messaging.")
			}
		}
	}
	return k
}

// maxAttributes is the largest number of attributes of a span that is folded. SDKs send at
// most 128 unless they are told otherwise.
const maxAttributes = 256

// examine returns the group of a span that can be folded, and otherwise why it cannot.
// applies is false if the span is of no configured kind, or has too many attributes.
func (f *folder) examine(span ptrace.Span) (c candidate, g group, why reason, applies bool) {
	switch span.Kind() {
	case ptrace.SpanKindClient:
		if !f.db {
			return c, g, "", false
		}
	case ptrace.SpanKindInternal:
		if !f.internal {
			return c, g, "", false
		}
	default:
		return c, g, "", false
	}
	if span.Attributes().Len() > maxAttributes {
		return c, g, "", false
	}
	k := know(span.Attributes())
	if span.Kind() == ptrace.SpanKindClient && k.system == "" {
		return c, g, "", false
	}
	c = candidate{span: span, failed: span.Status().Code() == ptrace.StatusCodeError}
	why = f.obstacle(span, k, &c)
	if why != "" {
		return c, g, why, true
	}
	g = group{
		trace: span.TraceID(), parent: span.ParentSpanID(), kind: span.Kind(), status: span.Status().Code(),
		traceState: span.TraceState().AsRaw(), name: span.Name(), peer: k.peer, system: k.system, operation: k.operation,
	}
	switch {
	case span.Kind() == ptrace.SpanKindInternal:
	case f.cfg.Key == KeySummary:
		g.content = k.summary
	case k.sqlID != "":
		g.content = k.sqlID
	default:
		g.content = k.statement
	}
	return c, g, "", true
}

// obstacle returns why a span must not be folded, or "".
func (f *folder) obstacle(span ptrace.Span, k known, c *candidate) reason {
	switch {
	case span.ParentSpanID().IsEmpty():
		return reasonRoot
	case k.remote:
		return reasonRemote
	case span.Links().Len() > 0:
		return reasonLink
	case k.priority:
		return reasonKept
	case !c.failed && (span.Status().Message() != "" || hasException(span)):
		return reasonEvent
	}
	var ok bool
	if k.summed {
		c.totals, ok = readTotals(span)
	} else {
		c.totals, ok = totalsOf(span, c.failed)
	}
	if !ok || c.totals.longest > f.cfg.MaxDuration {
		return reasonSlow
	}
	return ""
}

// hasException reports whether a span has an event of type exception. Source: semantic
// conventions, exceptions on spans.
func hasException(span ptrace.Span) bool {
	for _, event := range span.Events().All() {
		if event.Name() == "exception" {
			return true
		}
	}
	return false
}

// durationOf returns the duration of a span that has ended.
func durationOf(span ptrace.Span) (time.Duration, bool) {
	start, end := span.StartTimestamp(), span.EndTimestamp()
	if start == 0 || end < start {
		return 0, false
	}
	return time.Duration(min(uint64(end-start), math.MaxInt64)), true
}
