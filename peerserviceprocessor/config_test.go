// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"
)

func TestConfig(t *testing.T) {
	design := createDefaultConfig().(*Config)
	name, empty := "oracle-adb", ""
	design.Rules = []RuleConfig{{Match: map[string]any{"db.system": "oracle", "server.address": "*.oraclecloud.com"}, Name: &name}}
	configtest.Run(t, NewFactory(), []configtest.Case{
		{Name: "", Want: createDefaultConfig().(*Config)},
		{Name: "design", Want: design},
		{Name: "numbers", Want: &Config{
			Rules:    []RuleConfig{{Match: map[string]any{"server.port": 1521, "db.ok": true}, Name: &empty}},
			Default:  []string{},
			Override: true,
			Kinds:    []Kind{KindDB, KindHTTP, KindRPC, KindMessaging},
		}},
		{Name: "no_match", Errors: []string{"rules[0].match: is empty; write the attributes", "rules[1].match: is empty"}},
		{Name: "no_name", Errors: []string{`rules[0].name: is missing; write the peer's name, or ""`}},
		{Name: "empty_rule", Errors: []string{"rules[0].match: is empty", "rules[0].name: is missing"}},
		{Name: "empty_glob", Errors: []string{`rules[0].match: db.system has an empty glob`}},
		{Name: "null_glob", Errors: []string{`rules[0].match: db.system has no glob`}},
		{Name: "list_glob", Errors: []string{`rules[0].match: db.system has a []interface {}, not a glob`}},
		{Name: "open_class", Errors: []string{`rules[1].match: server.address: "db[1-3" is not a glob: "[" is never closed`}},
		{Name: "empty_class", Errors: []string{`rules[0].match: server.address: "db[]" is not a glob`}},
		{Name: "reversed_class", Errors: []string{`"9-1" is empty; write the lower character first`}},
		{Name: "escape", Errors: []string{`rules[0].match: server.address`, `nothing to escape`}},
		{Name: "shadowed_by_any", Errors: []string{"rules[1].match: can never match, because rules[0] matches everything"}},
		{Name: "shadowed_by_same", Errors: []string{"rules[1].match: can never match, because rules[0] matches everything"}},
		{Name: "shadowed_by_glob", Errors: []string{"rules[1].match: can never match, because rules[0] matches everything"}},
		{Name: "open_brace", Errors: []string{`default[0]: "{db.system" has a "{" that is not closed`}},
		{Name: "nested_brace", Errors: []string{`default[0]: "{db.{system}}" has a "{" that is not closed`}},
		{Name: "closing_brace", Errors: []string{`rules[0].name: "x}" has a "}" that closes nothing`}},
		{Name: "empty_part", Errors: []string{`default[0]: "a{}b" has an empty part`}},
		{Name: "blank_part", Errors: []string{`write {db.system}`}},
		{Name: "itself", Errors: []string{`default[0]: "{peer.service}" contains peer.service`}},
		{Name: "empty_template", Errors: []string{"default[0]: is empty"}},
		{Name: "after_constant", Errors: []string{"default[1]: is never used"}},
		{Name: "nothing", Errors: []string{"default: is empty and there are no rules"}},
		{Name: "no_kinds", Errors: []string{"kinds: is empty"}},
		{Name: "unknown_kind", Errors: []string{`kinds[1]: "graphql" is not known; write db, http, rpc or messaging`}},
		{Name: "kind_twice", Errors: []string{"kinds[1]: db is listed twice"}},
	})
}

// Rules that only look alike are accepted.
func TestRulesThatOverlap(t *testing.T) {
	one, two := "one", "two"
	tests := []struct {
		name          string
		first, second map[string]any
		kinds         []Kind
	}{
		{"the special before the general", map[string]any{"db.system": "oracle", "server.address": "db1"}, map[string]any{"db.system": "oracle"}, nil},
		{"other attributes", map[string]any{"server.address": "*"}, map[string]any{"db.namespace": "x"}, nil},
		{"globs that overlap", map[string]any{"server.address": "a*"}, map[string]any{"server.address": "*b"}, nil},
		{"any database, and then http", map[string]any{"db.system": "*"}, map[string]any{"server.address": "x"}, []Kind{KindDB, KindHTTP}},
		{"two systems", map[string]any{"db.system": "oracle"}, map[string]any{"db.system": "mysql"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.Rules = []RuleConfig{{Match: tt.first, Name: &one}, {Match: tt.second, Name: &two}}
			if tt.kinds != nil {
				cfg.Kinds = tt.kinds
			}
			assert.NoError(t, cfg.Validate())
		})
	}
}
