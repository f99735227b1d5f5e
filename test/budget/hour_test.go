// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"flag"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var hourly = flag.Int("spans-per-hour", 100_000, "the budget of TestHour, whose traffic is ten times as much")

// hourOutcome is what was decided in an hour.
type hourOutcome struct {
	decided            int // spans
	estimate, variance float64
	traces             int // that began in the hour
	roots              int
}

// Three hours at ten times the budget, through durable_tail_sampling and the journal on
// disk, by a fake clock.
func TestHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const hours = 3
		limit := *hourly
		begin := time.Now()
		var mu sync.Mutex // held and new spans may be delivered at the same time
		var outcomes [hours + 1]hourOutcome
		delivered := map[pcommon.TraceID]int{}
		unmarked, lateSpans := 0, 0
		next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
			mu.Lock()
			defer mu.Unlock()
			o := &outcomes[int(time.Since(begin)/time.Hour)]
			o.decided += td.SpanCount()
			eachSpan(td, func(span ptrace.Span) {
				delivered[span.TraceID()]++
				if span.TraceState().AsRaw() == "" {
					unmarked++
				}
				if span.ParentSpanID().IsEmpty() {
					weight := 1.0
					if count, ok := span.Attributes().Get("sampling.adjusted_count"); ok {
						weight = count.Double()
					}
					o.roots++
					o.estimate += weight
					o.variance += weight * (weight - 1)
				}
			})
			return nil
		})
		require.NoError(t, err)
		s, err := start(t.Context(), t.TempDir(), "5s", map[string]any{"spans_per_hour": limit}, next)
		require.NoError(t, err)

		tr := newTraffic(1)
		var failed, slow []request
		later := map[int][]request{}
		for second := range hours*3600 - 30 { // late spans follow
			td, spans := newSpans()
			for n := tr.poisson(float64(limit) * 10 / 3600 / 12); n > 0; n-- {
				r := tr.next(time.Now())
				r.add(spans, 0, r.spans-r.late, tr.random)
				if r.late > 0 {
					later[second+20] = append(later[second+20], r)
				}
				mu.Lock()
				outcomes[second/3600].traces++
				mu.Unlock()
				switch {
				case r.failed:
					failed = append(failed, r)
				case r.slow:
					slow = append(slow, r)
				}
			}
			for _, r := range later[second] {
				r.add(spans, r.spans-r.late, r.spans, tr.random)
				lateSpans += r.late
			}
			delete(later, second)
			require.NoError(t, s.sampling.ConsumeTraces(t.Context(), td))
			time.Sleep(time.Second)
		}
		for second := hours*3600 - 30; second < hours*3600-10; second++ {
			td, spans := newSpans()
			for _, r := range later[second] {
				r.add(spans, r.spans-r.late, r.spans, tr.random)
			}
			require.NoError(t, s.sampling.ConsumeTraces(t.Context(), td))
			time.Sleep(time.Second)
		}
		s.shutdown(t)

		for n, o := range outcomes[:hours] {
			deviation, bound := o.estimate/float64(o.traces)-1, 1.96*math.Sqrt(o.variance)/o.estimate
			t.Logf("hour %d: decided %d of %d spans (%.1f %%), %d of %d traces; estimate %+.2f %% (95 %%: ±%.2f)",
				n+1, o.decided, limit, 100*float64(o.decided)/float64(limit), o.roots, o.traces, 100*deviation, 100*bound)
			assert.LessOrEqual(t, o.decided, limit)
			assert.GreaterOrEqual(t, o.decided, limit*9/10)
			assert.LessOrEqual(t, math.Abs(deviation), 2*bound)
		}
		whole, lateErrors, lateErrorsKept, slowKept := 0, 0, 0, 0
		for _, r := range failed {
			kept := delivered[r.id]
			switch {
			case r.isLateError():
				lateErrors++
				lateErrorsKept += min(kept, 1)
			case kept == r.spans:
				whole++
			}
		}
		for _, r := range slow {
			if delivered[r.id] > 0 {
				slowKept++
			}
		}
		t.Logf("%d of %d traces with errors are whole, and of %d errors that came late %d are kept; %d of %d slow ones kept; %d late spans sent; %d spans without a threshold",
			whole, len(failed)-lateErrors, lateErrors, lateErrorsKept, slowKept, len(slow), lateSpans, unmarked)
		assert.Equal(t, len(failed)-lateErrors, whole)
		assert.Equal(t, lateErrors, lateErrorsKept)
		assert.GreaterOrEqual(t, slowKept*100, len(slow)*99)
		assert.Zero(t, unmarked)
	})
}
