// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/pkg/samplingpolicy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

var budgetID = component.MustNewID(spanbudget.TypeName)

// fakeBudget keeps the traces with an even number at one in two, and those with an error.
type fakeBudget struct {
	extension.Extension

	half sampling.Threshold

	mu        sync.Mutex
	delivered map[uint64]int
	full      bool

	lateErrors []int // the numbers of spans that were decided on
}

func (*fakeBudget) Start(context.Context, component.Host) error { return nil }
func (*fakeBudget) Shutdown(context.Context) error              { return nil }

func (b *fakeBudget) NewEvaluator(string, map[string]any) (samplingpolicy.Evaluator, error) {
	return b, nil
}

func (*fakeBudget) IsStateful() bool { return true }

func (*fakeBudget) Evaluate(_ context.Context, id pcommon.TraceID, _ *samplingpolicy.TraceData) (samplingpolicy.Decision, error) {
	if id[15]%2 == 0 {
		return samplingpolicy.Sampled, nil
	}
	return samplingpolicy.NotSampled, nil
}

func (b *fakeBudget) Delivered(id pcommon.TraceID, spans int) (spanbudget.Verdict, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return spanbudget.Verdict{}, false
	}
	b.delivered[uint64(id[15])] += spans
	return spanbudget.Verdict{Class: spanbudget.ClassOrdinary, Threshold: b.half}, true
}

func (b *fakeBudget) LateError(id pcommon.TraceID, _ pcommon.Resource, spans []ptrace.Span) (spanbudget.Verdict, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lateErrors = append(b.lateErrors, len(spans))
	return spanbudget.Verdict{Class: spanbudget.ClassError, Threshold: sampling.AlwaysSampleThreshold}, id[15] != 9
}

func (*fakeBudget) Folded(pcommon.TraceID, int) {}

func (b *fakeBudget) counted(trace uint64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.delivered[trace]
}

// noted is what a delivered span says of its sampling.
type noted struct {
	state, reason string
	count         float64
}

// notingSink records what spans say of their sampling, by name.
func notingSink(got map[string]noted) func(ptrace.Traces) error {
	return func(td ptrace.Traces) error {
		for _, resource := range td.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					n := noted{state: span.TraceState().AsRaw()}
					if reason, ok := span.Attributes().Get("sampling.reason"); ok {
						n.reason = reason.Str()
					}
					if count, ok := span.Attributes().Get("sampling.adjusted_count"); ok {
						n.count = count.Double()
					}
					got[span.Name()] = n
				}
			}
		}
		return nil
	}
}

func budgetConfig(t *testing.T) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"storage": "file_storage", "decision_wait": "1s", "num_traces": 1000,
		"policies": []any{map[string]any{"name": "budget", "type": "span_budget"}},
	}).Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	return cfg
}

// startBudget starts a processor with a budget on a storage folder.
func startBudget(t *testing.T, folder string, next *sink) (*durable, *fakeBudget, *crashingStorage) {
	t.Helper()
	h, files := newFileStorage(t, folder, 0)
	budget := &fakeBudget{delivered: map[uint64]int{}, half: threshold(t, 0.5)}
	h.extensions[budgetID] = budget
	return start(t, budgetConfig(t), h, next), budget, files
}

func threshold(t *testing.T, probability float64) sampling.Threshold {
	t.Helper()
	th, err := sampling.ProbabilityToThresholdWithPrecision(probability, 4)
	require.NoError(t, err)
	return th
}

var (
	halfKept  = noted{state: "ot=th:8", reason: "ordinary", count: 2}
	errorKept = noted{state: "ot=th:0", reason: "error"}
)

func TestBudgetIsWrittenOnSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := map[string]noted{}
		next := newSink()
		next.answers(notingSink(got))
		d, budget, _ := startBudget(t, t.TempDir(), next)
		td := traces(spanOf{2, "early"}, spanOf{2, "stricter"}, spanOf{2, "milder"}, spanOf{2, "vendor"}, spanOf{2, "odd"}, spanOf{2, "contradicting"}, spanOf{1, "not kept"})
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			switch span.Name() {
			case "stricter":
				span.TraceState().FromRaw("ot=th:c;rv:ffffffffffffff")
			case "contradicting": // this id has not passed such a sampler
				span.TraceState().FromRaw("ot=th:c")
			case "milder":
				span.TraceState().FromRaw("ot=th:4;rv:ffffffffffffff")
			case "vendor":
				span.TraceState().FromRaw("vendor=1")
			case "odd":
				span.TraceState().FromRaw("ot=th:xyz")
			}
		}
		require.NoError(t, d.ConsumeTraces(t.Context(), td))
		time.Sleep(wait)
		synctest.Wait()
		assert.Equal(t, 6, budget.counted(2))
		require.NoError(t, d.ConsumeTraces(t.Context(), traces(spanOf{2, "late"}, spanOf{1, "late, not kept"})))
		time.Sleep(wait)
		synctest.Wait()
		assert.Equal(t, 7, budget.counted(2))
		assert.Equal(t, map[string]noted{
			"early":         halfKept,
			"late":          halfKept,
			"stricter":      {state: "ot=th:c;rv:ffffffffffffff", reason: "ordinary", count: 4},
			"contradicting": halfKept,
			"milder":        {state: "ot=rv:ffffffffffffff;th:8", reason: "ordinary", count: 2},
			"vendor":        {state: "ot=th:8,vendor=1", reason: "ordinary", count: 2},
			"odd":           {state: "ot=th:xyz", reason: "ordinary", count: 2},
		}, got)
	})
}

func TestBudgetIsWrittenOnHeldSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		refusing := newSink()
		refusing.refuse(errors.New("queue full"))
		d, _, files := startBudget(t, folder, refusing)
		require.NoError(t, d.ConsumeTraces(t.Context(), traces(spanOf{2, "held"}, spanOf{4, "also held"})))
		time.Sleep(wait)
		synctest.Wait()
		files.crash(t)

		got := map[string]noted{}
		next := newSink()
		next.answers(notingSink(got))
		_, budget, _ := startBudget(t, folder, next)
		time.Sleep(wait)
		synctest.Wait()
		assert.Equal(t, map[string]noted{"held": halfKept, "also held": halfKept}, got)
		assert.Zero(t, budget.counted(2), "the first process has counted them")
	})
}

func TestLateErrorsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := map[string]noted{}
		next := newSink()
		next.answers(notingSink(got))
		d, budget, files := startBudget(t, t.TempDir(), next)
		require.NoError(t, d.ConsumeTraces(t.Context(), traces(spanOf{1, "early"}, spanOf{3, "early too"}, spanOf{9, "early also"})))
		time.Sleep(wait)
		synctest.Wait()
		assert.Empty(t, got)
		td := traces(spanOf{1, "error, late"}, spanOf{3, "late"}, spanOf{1, "beside the error"}, spanOf{9, "error without room"})
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutDouble("sampling.adjusted_count", 1000) // by the app
		require.NoError(t, d.ConsumeTraces(t.Context(), td))
		time.Sleep(wait)
		synctest.Wait()
		assert.Equal(t, map[string]noted{"error, late": errorKept, "beside the error": errorKept}, got)
		assert.Equal(t, []int{2, 1}, budget.lateErrors, "each trace is decided on once")
		assert.Zero(t, d.ledger.len())
		assert.Zero(t, d.ledger.held())
		assert.False(t, d.ledger.isBehind())
		assert.Empty(t, files.keys(t))
	})
}

func TestSpansWithoutRoomAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := newSink()
		d, budget, files := startBudget(t, t.TempDir(), next)
		budget.full = true
		require.NoError(t, d.ConsumeTraces(t.Context(), traces(spanOf{2, "cut off"})))
		time.Sleep(wait)
		synctest.Wait()
		assert.Empty(t, next.got())
		assert.Zero(t, d.ledger.len())
		assert.Empty(t, files.keys(t))
	})
}

func TestBudgetConfig(t *testing.T) {
	budget := map[string]any{"name": "budget", "type": "span_budget/second"}
	part := []any{map[string]any{"name": "part", "type": "span_budget"}}
	for name, test := range map[string]struct {
		policies []any
		wanted   string
	}{
		"alone": {policies: []any{budget}},
		"beside drop": {policies: []any{budget, map[string]any{"name": "health", "type": "drop", "drop": map[string]any{
			"drop_sub_policy": []any{map[string]any{"name": "all", "type": "always_sample"}},
		}}}},
		"beside another": {
			policies: []any{map[string]any{"name": "errors", "type": "status_code"}, budget},
			wanted:   "policies: errors: a policy beside the span_budget budget would keep traces that the budget neither counts nor weighs; remove it, or make it a policy of type drop",
		},
		"twice": {
			policies: []any{budget, map[string]any{"name": "more", "type": "span_budget"}},
			wanted:   "policies: more: a policy beside the span_budget budget would keep traces that the budget neither counts nor weighs; remove it, or make it a policy of type drop",
		},
		"in and": {
			policies: []any{map[string]any{"name": "both", "type": "and", "and": map[string]any{"and_sub_policy": part}}},
			wanted:   "policies: both: a span_budget cannot be part of another policy; write it as a policy of its own",
		},
		"in drop": {
			policies: []any{map[string]any{"name": "both", "type": "drop", "drop": map[string]any{"drop_sub_policy": part}}},
			wanted:   "policies: both: a span_budget cannot be part of another policy; write it as a policy of its own",
		},
		"in composite": {
			policies: []any{map[string]any{"name": "both", "type": "composite", "composite": map[string]any{"composite_sub_policy": part}}},
			wanted:   "policies: both: a span_budget cannot be part of another policy; write it as a policy of its own",
		},
		"in not": {
			policies: []any{map[string]any{"name": "both", "type": "not", "not": map[string]any{"not_sub_policy": part[0]}}},
			wanted:   "policies: both: a span_budget cannot be part of another policy; write it as a policy of its own",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, confmap.NewFromStringMap(map[string]any{"storage": "file_storage", "policies": test.policies}).Unmarshal(cfg))
			err := cfg.Validate()
			if test.wanted == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, test.wanted)
		})
	}
}

func TestStartWithoutBudget(t *testing.T) {
	h, _ := newFileStorage(t, t.TempDir(), 0)
	set := func(wanted string) {
		d, err := newDurable(t.Context(), processortest.NewNopSettings(metadata.Type), *budgetConfig(t), newSink())
		require.NoError(t, err)
		assert.EqualError(t, d.Start(t.Context(), h), wanted)
	}
	set("policies: there is no extension span_budget; list it in service::extensions")
	h.extensions[budgetID] = h.extensions[storageID]
	set("policies: the extension span_budget keeps no budget; name a span_budget")
}
