// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilter(t *testing.T) {
	attributes := func(name string) (string, bool) {
		for key, value := range map[string]string{"k8s.namespace.name": "otel-demo", "kind": "SERVER", "SpanDuration": "250", "text": "it's", "traceId": "01"} {
			if strings.EqualFold(key, name) {
				return value, true
			}
		}
		return "", false
	}
	for _, tc := range []struct {
		filter string
		want   bool
	}{
		{"traceId is not omitted", true},
		{"portalName is omitted", true},
		{"portalName is not omitted", false},
		{"\"k8s.namespace.name\" = 'otel-demo'", true},
		{"\"k8s.namespace.name\" <> 'otel-demo'", false},
		{"KIND = 'SERVER' AND SpanDuration >= 250", true},
		{"kind = 'SERVER' and SpanDuration > 250", false},
		{"kind = 'CLIENT' or SpanDuration < 1000", true},
		{"kind = 'CLIENT' and SpanDuration < 1000 or kind = 'SERVER'", true},
		{"kind = 'CLIENT' and (SpanDuration < 1000 or kind = 'SERVER')", false},
		{"kind in ('CLIENT', 'SERVER')", true},
		{"kind in ('CLIENT')", false},
		{"\"k8s.namespace.name\" like '%demo'", true},
		{"\"k8s.namespace.name\" like 'demo%'", false},
		{"text = 'it''s'", true},
		{"absent = 'x'", false},
		{"absent <> 'x'", false},
		{"SpanDuration = 250.0", true},
	} {
		t.Run(tc.filter, func(t *testing.T) {
			parsed, err := parseFilter(tc.filter)
			require.NoError(t, err)
			assert.Equal(t, tc.want, parsed(attributes))
		})
	}
	for _, bad := range []string{
		"", " ", "kind", "kind =", "kind = SERVER", "= 'x'", "kind is", "kind = 'x' and", "(kind = 'x'", "kind = 'x')",
		"kind in 'x'", "kind in ('x'", "kind in ('x' 'y')", "kind like x", "kind ~ 'x'", "'kind' = 'x'", "kind = 'x", strings.Repeat("(", 5000),
	} {
		t.Run("bad "+bad[:min(len(bad), 20)], func(t *testing.T) {
			_, err := parseFilter(bad)
			require.Error(t, err)
		})
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("\"k8s.namespace.name\" = 'otel-demo' and (a is omitted or b in (1, 'x')) and c like '%x'")
	f.Add("((((a=1")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if err != nil {
			return
		}
		parsed(func(string) (string, bool) { return "x", true })
		again, err := parseFilter("(" + text + ")")
		if len(text)+2 <= maxFilter {
			require.NoError(t, err)
			nothing := func(string) (string, bool) { return "", false }
			assert.Equal(t, parsed(nothing), again(nothing))
		}
	})
}

// The filter of a group of rules is its text, or the configuration item that it names.
func TestGroupFilter(t *testing.T) {
	store := newConfigStore("phx")
	store.items = []*config{{id: "clients", fields: map[string]json.RawMessage{"filterText": json.RawMessage(`"kind = 'CLIENT'"`)}}}
	client := func(name string) (string, bool) { return "CLIENT", name == "kind" }
	assert.True(t, store.selects(ruleGroupOptions{FilterText: "kind = 'CLIENT'"}, client))
	assert.False(t, store.selects(ruleGroupOptions{FilterText: "kind = 'SERVER'"}, client))
	assert.True(t, store.selects(ruleGroupOptions{FilterID: "clients", FilterText: "kind = 'SERVER'"}, client))
	assert.False(t, store.selects(ruleGroupOptions{FilterID: "others", FilterText: "kind = 'CLIENT'"}, client))
}
