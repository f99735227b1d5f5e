// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor/internal/metadata"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	design := createDefaultConfig().(*Config)
	name, empty := "oracle-adb", ""
	design.Rules = []RuleConfig{{Match: map[string]any{"db.system": "oracle", "server.address": "*.oraclecloud.com"}, Name: &name}}
	tests := []struct {
		name string
		want *Config
		errs []string
	}{
		{name: "", want: createDefaultConfig().(*Config)},
		{name: "design", want: design},
		{name: "numbers", want: &Config{
			Rules:    []RuleConfig{{Match: map[string]any{"server.port": 1521, "db.ok": true}, Name: &empty}},
			Default:  []string{},
			Override: true,
			Kinds:    []Kind{KindDB, KindHTTP, KindRPC, KindMessaging},
		}},
		{name: "no_match", errs: []string{"rules[0].match: is empty; write the attributes", "rules[1].match: is empty"}},
		{name: "no_name", errs: []string{`rules[0].name: is missing; write the peer's name, or ""`}},
		{name: "empty_rule", errs: []string{"rules[0].match: is empty", "rules[0].name: is missing"}},
		{name: "empty_glob", errs: []string{`rules[0].match: db.system has an empty glob`}},
		{name: "null_glob", errs: []string{`rules[0].match: db.system has no glob`}},
		{name: "list_glob", errs: []string{`rules[0].match: db.system has a []interface {} where a glob belongs`}},
		{name: "open_class", errs: []string{`rules[1].match: server.address: "db[1-3" is no glob: "[" is never closed`}},
		{name: "empty_class", errs: []string{`rules[0].match: server.address: "db[]" is no glob`}},
		{name: "reversed_class", errs: []string{`"9-1" is empty; write the lower character first`}},
		{name: "escape", errs: []string{`rules[0].match: server.address`, `nothing to escape`}},
		{name: "shadowed_by_any", errs: []string{"rules[1].match: can never match, because rules[0] takes all"}},
		{name: "shadowed_by_same", errs: []string{"rules[1].match: can never match, because rules[0] takes all"}},
		{name: "shadowed_by_glob", errs: []string{"rules[1].match: can never match, because rules[0] takes all"}},
		{name: "open_brace", errs: []string{`default[0]: "{db.system" has a "{" that is not closed`}},
		{name: "nested_brace", errs: []string{`default[0]: "{db.{system}}" has a "{" that is not closed`}},
		{name: "closing_brace", errs: []string{`rules[0].name: "x}" has a "}" that closes nothing`}},
		{name: "empty_part", errs: []string{`default[0]: "a{}b" has an empty part`}},
		{name: "blank_part", errs: []string{`write {db.system}`}},
		{name: "itself", errs: []string{`default[0]: "{peer.service}" reads peer.service`}},
		{name: "empty_template", errs: []string{"default[0]: is empty"}},
		{name: "after_constant", errs: []string{"default[1]: is never asked"}},
		{name: "nothing", errs: []string{"default: is empty and there are no rules"}},
		{name: "no_kinds", errs: []string{"kinds: is empty"}},
		{name: "unknown_kind", errs: []string{`kinds[1]: "graphql" is not known; write db, http, rpc or messaging`}},
		{name: "kind_twice", errs: []string{"kinds[1]: db is there twice"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, tt.name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if tt.want != nil {
				require.NoError(t, err)
				assert.Equal(t, tt.want, cfg)
				return
			}
			require.Error(t, err)
			for _, want := range tt.errs {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

// Rules that only look alike are no mistake.
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
