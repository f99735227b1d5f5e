// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// ruleGroup is the options group of the span rules, and namingRule the system rule
	// "OpenTelemetry to APM naming conversion", both as in Oracle's quickstart
	// (github.com/oracle-quickstart/oci-o11y-solutions,
	// knowledge-content/opentelemetry-demo/apm-configs).
	ruleGroup  = "data-manipulation.spans"
	namingRule = 500
)

// ruleGroupOptions are the options of a group of span rules. Actions of rules are
// accepted and have no effect.
type ruleGroupOptions struct {
	Type       string `json:"type"`
	Disabled   bool   `json:"disabled"`
	FilterID   string `json:"filterId"`
	FilterText string `json:"filterText"`
	Rules      []struct {
		SystemRuleID int    `json:"systemRuleId"`
		Disabled     bool   `json:"disabled"`
		FilterText   string `json:"filterText"`
	} `json:"rules"`
}

// defaultRule returns the rule of a domain that somebody has set up in the console.
func defaultRule(region string) *config {
	now := time.Now().UTC()
	return &config{
		id: newOCID("apmconfig", region), version: 1, created: now, updated: now,
		fields: map[string]json.RawMessage{
			"configType": json.RawMessage(`"OPTIONS"`), "group": json.RawMessage(`"` + ruleGroup + `"`),
			"displayName": json.RawMessage(`"OpenTelemetry to APM naming conversion"`),
			"options": json.RawMessage(`{"type": "data-manipulation.group", "disabled": false, "filterText": "traceId is not omitted",
				"rules": [{"displayName": "OpenTelemetry to APM naming conversion", "disabled": false, "systemRuleId": 500}]}`),
		},
	}
}

func parseRuleGroup(options json.RawMessage) (ruleGroupOptions, error) {
	var group ruleGroupOptions
	if err := json.Unmarshal(options, &group); err != nil {
		return group, errors.New("not an object that describes a group of rules")
	}
	if group.FilterID == "" {
		if _, err := parseFilter(group.FilterText); err != nil {
			return group, fmt.Errorf("filterText: %w", err)
		}
	}
	for i, rule := range group.Rules {
		if rule.FilterText == "" {
			continue
		}
		if _, err := parseFilter(rule.FilterText); err != nil {
			return group, fmt.Errorf("rules[%d].filterText: %w", i, err)
		}
	}
	return group, nil
}

// converts reports whether an enabled rule of the group converts the names of a span.
func (g ruleGroupOptions) converts(attributes func(string) (string, bool)) bool {
	for _, rule := range g.Rules {
		if rule.SystemRuleID == namingRule && !rule.Disabled && (rule.FilterText == "" || matchesFilter(rule.FilterText, attributes)) {
			return true
		}
	}
	return false
}

// convertsNames reports whether the naming conversion applies to a span with these
// attributes. It is called for each new span.
func (s *Server) convertsNames(attributes func(name string) (string, bool)) bool {
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	if s.configs.rules == nil {
		s.configs.rules = []ruleGroupOptions{}
		for _, item := range s.configs.items {
			if item.text("group") != ruleGroup {
				continue
			}
			if group, err := parseRuleGroup(item.fields["options"]); err == nil && !group.Disabled {
				s.configs.rules = append(s.configs.rules, group)
			}
		}
	}
	for _, group := range s.configs.rules {
		if s.configs.selects(group, attributes) && group.converts(attributes) {
			return true
		}
	}
	return false
}

// selects reports whether the filter of a group matches. The caller holds the lock.
func (s *configStore) selects(group ruleGroupOptions, attributes func(string) (string, bool)) bool {
	text := group.FilterText
	if group.FilterID != "" {
		item, f := s.find(group.FilterID)
		if f != nil {
			return false
		}
		text = item.text("filterText")
	}
	return matchesFilter(text, attributes)
}

func matchesFilter(text string, attributes func(string) (string, bool)) bool {
	parsed, err := parseFilter(text)
	return err == nil && parsed(attributes)
}
