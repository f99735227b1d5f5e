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

// reconsider holds a part that tail_sampling will drop if it has an error and the budget
// has room for it.
func (l *ledger) reconsider(id pcommon.TraceID, part waitingPart, spans ptrace.ResourceSpans) {
	if l.budget == nil || !hasError(id, spans) {
		return
	}
	if held := part.batch.held; len(held) > 0 && slices.ContainsFunc(held, func(h heldPart) bool { return h.trace == id && h.resource == part.resource }) {
		return
	}
	verdict, keep := l.budget.LateError(id, spans)
	if !keep {
		return
	}
	if l.traces[id] == nil {
		l.traces[id] = new(storedTrace)
	}
	l.enqueue(part.batch, heldPart{trace: id, resource: part.resource, verdict: verdict, late: true})
}

// hasError reports whether a span of a trace has failed.
func hasError(id pcommon.TraceID, spans ptrace.ResourceSpans) bool {
	for _, scope := range spans.ScopeSpans().All() {
		for _, span := range scope.Spans().All() {
			if span.TraceID() == id && spanbudget.Failed(span) {
				return true
			}
		}
	}
	return false
}
