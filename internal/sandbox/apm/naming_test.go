// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The first five are the examples in Oracle's quickstart.
func TestAttributeName(t *testing.T) {
	for name, want := range map[string]string{
		"k8s.deployment.name": "K8sDeploymentName", "service.name": "ServiceName", "http.url": "HttpUrl",
		"http.user_agent": "HttpUserAgent", "process.runtime.version": "ProcessRuntimeVersion",
		"DbStatement": "DbStatement", "rows": "Rows", "über.x": "ÜberX", "": "", "..": "",
	} {
		assert.Equal(t, want, AttributeName(name), name)
	}
}

// Spans keep the names that they got on arrival.
func TestNaming(t *testing.T) {
	s := newStore(100, DefaultMaxBytes)
	server := &Server{store: s}
	put := func(id byte) {
		traces := ptrace.NewTraces()
		spans := traces.ResourceSpans().AppendEmpty()
		spans.Resource().Attributes().PutStr("service.name", "shop")
		span := spans.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{id})
		span.SetSpanID(pcommon.SpanID{id})
		span.SetKind(ptrace.SpanKindClient)
		span.SetName("call")
		span.Attributes().PutStr("peer.service", "db")
		span.Attributes().PutStr("PeerService", "own")
		s.putTraces(traces)
	}
	put(1)
	seen := map[string]string{}
	server.SetNaming(func(attributes func(string) (string, bool)) bool {
		for _, name := range []string{"TRACEID", "servicename", "OperationName", "kind", "Peer.Service", "PeerService", "absent"} {
			if value, ok := attributes(name); ok {
				seen[name] = value
			}
		}
		return false
	})
	put(2)
	assert.Equal(t, map[string]string{
		"TRACEID": "02000000000000000000000000000000", "servicename": "shop", "OperationName": "call", "kind": "CLIENT", "Peer.Service": "db", "PeerService": "own",
	}, seen)

	before, after := server.Spans(pcommon.TraceID{1})[0], server.Spans(pcommon.TraceID{2})[0]
	assert.True(t, before.Converted)
	assert.False(t, after.Converted)
	assert.Equal(t, "own", before.Tags["PeerService"].AsString(), "APM's own name is the one that counts")
	assert.NotContains(t, before.Tags, "peer.service")
	assert.Equal(t, "db", after.Tags["peer.service"].AsString())
	assert.Empty(t, server.Spans(pcommon.TraceID{3}))
	assert.Len(t, server.AllSpans(), 2)
}
