// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// One database has one name.
func TestOneName(t *testing.T) {
	type attrs = map[string]any
	tests := []struct {
		name  string
		spans []attrs
		want  []string
		join  bool
	}{
		{
			name: "Oracle's names in either case",
			spans: []attrs{
				{"db.system": "oracle", "db.name": "SPADB"}, {"db.system.name": "oracle.db", "db.namespace": "spadb"}, {"db.system": "oracle", "db.name": "db7:1521/SpaDB"},
			},
			want: []string{"oracle:spadb"},
		},
		{
			name:  "Oracle's names beyond ASCII",
			spans: []attrs{{"db.system": "oracle", "db.name": "KÜCHE"}, {"db.system": "oracle", "db.name": "küche"}},
			want:  []string{"oracle:küche"},
		},
		{
			name:  "names whose case may matter",
			spans: []attrs{{"db.system": "postgresql", "db.name": "Spa"}, {"db.system": "postgresql", "db.name": "spa"}},
			want:  []string{"postgresql:Spa", "postgresql:spa"},
		},
		{
			name:  "hosts in either case",
			spans: []attrs{{"db.system": "mysql", "server.address": "My7.Example.com"}, {"db.system": "mysql", "net.peer.name": "my7.example.com:3306"}},
			want:  []string{"mysql@my7.example.com"},
		},
		{
			name: "paths of resources as sent",
			spans: []attrs{
				{"db.system": "spanner", "db.name": "projects/p/instances/i/databases/spa", "server.address": "spanner.googleapis.com"},
				{"db.system": "spanner", "db.instance": "projects/p/instances/i/databases/spa"},
				{"db.url": "jdbc:cloudspanner:/projects/p/instances/i/databases/spa"},
				{"db.system": "spanner", "db.name": "projects/p/instances/i/databases/visits", "server.address": "spanner.googleapis.com"},
			},
			want: []string{"spanner:projects/p/instances/i/databases/spa", "spanner:projects/p/instances/i/databases/visits"},
		},
		{
			name: "Redis by its server, not by a number",
			spans: []attrs{
				{"db.system": "redis", "db.redis.database_index": 2, "net.peer.name": "cache7"},
				{"db.system.name": "redis", "db.namespace": "2", "server.address": "cache7"},
				{"db.system.name": "redis", "server.address": "cache7"},
			},
			want: []string{"redis@cache7"},
		},
		{
			name:  "Redis without an address",
			spans: []attrs{{"db.system": "redis", "db.redis.database_index": 2}, {"db.system": "redis"}},
			want:  []string{"redis"},
		},
		{
			name:  "MongoDB's admin is on every server",
			spans: []attrs{{"db.system": "mongodb", "db.name": "admin", "db.operation": "ping", "net.peer.name": "m7"}},
			want:  []string{"mongodb@m7"},
		},
		{
			name: "a cluster of Oracle",
			spans: []attrs{
				{"db.system.name": "oracle.db", "db.namespace": "SPA1|PDB|spa.example.com"},
				{"db.system.name": "oracle.db", "db.namespace": "SPA2|PDB|spa.example.com"},
				{"db.system.name": "oracle.db", "db.namespace": "||SPA.example.com"},
			},
			want: []string{"oracle:spa.example.com"},
		},
		{
			name:  "the services of an Autonomous Database",
			spans: []attrs{{"db.system": "oracle", "db.name": "g1_spa_high.adb.example.com"}, {"db.system": "oracle", "db.name": "g1_spa_low.adb.example.com"}},
			want:  []string{"oracle:g1_spa_high.adb.example.com", "oracle:g1_spa_low.adb.example.com"},
		},
		{
			name: "the services of an Autonomous Database, joined",
			spans: []attrs{
				{"db.system": "oracle", "db.name": "g1_spa_high.adb.example.com"},
				{"db.system": "oracle", "db.name": "G1_SPA_TPURGENT.adb.example.com"},
				{"db.system": "oracle", "db.name": "g1_spa_tp.adb.example.com"},
			},
			want: []string{"oracle:g1_spa.adb.example.com"}, join: true,
		},
		{
			name:  "aliases of an Autonomous Database, joined",
			spans: []attrs{{"db.system": "oracle", "db.name": "spa_medium"}, {"db.system": "oracle", "db.name": "spa_low"}},
			want:  []string{"oracle:spa"}, join: true,
		},
		{
			name:  "other databases are not joined",
			spans: []attrs{{"db.system": "mysql", "db.name": "spa_high"}},
			want:  []string{"mysql:spa_high"}, join: true,
		},
		{
			name:  "databases of the same name on two servers",
			spans: []attrs{{"db.system": "mysql", "db.name": "spa", "server.address": "my7"}, {"db.system": "mysql", "db.name": "spa", "server.address": "my8"}},
			want:  []string{"mysql:spa"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.JoinAutonomousServices = tt.join
			n := newTestNamer(t, cfg)
			var got []string
			for _, raw := range tt.spans {
				td, err := n.processTraces(t.Context(), traces(t, rand.New(rand.NewPCG(1, 1)), raw))
				require.NoError(t, err)
				name, _ := attributesOf(td).Get(attrPeerService)
				if len(got) == 0 || got[len(got)-1] != name.Str() {
					got = append(got, name.Str())
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// A rule's name can distinguish servers that have a database of the same name, and can
// have the number of a Redis database.
func TestNameOfARule(t *testing.T) {
	name := "{db.system}:{db.namespace}@{server.address}"
	cfg := createDefaultConfig().(*Config)
	cfg.Rules = []RuleConfig{{Match: map[string]any{"db.namespace": "*"}, Name: &name}}
	n := newTestNamer(t, cfg)
	for _, tt := range []struct {
		attrs map[string]any
		want  string
	}{
		{map[string]any{"db.system": "mysql", "db.name": "spa", "server.address": "my7"}, "mysql:spa@my7"},
		{map[string]any{"db.system": "redis", "db.redis.database_index": 2, "server.address": "cache7"}, "redis:2@cache7"},
		{map[string]any{"db.system": "oracle", "db.name": "SPA", "server.address": "DB7"}, "oracle:spa@db7"},
	} {
		td, err := n.processTraces(t.Context(), traces(t, rand.New(rand.NewPCG(1, 1)), tt.attrs))
		require.NoError(t, err)
		got, _ := attributesOf(td).Get(attrPeerService)
		assert.Equal(t, tt.want, got.Str())
	}
}

// A configuration without templates leaves spans of every kind unchanged, and one with
// its own list applies it to every kind.
func TestDefaultReplacesTheKindsTemplates(t *testing.T) {
	for _, tt := range []struct {
		templates []string
		want      string
	}{
		{createDefaultConfig().(*Config).Default, "api.example.com"},
		{[]string{}, ""},
		{[]string{"{http.request.method}"}, "GET"},
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.Kinds = []Kind{KindDB, KindHTTP}
		cfg.Default = tt.templates
		name := "none"
		cfg.Rules = []RuleConfig{{Match: map[string]any{"http.route": "/none"}, Name: &name}}
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetKind(ptrace.SpanKindClient)
		span.Attributes().PutStr("http.request.method", "GET")
		span.Attributes().PutStr("url.full", "https://API.example.com/")
		_, err := newTestNamer(t, cfg).processTraces(t.Context(), td)
		require.NoError(t, err)
		got, _ := span.Attributes().Get(attrPeerService)
		assert.Equal(t, tt.want, got.Str(), tt.templates)
	}
}
