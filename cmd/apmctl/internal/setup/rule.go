// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"maps"
)

// The rule "OpenTelemetry to APM naming conversion". Group, type and id are those of
// Oracle's quickstart (github.com/oracle-quickstart/oci-o11y-solutions,
// knowledge-content/opentelemetry-demo/apm-configs).
const (
	ruleGroup     = "data-manipulation.spans"
	ruleGroupType = "data-manipulation.group"
	namingRule    = 500
	// ruleName sorts first: groups for the same span run in the order of their names.
	ruleName = "0. OpenTelemetry to APM naming conversion"
	// allSpans matches every span.
	allSpans = "traceId is not omitted"
)

func wantedRule() map[string]any {
	return map[string]any{
		"type": ruleGroupType, "disabled": false, "filterText": allSpans,
		"rules": []any{map[string]any{"displayName": "OpenTelemetry to APM naming conversion", "disabled": false, "systemRuleId": namingRule}},
	}
}

// checkRule looks for the rule in every group of span rules.
func (s *Setup) checkRule(ctx context.Context) (finding, error) {
	items, err := s.listOptions(ctx, ruleGroup)
	if err != nil {
		return finding{}, err
	}
	var differs *optionsItem
	for _, item := range items {
		rule := findRule(item.options)
		if rule == nil {
			continue
		}
		if len(ruleDifferences(item.options, rule)) == 0 {
			return present(fmt.Sprintf("the naming rule is on for all spans, in %q", item.name)), nil
		}
		if differs == nil {
			differs = &item
		}
	}
	if differs != nil {
		return s.differingRule(*differs), nil
	}
	create := func(dry bool) func(context.Context) error {
		return func(ctx context.Context) error {
			return s.createOptions(ctx, ruleGroup, ruleName, "APM reads the attributes of OpenTelemetry. Created by apmctl.", wantedRule(), dry)
		}
	}
	return finding{
		status: StatusMissing,
		text:   "the rule \"OpenTelemetry to APM naming conversion\" is not there, so databases are \"External Unknown\": create it for all spans",
		dryRun: create(true),
		apply: func(ctx context.Context) (string, bool, error) {
			return fmt.Sprintf("created %q; it applies to new spans", ruleName), true, create(false)(ctx)
		},
	}, nil
}

// differingRule returns the finding for a rule that does not apply to all spans.
func (s *Setup) differingRule(item optionsItem) finding {
	wanted := maps.Clone(item.options)
	delete(wanted, "filterId")
	wanted["disabled"], wanted["filterText"] = false, allSpans
	var rules []any
	list, _ := item.options["rules"].([]any) // findRule has read it
	for _, rule := range list {
		if fields, ok := rule.(map[string]any); ok && isNamingRule(fields) {
			changed := maps.Clone(fields)
			delete(changed, "filterText")
			changed["disabled"] = false
			rule = changed
		}
		rules = append(rules, rule)
	}
	wanted["rules"] = rules
	return s.differing(StepRule, finding{
		text:        fmt.Sprintf("the naming rule exists in %q, but does not apply to all spans", item.name),
		differences: ruleDifferences(item.options, findRule(item.options)),
		dryRun:      func(ctx context.Context) error { return s.updateOptions(ctx, ruleGroup, item, wanted, true) },
		apply: func(ctx context.Context) (string, bool, error) {
			return fmt.Sprintf("changed %q: it applies to all new spans", item.name), true, s.updateOptions(ctx, ruleGroup, item, wanted, false)
		},
	})
}

// findRule returns the naming rule of a group, or nil.
func findRule(options map[string]any) map[string]any {
	rules, _ := options["rules"].([]any) // anything else has no rule
	for _, rule := range rules {
		if fields, ok := rule.(map[string]any); ok && isNamingRule(fields) {
			return fields
		}
	}
	return nil
}

func isNamingRule(rule map[string]any) bool { return sameJSON(rule["systemRuleId"], namingRule) }

// ruleDifferences lists what keeps the rule from all spans.
func ruleDifferences(group, rule map[string]any) []string {
	var different []string
	if group["disabled"] == true {
		different = append(different, "the group of rules is disabled")
	}
	if rule["disabled"] == true {
		different = append(different, "the rule is disabled")
	}
	if id, ok := group["filterId"].(string); ok && id != "" {
		different = append(different, "the group applies to the spans of the filter "+id)
	} else if group["filterText"] != allSpans {
		different = append(different, fmt.Sprintf("the group applies to spans that match %s, not %s", encode(group["filterText"]), encode(allSpans)))
	}
	if filter, ok := rule["filterText"].(string); ok && filter != "" {
		different = append(different, "the rule applies to spans that match "+encode(filter))
	}
	return different
}
