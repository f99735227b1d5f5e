// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor/internal/metadatatest"
)

func TestFactory(t *testing.T) {
	factory := NewFactory()
	assert.Equal(t, "peer_service", factory.Type().String())
	assert.Equal(t, "peerservice", metadata.DeprecatedType.String())
	alias, ok := factory.(interface{ DeprecatedAlias() component.Type })
	require.True(t, ok)
	assert.Equal(t, metadata.DeprecatedType, alias.DeprecatedAlias())
	require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
}

func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	sink := new(consumertest.TracesSink)
	cfg := createDefaultConfig().(*Config)
	rule, nothing := "adb", ""
	cfg.Rules = []RuleConfig{
		{Match: map[string]any{"server.address": "adb*"}, Name: &rule},
		{Match: map[string]any{"db.system": "redis"}, Name: &nothing},
	}
	p, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(tel), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	assert.True(t, p.Capabilities().MutatesData)

	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, raw := range []map[string]any{
		{"db.system": "oracle", "server.address": "adb1"},
		{"db.system": "oracle", "server.address": "adb2"},
		{"db.system": "oracle"},
		{"db.system": "redis"},
		{"db.system": "oracle", "peer.service": "mine"},
		{"http.method": "GET"},
	} {
		span := spans.AppendEmpty()
		span.SetKind(ptrace.SpanKindClient)
		require.NoError(t, span.Attributes().FromRaw(raw))
	}
	spans.AppendEmpty().SetKind(ptrace.SpanKindServer)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	assert.Equal(t, 7, sink.SpanCount())

	source := func(name string) attribute.Set { return attribute.NewSet(attribute.String("source", name)) }
	metadatatest.AssertEqualProcessorPeerServiceSpans(t, tel, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: source("rule")},
		{Value: 1, Attributes: source("default")},
		{Value: 1, Attributes: source("application")},
		{Value: 1, Attributes: source("none")},
	}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, p.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
}

// An invalid configuration that was not validated creates no processor.
func TestCreateTracesRefusesWhatIsWrong(t *testing.T) {
	tel := componenttest.NewTelemetry()
	_, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(tel), &Config{}, consumertest.NewNop())
	require.ErrorContains(t, err, "kinds: is empty")
	require.NoError(t, tel.Shutdown(t.Context()))
}
