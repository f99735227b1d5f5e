// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"
)

// BenchmarkDelivery compares durable_tail_sampling with and without a budget, from the
// arrival of a span to its delivery.
func BenchmarkDelivery(b *testing.B) {
	for _, policy := range []string{"always_sample", "span_budget"} {
		b.Run("policy="+policy, func(b *testing.B) { benchmark(b, policy, 1<<50) })
	}
	b.Run("policy=span_budget, nothing kept", func(b *testing.B) { benchmark(b, "span_budget", 1) })
}

func benchmark(b *testing.B, policy string, limit int) {
	ctx, host, off := b.Context(), extensions{}, componenttest.NewNopTelemetrySettings()
	_, err := startExtension(ctx, queuestorageextension.NewFactory(), storageID, map[string]any{"directory": b.TempDir()}, off, host)
	require.NoError(b, err)
	_, err = startExtension(ctx, spanbudgetextension.NewFactory(), budgetID, map[string]any{"spans_per_hour": limit, "storage": "queue_storage"}, off, host)
	require.NoError(b, err)
	sampling, err := startSampling(ctx, policy, "1s", b.N+1000, host, consumertest.NewNop())
	require.NoError(b, err)
	tr := newTraffic(1)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		b.StopTimer()
		td, spans := newSpans()
		for range 20 {
			r := tr.next(time.Now())
			r.add(spans, 0, r.spans, tr.random)
			n += r.spans
		}
		b.StartTimer()
		require.NoError(b, sampling.ConsumeTraces(ctx, td))
	}
	require.NoError(b, sampling.Shutdown(ctx))
	b.StopTimer()
	ctx = context.WithoutCancel(ctx)
	require.NoError(b, host[budgetID].Shutdown(ctx))
	require.NoError(b, host[storageID].Shutdown(ctx))
}
