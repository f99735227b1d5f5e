// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"fmt"
	"slices"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// budget returns the extension that keeps the budget, if a policy is one.
func (c *Config) budget() (id component.ID, ok bool) {
	for _, policy := range c.Sampling.PolicyCfgs {
		if isBudget(policy.Type) {
			ok = id.UnmarshalText([]byte(policy.Type)) == nil
			return id, ok
		}
	}
	return id, false
}

func isBudget(policy tailsamplingprocessor.PolicyType) bool {
	var id component.ID
	return id.UnmarshalText([]byte(policy)) == nil && id.Type().String() == spanbudget.TypeName
}

// validateBudget rejects what would make a budget's decisions wrong: another policy that
// keeps traces, whose spans nobody counts or weighs, and a part in a composed policy.
func (c *Config) validateBudget() error {
	var budget, other string
	for _, policy := range c.Sampling.PolicyCfgs {
		switch {
		case hasBudget(policy):
			return fmt.Errorf("policies: %s: a span_budget cannot be part of another policy; write it as a policy of its own", policy.Name)
		case isBudget(policy.Type) && budget == "":
			budget = policy.Name
		case policy.Type != tailsamplingprocessor.Drop:
			other = policy.Name
		}
	}
	if budget != "" && other != "" {
		return fmt.Errorf("policies: %s: a policy beside the span_budget %s would keep traces that the budget neither counts nor weighs; remove it, or make it a policy of type drop", other, budget)
	}
	return nil
}

// hasBudget reports whether a part of a composed policy is a budget.
func hasBudget(policy tailsamplingprocessor.PolicyCfg) bool {
	for _, part := range policy.AndCfg.SubPolicyCfg {
		if isBudget(part.Type) {
			return true
		}
	}
	for _, part := range policy.DropCfg.SubPolicyCfg {
		if isBudget(part.Type) {
			return true
		}
	}
	for _, part := range policy.CompositeCfg.SubPolicyCfg {
		if isBudget(part.Type) {
			return true
		}
	}
	return isBudget(policy.NotCfg.SubPolicy.Type)
}

// lateSpans are spans of one resource that tail_sampling will drop, by trace.
type lateSpans struct {
	ids    []pcommon.TraceID // in the order of their first spans
	traces map[pcommon.TraceID][]ptrace.Span
}

func (l *lateSpans) add(id pcommon.TraceID, span ptrace.Span) {
	if l.traces == nil {
		l.traces = map[pcommon.TraceID][]ptrace.Span{}
	}
	spans := l.traces[id]
	if spans == nil {
		l.ids = append(l.ids, id)
	}
	l.traces[id] = append(spans, span)
}

// reconsider holds the late spans of each trace that has an error among them, if the
// budget has room for it. part is the part that the spans are in.
func (l *ledger) reconsider(part waitingPart, resource pcommon.Resource, late *lateSpans) {
	for _, id := range late.ids {
		spans := late.traces[id]
		if !slices.ContainsFunc(spans, spanbudget.Failed) {
			continue
		}
		verdict, keep := l.budget.LateError(id, resource, spans)
		if !keep {
			continue
		}
		if l.traces[id] == nil {
			l.traces[id] = new(storedTrace)
		}
		l.enqueue(part.batch, heldPart{trace: id, resource: part.resource, verdict: verdict, late: true})
	}
}
