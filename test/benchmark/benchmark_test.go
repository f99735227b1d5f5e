// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package benchmark

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// round is the number of batches that are created at once while the timer is stopped.
const round = 10

// BenchmarkProcessors measures time and allocations per span. Creating the spans is not
// included. Each batch is fresh, as a receiver's is, so that growing the attributes is
// measured.
func BenchmarkProcessors(b *testing.B) {
	for i := range mixes {
		m := &mixes[i]
		for _, name := range pipelines {
			b.Run("spans="+m.name+"/by="+name, func(b *testing.B) {
				pipeline := newPipeline(b, name, consumertest.NewNop())
				// Fills the cache.
				require.NoError(b, pipeline.ConsumeTraces(b.Context(), m.batch(-1)))
				input := m.batch(0)
				var batches [round]ptrace.Traces
				b.ReportAllocs()
				b.ResetTimer()
				number := 0
				for done := 0; done < b.N; {
					b.StopTimer()
					for j := range batches {
						if m.statements == 0 {
							number++
							batches[j] = m.batch(number)
							continue
						}
						batches[j] = ptrace.NewTraces()
						input.CopyTo(batches[j])
					}
					b.StartTimer()
					for j := 0; j < round && done < b.N; j++ {
						require.NoError(b, pipeline.ConsumeTraces(b.Context(), batches[j]))
						done += batchSpans
					}
				}
			})
		}
	}
}
