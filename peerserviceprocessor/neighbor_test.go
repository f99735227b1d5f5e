// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The name of an HTTP call does not depend on the database span before it.
func TestDatabaseBeforeHTTP(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Kinds = []Kind{"db", "http"}
	n := newTestNamer(t, cfg)
	peerOf := func(address string, systems ...string) string {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, system := range systems {
			span := spans.AppendEmpty()
			span.SetKind(ptrace.SpanKindClient)
			span.Attributes().PutStr("db.system", system)
			span.Attributes().PutStr("db.name", "a")
		}
		span := spans.AppendEmpty()
		span.SetKind(ptrace.SpanKindClient)
		span.Attributes().PutStr("http.request.method", "GET")
		span.Attributes().PutStr("server.address", address)
		_, err := n.processTraces(t.Context(), td)
		require.NoError(t, err)
		if peer, ok := span.Attributes().Get("peer.service"); ok {
			return peer.Str()
		}
		return ""
	}
	for _, address := range []string{"shop.example.test/~/a", "shop:1521:a", "shop/a", "shop:a"} {
		for _, system := range []string{"oracle", "h2", "postgresql", "sqlite"} {
			assert.Equal(t, peerOf(address), peerOf(address, system), "%s after %s", address, system)
		}
	}
}

// A name with an attribute of the resource does not depend on the resource before it, which
// may lack the attribute.
func TestResourceBeforeResource(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Default = []string{"{team}", "{db.namespace}"}
	n := newTestNamer(t, cfg)
	td := ptrace.NewTraces()
	for _, team := range []string{"", "bookings"} {
		resource := td.ResourceSpans().AppendEmpty()
		if team != "" {
			resource.Resource().Attributes().PutStr("team", team)
		}
		span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetKind(ptrace.SpanKindClient)
		span.Attributes().PutStr("db.system", "postgresql")
		span.Attributes().PutStr("db.name", "shop")
	}
	_, err := n.processTraces(t.Context(), td)
	require.NoError(t, err)
	var peers []string
	for _, resource := range td.ResourceSpans().All() {
		peer, found := resource.ScopeSpans().At(0).Spans().At(0).Attributes().Get("peer.service")
		require.True(t, found)
		peers = append(peers, peer.Str())
	}
	assert.Equal(t, []string{"shop", "bookings"}, peers)
}

// A name in lower case does not become that of the span before it, which keeps its case,
// because of letters that are not ASCII.
func TestCaseAfterCase(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Default = []string{"db-{db.namespace}"}
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, system := range []string{"mysql", "oracle"} {
		span := spans.AppendEmpty()
		span.SetKind(ptrace.SpanKindClient)
		span.Attributes().PutStr("db.system", system)
		span.Attributes().PutStr("db.name", "ÄrzteÖ")
	}
	_, err := newTestNamer(t, cfg).processTraces(t.Context(), td)
	require.NoError(t, err)
	for i, want := range []string{"db-ÄrzteÖ", "db-ärzteö"} {
		peer, _ := spans.At(i).Attributes().Get("peer.service")
		assert.Equal(t, want, peer.Str())
	}
}
