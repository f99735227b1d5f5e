// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor/internal/metadatatest"
)

func TestFactory(t *testing.T) {
	factory := NewFactory()
	assert.Equal(t, "db_span_enricher", factory.Type().String())
	assert.Equal(t, "dbspanenricher", metadata.DeprecatedType.String())
	alias, ok := factory.(interface{ DeprecatedAlias() component.Type })
	require.True(t, ok)
	assert.Equal(t, metadata.DeprecatedType, alias.DeprecatedAlias())
	require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
}

// The processor has metrics, and declares that it mutates data.
func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	set := metadatatest.NewSettings(tel)
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	assert.True(t, p.Capabilities().MutatesData)

	for range 2 {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, text := range []string{"SELECT 1 FROM dual", "SELECT 1 FROM dual", "what is this", ""} {
			span := spans.AppendEmpty()
			span.SetKind(ptrace.SpanKindClient)
			span.Attributes().PutStr("db.system", "oracle")
			span.Attributes().PutStr("db.statement", text)
		}
		spans.AppendEmpty().SetKind(ptrace.SpanKindServer)
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
	}
	assert.Equal(t, 10, sink.SpanCount())

	ignore := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualProcessorDbSpanEnricherSpans(t, tel, []metricdata.DataPoint[int64]{{Value: 8}}, ignore)
	metadatatest.AssertEqualProcessorDbSpanEnricherCacheHits(t, tel, []metricdata.DataPoint[int64]{{Value: 4}}, ignore)
	metadatatest.AssertEqualProcessorDbSpanEnricherCacheMisses(t, tel, []metricdata.DataPoint[int64]{{Value: 2}}, ignore)
	metadatatest.AssertEqualProcessorDbSpanEnricherUnparsedStatements(t, tel, []metricdata.DataPoint[int64]{{Value: 2}}, ignore)
	require.NoError(t, p.Shutdown(t.Context()))
	require.NoError(t, tel.Shutdown(t.Context()))
}

func TestCreateTracesWithNopSettings(t *testing.T) {
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, p.Shutdown(t.Context()))
}
