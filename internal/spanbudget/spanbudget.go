// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package spanbudget is what the extension that keeps a budget of spans and the
// processors that spend it know of each other.
package spanbudget // import "github.com/ociapm/otelcol-ociapm/internal/spanbudget"

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/hostextension"
)

// TypeName is the type of the extension, and of the sampling policy that it is.
const TypeName = "span_budget"

// Class is why a trace was kept. The zero value is no class: no budget decided.
type Class uint8

const (
	// ClassError is a trace in which something failed.
	ClassError Class = iota + 1
	// ClassSlow is one of the slowest traces of its operation.
	ClassSlow
	// ClassOrdinary is any other trace.
	ClassOrdinary
)

// Classes lists all classes, the most important first.
var Classes = [...]Class{ClassError, ClassSlow, ClassOrdinary}

// String returns the name of the class, as spans and metrics have it.
func (c Class) String() string {
	switch c {
	case ClassError:
		return "error"
	case ClassSlow:
		return "slow"
	case ClassOrdinary:
		return "ordinary"
	default:
		return ""
	}
}

// Verdict says why a trace was kept, and with which probability.
type Verdict struct {
	Class     Class
	Threshold sampling.Threshold
}

// Ledger is what the extension implements. It tells how a trace was decided, and is
// told what is spent. All methods may be called concurrently.
type Ledger interface {
	// Delivered is called before spans of a trace that was kept are passed on, with
	// their number. Spans beyond those that the decision counted are late ones, and
	// count as spent. It returns the verdict on the trace, without a class if the
	// trace is not remembered, and whether the budget has room for the spans.
	Delivered(id pcommon.TraceID, spans int) (verdict Verdict, room bool)

	// LateError decides on late spans of a trace that was not kept, one of which has
	// failed. All are of one resource. It counts them if they are kept.
	LateError(id pcommon.TraceID, resource pcommon.Resource, spans []ptrace.Span) (verdict Verdict, keep bool)

	// Folded is told how many spans of a delivered trace have become part of others,
	// and will not be uploaded.
	Folded(id pcommon.TraceID, spans int)
}

// Find returns the extension with an ID, as the setting with the given name names it.
func Find(host component.Host, setting string, id component.ID) (Ledger, error) {
	return hostextension.Find[Ledger](host, setting, id, "keeps no budget; name a "+TypeName)
}
