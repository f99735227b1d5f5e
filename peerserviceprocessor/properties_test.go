// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomConfig(r *rand.Rand) *Config {
	cfg := createDefaultConfig().(*Config)
	names := []string{"fixed", "", "{db.namespace}", "{db.system}/{server.address}", "{service.name}:{db.system.name}"}
	rules := []map[string]any{
		{"db.system": "oracle", "server.address": "*.example.com"},
		{"db.namespace": "s*"},
		{"service.name": "hotel", "db.system.name": "m*"},
		{"server.port": 1521},
	}
	for _, match := range rules {
		if r.IntN(2) == 0 {
			name := pick(r, names)
			cfg.Rules = append(cfg.Rules, RuleConfig{Match: match, Name: &name})
		}
	}
	cfg.Override = r.IntN(2) == 0
	cfg.Kinds = pick(r, [][]Kind{{KindDB}, {KindDB, KindHTTP}, {KindRPC, KindMessaging}})
	return cfg
}

func randomAttributes(r *rand.Rand) map[string]any {
	raw := map[string]any{}
	for name, values := range map[string][]any{
		"db.system": {"oracle", "oracledb", "mysql", "frobdb", ""}, "db.system.name": {"oracle.db", "microsoft.sql_server"},
		"db.name": {"shop", "", "db1:1521/svc"}, "db.namespace": {"shop"}, "server.address": {"db1.example.com", "db2", ""}, "net.peer.name": {"db3"},
		"server.port": {1521, 5432}, "net.peer.port": {1521}, "db.connection_string": {"jdbc:mysql://h:3306/d"}, "peer.service": {"mine", ""},
		"service.peer.name": {"theirs"}, "http.method": {"GET"}, "rpc.system": {"grpc"}, "messaging.system": {"kafka"}, "thread.id": {7},
	} {
		if r.IntN(3) == 0 {
			raw[name] = pick(r, values)
		}
	}
	return raw
}

// traces returns one CLIENT span, with the attributes in a random order.
func traces(t *testing.T, r *rand.Rand, raw map[string]any) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "hotel")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetKind(ptrace.SpanKindClient)
	names := make([]string, 0, len(raw))
	for name := range raw {
		names = append(names, name)
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		require.NoError(t, span.Attributes().PutEmpty(name).FromRaw(raw[name]))
	}
	return td
}

func attributesOf(td ptrace.Traces) pcommon.Map {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
}

// The outcome is the same for one pass and two, and for any order of the attributes. Only
// peer.service changes.
func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		cfg := randomConfig(r)
		require.NoError(t, cfg.Validate())
		raw := randomAttributes(r)
		n := newTestNamer(t, cfg)

		once, err := n.processTraces(t.Context(), traces(t, r, raw))
		require.NoError(t, err)
		want := attributesOf(once).AsRaw()
		shuffled, err := n.processTraces(t.Context(), traces(t, r, raw))
		require.NoError(t, err)
		require.Equal(t, want, attributesOf(shuffled).AsRaw(), "%+v on %v", cfg, raw)
		twice, err := n.processTraces(t.Context(), once)
		require.NoError(t, err)
		require.Equal(t, want, attributesOf(twice).AsRaw(), "%+v on %v", cfg, raw)

		if raw["peer.service"] == "mine" && !cfg.Override {
			require.Equal(t, "mine", want["peer.service"])
		}
		delete(want, "peer.service")
		for name, value := range raw {
			if number, ok := value.(int); ok {
				value = int64(number)
			}
			if name != "peer.service" {
				require.Equal(t, value, want[name])
				delete(want, name)
			}
		}
		require.Empty(t, want)
	}
}

// The spans beside a span in its batch do not matter.
func TestSiblings(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 3_000 {
		cfg := randomConfig(r)
		n := newTestNamer(t, cfg)
		together := traces(t, r, randomAttributes(r))
		spans := together.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		for range 6 {
			next := spans.AppendEmpty()
			spans.At(spans.Len() - 2).CopyTo(next)
			switch r.IntN(3) {
			case 0:
				traces(t, r, randomAttributes(r)).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(next)
			case 1: // another value
				for name, value := range randomAttributes(r) {
					if sent, found := next.Attributes().Get(name); found {
						require.NoError(t, sent.FromRaw(value))
					}
				}
			}
		}
		var alone []ptrace.Traces
		for _, span := range spans.All() {
			td := traces(t, r, nil)
			span.CopyTo(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
			_, err := n.processTraces(t.Context(), td)
			require.NoError(t, err)
			alone = append(alone, td)
		}
		_, err := n.processTraces(t.Context(), together)
		require.NoError(t, err)
		for i, span := range spans.All() {
			require.Equal(t, attributesOf(alone[i]).AsRaw(), span.Attributes().AsRaw(), "%+v", cfg)
		}
	}
}

// Spans that are not calls to a database do not change by a byte.
func TestOthersAreUntouched(t *testing.T) {
	file, err := os.Open(filepath.Join("testdata", "apache-httpd.jsonl"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()
	cfg := createDefaultConfig().(*Config)
	cfg.Override = true
	cfg.Default = append(cfg.Default, "{service.name}", "constant")
	n := newTestNamer(t, cfg)
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	spans := 0
	for scanner.Scan() {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(scanner.Bytes())
		require.NoError(t, err)
		spans += td.SpanCount()
		marshaler := &ptrace.ProtoMarshaler{}
		before, err := marshaler.MarshalTraces(td)
		require.NoError(t, err)
		td, err = n.processTraces(t.Context(), td)
		require.NoError(t, err)
		after, err := marshaler.MarshalTraces(td)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	require.NoError(t, scanner.Err())
	assert.Equal(t, 66, spans)
}

func BenchmarkProcess(b *testing.B) {
	rule := "oracle-adb"
	tests := []struct {
		name  string
		kind  ptrace.SpanKind
		attrs map[string]any
	}{
		{"server", ptrace.SpanKindServer, map[string]any{"http.method": "GET"}},
		{"http client", ptrace.SpanKindClient, map[string]any{
			"http.request.method": "GET", "url.full": "http://shop.example.test/", "server.address": "shop.example.test", "server.port": 443,
			"http.response.status_code": 200, "network.protocol.version": "1.1", "user_agent.original": "curl", "thread.id": 12,
		}},
		{"by rule", ptrace.SpanKindClient, map[string]any{"db.system": "oracle", "db.name": "ORCL", "server.address": "adb.eu.oraclecloud.com", "server.port": 1522}},
		{"by default", ptrace.SpanKindClient, map[string]any{"db.system": "oracle", "db.name": "ORCL", "server.address": "db1", "server.port": 1521}},
	}
	const spans = 200
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.Rules = []RuleConfig{{Match: map[string]any{"db.system": "oracle", "server.address": "*.oraclecloud.com"}, Name: &rule}}
			n := newTestNamer(b, cfg)
			input, td := ptrace.NewTraces(), ptrace.NewTraces()
			scoped := input.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			for range spans {
				span := scoped.Spans().AppendEmpty()
				span.SetKind(tt.kind)
				require.NoError(b, span.Attributes().FromRaw(tt.attrs))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += spans {
				b.StopTimer()
				input.CopyTo(td)
				b.StartTimer()
				_, err := n.processTraces(b.Context(), td)
				require.NoError(b, err)
			}
		})
	}
}
