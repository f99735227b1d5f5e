// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

func TestTelemetry(t *testing.T) {
	sandbox := startSandbox(t)
	const accepts = apm.Duration(time.Nanosecond)
	for _, fault := range []apm.Fault{
		{Status: 413},
		{Delay: accepts}, // the control
		{PartialSuccess: &apm.PartialSuccess{Rejected: 2, Message: "too old"}},
		{Status: 503},
		{Status: 422},
		{Delay: accepts},
		{Status: 422},
		{Delay: accepts},
		{Down: true},
	} {
		fault.Times = 1
		_, err := sandbox.AddFault(fault)
		require.NoError(t, err)
	}
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), directConfig(sandbox.URL()))
	require.NoError(t, err)
	start(t, exp)
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(10))) // 413, then a partial success and 503
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(1)))  // 422, twice
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(1)))  // down
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))

	attributes := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(more, attribute.String("exporter", "oci_apm"), attribute.String("signal", "traces"))...)
	}
	uploads := func(n int64, outcome string, more attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attributes(attribute.String("outcome", outcome), more)}
	}
	status := func(code int) attribute.KeyValue { return attribute.Int("http.response.status_code", code) }
	metadatatest.AssertEqualExporterOciApmUploads(t, telemetry, []metricdata.DataPoint[int64]{
		uploads(1, outcomeSplit, status(413)),
		uploads(3, outcomeControl, status(200)),
		uploads(1, outcomeSplit, status(422)),
		uploads(1, outcomeRetry, status(503)),
		uploads(2, outcomeAccepted, status(200)),
		uploads(1, outcomeDropped, status(422)),
		uploads(1, outcomeRetry, attribute.String("error.type", "connection_broken")),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	one := func(n int64) []metricdata.DataPoint[int64] {
		return []metricdata.DataPoint[int64]{{Value: n, Attributes: attributes()}}
	}
	metadatatest.AssertEqualExporterOciApmSplits(t, telemetry, one(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmRejectedItems(t, telemetry, one(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmDroppedItems(t, telemetry, one(1), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())

	// The bytes counted as uploaded are those on the wire.
	wire := int64(0)
	for _, upload := range sandbox.Uploads() {
		wire += upload.Bytes
	}
	uploaded, err := telemetry.GetMetric("otelcol_exporter_oci_apm_uploaded_bytes")
	require.NoError(t, err)
	counted := uploaded.Data.(metricdata.Sum[int64]).DataPoints[0].Value
	assert.GreaterOrEqual(t, counted, wire) // the sandbox does not read bodies that it refuses at once
	assert.Positive(t, wire)
}

// exporterhelper counts whole requests. Rejected items must not count as sent, however
// many attempts a request takes.
func TestSentItemsAreCounted(t *testing.T) {
	reader := newStrictReader(t)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	cfg := plainConfig(reader.url)
	cfg.RetryConfig.Enabled = true
	cfg.RetryConfig.InitialInterval = time.Millisecond
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), cfg)
	require.NoError(t, err)
	start(t, exp)

	reader.down.Store(12) // in the middle of the search for the first ones
	require.NoError(t, exp.ConsumeTraces(t.Context(), tracesWith(100, 7, 80)))
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(50)))
	require.Error(t, exp.ConsumeTraces(t.Context(), tracesWith(3, 0, 1, 2)))
	reader.rejects.Store(4)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(10)))

	total := func(name string) int64 {
		got, err := telemetry.GetMetric(name)
		require.NoError(t, err)
		return sum(t, got)
	}
	assert.EqualValues(t, 98+50+6, total("otelcol_exporter_sent_spans"))
	assert.EqualValues(t, 2+3+4, total("otelcol_exporter_send_failed_spans"))
	assert.EqualValues(t, 2+3, total("otelcol_exporter_oci_apm_dropped_items"))
}

// Items that were rejected in an earlier attempt do not count as sent when the rest
// arrives.
func TestSentItemsOfARetriedPart(t *testing.T) {
	sandbox := startSandbox(t)
	for _, fault := range []apm.Fault{
		{Status: 413},
		{Delay: apm.Duration(time.Nanosecond)}, // the control
		{PartialSuccess: &apm.PartialSuccess{Rejected: 2, Message: "too old"}},
		{Status: 503}, // the other half
	} {
		fault.Times = 1
		_, err := sandbox.AddFault(fault)
		require.NoError(t, err)
	}
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	cfg := directConfig(sandbox.URL())
	cfg.RetryConfig.Enabled = true
	cfg.RetryConfig.InitialInterval = time.Millisecond
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), cfg)
	require.NoError(t, err)
	start(t, exp)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(10)))
	for name, want := range map[string]int64{"otelcol_exporter_sent_spans": 8, "otelcol_exporter_send_failed_spans": 2} {
		got, err := telemetry.GetMetric(name)
		require.NoError(t, err)
		assert.Equal(t, want, sum(t, got), name)
	}
}

// sum adds up the points of a counter.
func sum(t *testing.T, counter metricdata.Metrics) (sum int64) {
	t.Helper()
	data, ok := counter.Data.(metricdata.Sum[int64])
	require.True(t, ok)
	for _, point := range data.DataPoints {
		sum += point.Value
	}
	return sum
}
