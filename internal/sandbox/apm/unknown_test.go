// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestUnknownPeers(t *testing.T) {
	s := start(t)
	hostile := "a: b\n- {\"x\"} *[?]\\ {db.system}"
	s.uploadTraces(tracesOf(
		t,
		spanSpec{trace: 1, id: 1, service: "app", kind: client, attributes: map[string]any{"db.system": "oracle", "db.name": "ORCL", "server.address": "db1"}},
		spanSpec{trace: 1, id: 2, service: "app", kind: client, attributes: map[string]any{"db.system": "oracle", "db.name": "ORCL", "server.address": "db1"}},
		spanSpec{trace: 1, id: 3, service: "app", kind: client, attributes: map[string]any{"db.system": "sqlite"}},
		spanSpec{trace: 1, id: 4, service: "app", kind: client, attributes: map[string]any{"http.method": "GET", "net.peer.name": "api.example.com"}},
		spanSpec{trace: 1, id: 5, service: "app", kind: client, attributes: map[string]any{"rpc.system": "grpc"}},
		spanSpec{trace: 1, id: 6, service: "app", kind: client},
		spanSpec{trace: 1, id: 7, service: "app", kind: client, attributes: map[string]any{"db.system": hostile}},
		spanSpec{trace: 1, id: 8, service: "app", kind: client, attributes: map[string]any{"http.method": "GET", "http.url": "http://rates.internal:8082/slow?s=1"}},
		spanSpec{trace: 1, id: 9, service: "app", kind: client, attributes: map[string]any{"http.method": "GET", "http.url": "http://user:secret@host/"}}, //nolint:gosec // no password of anything
		spanSpec{trace: 1, id: 10, service: "app", kind: client, attributes: map[string]any{"rpc.system": "grpc", "rpc.service": "shop.Cart"}},
		// Rules are globs, and these names contain their characters.
		spanSpec{trace: 1, id: 14, service: "app", kind: client, attributes: map[string]any{"db.system": "mysql", "db.name": "a*b"}},
		spanSpec{trace: 1, id: 15, service: "app", kind: client, attributes: map[string]any{"http.method": "GET", "server.address": "h[1]"}},
		spanSpec{trace: 1, id: 16, service: "app", kind: client, attributes: map[string]any{"messaging.system": "kafka", "messaging.destination.name": "what?"}},
		// The processor has no kind for it.
		spanSpec{trace: 1, id: 13, service: "app", kind: client, attributes: map[string]any{"server.address": "ldap.example.com"}},
		spanSpec{trace: 1, id: 12, service: "app", kind: client, attributes: map[string]any{"rpc.system.name": "grpc", "rpc.method": "shop.Stock/Count"}},
		spanSpec{trace: 1, id: 11, service: "app", kind: client, attributes: map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders"}},
	))
	topology := s.server.Topology()
	require.Len(t, topology.Unknown, 15)
	callees := map[string]UnknownPeer{}
	for _, peer := range topology.Unknown {
		callees[peer.Kind+" "+peer.Callee] = peer
		assert.NotEmpty(t, peer.Reason)
		assert.Equal(t, traceID(1).String(), peer.TraceID)
	}
	oracle := topology.Unknown[0]
	assert.Equal(t, "oracle ORCL at db1", oracle.Callee)
	assert.Equal(t, 2, oracle.Calls)
	assert.Contains(t, oracle.Reason, "peer_service processor")
	assert.Contains(t, callees, "rpc shop.Cart")
	assert.Contains(t, callees, "other unknown callee")

	// Whatever a span contains, the lines are YAML with exactly one rule for
	// it.
	var config struct {
		Processors struct {
			PeerService struct {
				Kinds []string `yaml:"kinds"`
				Rules []struct {
					Match map[string]string `yaml:"match"`
					Name  string            `yaml:"name"`
				} `yaml:"rules"`
			} `yaml:"peer_service"`
		} `yaml:"processors"`
		Service map[string]any `yaml:"service"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(topology.UnknownConfig), &config), topology.UnknownConfig)
	assert.Equal(t, []string{"db", "http", "rpc", "messaging"}, config.Processors.PeerService.Kinds)
	assert.Contains(t, config.Service, "pipelines")
	names := map[string]string{}
	for _, rule := range config.Processors.PeerService.Rules {
		match, err := json.Marshal(rule.Match)
		require.NoError(t, err)
		names[string(match)] = rule.Name
		assert.NotContains(t, rule.Name, "{")
	}
	assert.Equal(t, map[string]string{
		`{"db.namespace":"ORCL","db.system":"oracle","server.address":"db1"}`: "oracle-ORCL",
		`{"db.system":"sqlite"}`: "sqlite",
		`{"db.system":` + jsonText(t, globEscaper.Replace(hostile)) + `}`:       "a: b\n- \"x\" *[?]\\ db.system",
		`{"http.request.method":"*","server.address":"api.example.com"}`:        "api.example.com",
		`{"http.request.method":"*","url.full":"http://rates.internal:8082/*"}`: "rates.internal",
		`{"rpc.service":"shop.Cart","rpc.system":"*"}`:                          "shop.Cart",
		`{"rpc.service":"shop.Stock","rpc.system":"*"}`:                         "shop.Stock",
		`{"messaging.destination.name":"orders","messaging.system":"*"}`:        "orders",
		`{"db.namespace":"a\\*b","db.system":"mysql"}`:                          "mysql-a*b",
		`{"http.request.method":"*","server.address":"h\\[1]"}`:                 "h[1]",
		`{"messaging.destination.name":"what\\?","messaging.system":"*"}`:       "what?",
	}, names)
	assert.Equal(t, `\*\?\[]\\`, globEscaper.Replace(`*?[]\`))
	assert.Len(t, config.Processors.PeerService.Rules[0].Match, 3, "the most exact rule is first")

	for text, want := range map[string]string{
		"oracle-adb": "oracle-adb", "true": `"true"`, "No": `"No"`, "y": `"y"`, "N": `"N"`, "12": `"12"`, "": `""`, "a b": `"a b"`, "-x": `"-x"`,
		"a\u202eb\u061c": `"a\u202eb\u061c"`, "\x7f\u0085\U000e0041": `"\u007f\u0085\U000e0041"`, "ü😀": `"ü😀"`,
	} {
		assert.Equal(t, want, yamlText(text))
		var read string
		require.NoError(t, yaml.Unmarshal([]byte(want), &read), want)
		assert.Equal(t, text, read)
	}
}

func jsonText(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	return string(quoted)
}

// Callees that differ only in what the processor ignores get one rule: it does not
// accept a second one.
func TestRulesAreMerged(t *testing.T) {
	s := newStore(1000, DefaultMaxBytes)
	assert.Empty(t, topologyOf(s.snapshot(), timeRange{}).UnknownConfig)
	s.putSpans(t,
		spanSpec{trace: 1, id: 1, service: "a", kind: client, attributes: map[string]any{"http.method": "GET", "net.peer.name": "API"}},
		spanSpec{trace: 1, id: 2, service: "b", kind: client, attributes: map[string]any{"http.request.method": "GET", "server.address": "api"}},
		spanSpec{trace: 1, id: 3, service: "a", kind: client, attributes: map[string]any{"http.method": "GET", "http.url": "http://h/a"}},
		spanSpec{trace: 1, id: 4, service: "a", kind: client, attributes: map[string]any{"http.method": "GET", "url.full": "http://h/b"}},
	)
	topology := topologyOf(s.snapshot(), timeRange{})
	assert.Len(t, topology.Unknown, 3)
	assert.Equal(t, `processors:
  peer_service:
    kinds: [db, http, rpc, messaging]
    rules:
      - match: {http.request.method: "*", server.address: API}
        name: API
      - match: {http.request.method: "*", url.full: "http://h/*"}
        name: h
`, topology.UnknownConfig)
}

func TestUnknownPeersAreBounded(t *testing.T) {
	s := newStore(1000, DefaultMaxBytes)
	for i := range byte(200) {
		s.putSpans(t, spanSpec{trace: 1, id: i + 1, service: string(rune('A' + i)), kind: client})
	}
	assert.Len(t, topologyOf(s.snapshot(), timeRange{}).Unknown, maxUnknown)
}
