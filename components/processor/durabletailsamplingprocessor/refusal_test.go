// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadatatest"
)

var errQueueFull = errors.New("sending queue is full")

// byHand stops the background work, so that a test calls redeliver and persist
// itself.
func byHand(p *durable) {
	close(p.stop)
	<-p.stopped
	p.stop = nil
}

// awaitHeld waits until a given number of traces is held, and none waits for a
// decision.
func awaitHeld(t *testing.T, p *durable, traces int) {
	t.Helper()
	require.Eventually(t, func() bool { return p.ledger.held() == traces && p.ledger.len() == traces }, wait, poll)
}

// Refused spans stay in the storage until the next component accepts them. New
// spans are accepted meanwhile, and delivered after them.
func TestRefused(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	core, logs := observer.New(zap.InfoLevel)
	tel := componenttest.NewTelemetry()
	set := metadatatest.NewSettings(tel)
	set.Logger = zap.New(core)
	p := startWith(t, set, load(t, "all"), h, out)
	want := map[string]int{}
	for n := range uint64(600) {
		name := strconv.FormatUint(n, 10)
		want[name] = 1
		want[name+"x"] = 1
		require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{n, name}, spanOf{1000, name + "x"})))
	}
	awaitHeld(t, p, 601)
	metadatatest.AssertEqualProcessorDurableTailSamplingHeldTraces(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 601}}, metricdatatest.IgnoreTimestamp())
	assert.Equal(t, componentstatus.StatusRecoverableError, h.lastStatus())
	assert.Len(t, logs.FilterMessageSnippet("refuses sampled spans").All(), 1)
	assert.Empty(t, out.got())
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{2000, "new"})))
	want["new"] = 1

	out.refuse(nil)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, want, out.got())
		assert.Zero(c, p.ledger.len())
		assert.Empty(c, store.keys(c))
		assert.Equal(c, componentstatus.StatusOK, h.lastStatus())
	}, wait, poll)
	assert.Len(t, logs.FilterMessageSnippet("accepts sampled spans again").All(), 1)
	assert.Len(t, logs.FilterMessageSnippet("refuses sampled spans").All(), 1)
	require.NoError(t, tel.Shutdown(context.Background()))
}

// Held traces count towards num_traces. As soon as there is room, new spans are
// accepted again.
func TestHeldIsBounded(t *testing.T) {
	t.Parallel()
	h, _ := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	cfg := load(t, "all")
	cfg.Sampling.NumTraces = 3
	p := start(t, cfg, h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{2, "b"})))
	awaitHeld(t, p, 2)
	byHand(p)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{3, "c"})))
	err := p.ConsumeTraces(t.Context(), traces(spanOf{4, "d"}))
	require.ErrorContains(t, err, "3 traces wait for a decision or for the next component, the maximum of num_traces")
	assert.False(t, consumererror.IsPermanent(err))
	awaitHeld(t, p, 3)

	out.answers(accept(1))
	p.redeliver(t.Context())
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{4, "d"})))
	awaitHeld(t, p, 3)
	out.refuse(nil)
	p.redeliver(t.Context())
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, out.got())
}

// accept returns an answer function that accepts a number of calls and refuses
// the rest.
func accept(offers int) func(ptrace.Traces) error {
	return func(ptrace.Traces) error {
		if offers == 0 {
			return errQueueFull
		}
		offers--
		return nil
	}
}

// A next component that accepts a few calls at a time makes progress with each
// of them: accepted spans are not redelivered, and each round ends with the
// first refusal.
func TestSlowDownstream(t *testing.T) {
	t.Parallel()
	const held, atATime = 100, 7
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, load(t, "all"), h, out)
	want := map[string]int{}
	consume := func(td ptrace.Traces) {
		for _, name := range spanNames(td) {
			want[name] = 1
		}
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
	}
	for n := range uint64(held) { // each trace in two batches and in two resources, each batch with five traces
		name := strconv.FormatUint(n, 10)
		batch := []spanOf{{n, name}, {n, name + "'"}, {(n + 1) % held, name + "+"}, {(n + 7) % held, name + "/"}}
		consume(requests(traces(batch...), traces(spanOf{n, name + "r"}, spanOf{(n + 3) % held, name + "*"})))
	}
	awaitHeld(t, p, held)
	byHand(p)
	offers, accepted, rounds := out.offers(), 0, 0
	for p.ledger.held() > 0 {
		if rounds%10 == 0 { // new traces keep arriving, and have to wait their turn
			consume(traces(spanOf{uint64(1000 + rounds), fmt.Sprintf("new %d", rounds)}))
			before := p.ledger.held()
			require.Eventually(t, func() bool { return p.ledger.held() == before+1 }, wait, poll)
			require.Equal(t, offers, out.offers(), "a new trace is offered before those that are held")
		}
		out.answers(accept(atATime))
		again := p.redeliver(t.Context())
		rounds++
		got := out.got()
		if p.ledger.held() > 0 {
			require.Equal(t, minRetry, again)
			require.Equal(t, offers+atATime+1, out.offers())
		}
		offers = out.offers()
		require.Greater(t, len(got), accepted, "no progress")
		accepted = len(got)
		require.NoError(t, p.persist(t.Context()))
	}
	assert.Equal(t, want, out.got())
	assert.Empty(t, store.keys(t))
	assert.Zero(t, p.ledger.len())
}

// While the next component accepts nothing, the time between two attempts
// grows.
func TestRetryInterval(t *testing.T) {
	t.Parallel()
	h, _ := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{2, "b"})))
	awaitHeld(t, p, 2)
	byHand(p)
	p.retry = 0
	for want := minRetry; want < tidyInterval; want *= 2 {
		assert.Equal(t, want, p.tidy(t.Context()))
	}
	assert.Equal(t, tidyInterval, p.tidy(t.Context()))
	assert.Equal(t, tidyInterval, p.tidy(t.Context()))
	out.answers(accept(1))
	assert.Equal(t, minRetry, p.tidy(t.Context()))
	out.refuse(nil)
	assert.Equal(t, tidyInterval, p.tidy(t.Context()))
	assert.Zero(t, p.ledger.len())
}

// A next component at its limit is reported once, not each time.
func TestCalm(t *testing.T) {
	t.Parallel()
	h, _ := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"})))
	awaitHeld(t, p, 1)
	byHand(p)
	out.refuse(nil)
	p.tidy(t.Context())
	assert.Zero(t, p.ledger.len())
	p.tidy(t.Context())
	assert.Equal(t, componentstatus.StatusRecoverableError, h.lastStatus())

	out.refuse(errQueueFull)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{2, "b"})))
	awaitHeld(t, p, 1)
	out.refuse(nil)
	p.tidy(t.Context())
	p.tidy(t.Context())
	assert.Equal(t, componentstatus.StatusRecoverableError, h.lastStatus(), "it has refused again")
	p.tidy(t.Context())
	assert.Equal(t, componentstatus.StatusOK, h.lastStatus())
}

// A large number of batches is redelivered without a pause, and deleted in
// between.
func TestManyBatches(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, load(t, "all"), h, out)
	for n := range uint64(redeliveredBatches + 1) {
		require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{n, strconv.FormatUint(n, 10)})))
	}
	awaitHeld(t, p, redeliveredBatches+1)
	byHand(p)
	out.refuse(nil)
	assert.Zero(t, p.tidy(t.Context()))
	assert.Len(t, slices.DeleteFunc(store.keys(t), func(key string) bool { return key[0] == 'h' }), 1)
	assert.Equal(t, tidyInterval, p.tidy(t.Context()))
	assert.Empty(t, store.keys(t))
	assert.Len(t, out.got(), redeliveredBatches+1)
}

// A batch is read once while the next component makes progress with it, and is
// not kept in memory while it makes none.
func TestBatchInHand(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{2, "b"}, spanOf{3, "c"}, spanOf{4, "d"})))
	awaitHeld(t, p, 4)
	byHand(p)
	p.tidy(t.Context())
	assert.Empty(t, p.hand)
	out.answers(accept(1))
	p.tidy(t.Context())
	assert.Len(t, p.hand, 2)
	assert.Equal(t, 3, p.ledger.held())

	store.set(func(s *crashingStorage) { s.broken = errors.New("input/output error") })
	out.answers(accept(1))
	p.tidy(t.Context())
	assert.Empty(t, p.hand)
	assert.Len(t, out.got(), 2)
	store.set(func(s *crashingStorage) { s.broken = nil })
	out.refuse(nil)
	p.tidy(t.Context())
	p.tidy(t.Context())
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, out.got())
	assert.Empty(t, store.keys(t))
}

// A trace that the next component always refuses does not block others.
func TestRefusedAlways(t *testing.T) {
	t.Parallel()
	h, _ := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.answers(func(td ptrace.Traces) error {
		if slices.Contains(spanNames(td), "never") {
			return errQueueFull
		}
		return nil
	})
	p := start(t, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "never"}, spanOf{2, "a"}, spanOf{3, "b"})))
	want := map[string]int{"a": 1, "b": 1}
	require.Eventually(t, func() bool { return p.ledger.len() == 1 }, wait, poll)
	for n := range uint64(5) {
		name := strconv.FormatUint(n, 10)
		want[name] = 1
		require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{10 + n, name})))
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, out.got()) }, wait, poll)
	assert.Equal(t, 1, p.ledger.len())
}

// Permanently rejected spans are dropped, counted and logged, on the first
// attempt and on a retry.
func TestRejectedPermanently(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	permanent := consumererror.NewPermanent(errors.New("not for me"))
	out.refuse(permanent)
	core, logs := observer.New(zap.ErrorLevel)
	tel := componenttest.NewTelemetry()
	set := metadatatest.NewSettings(tel)
	set.Logger = zap.New(core)
	p := startWith(t, set, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{1, "b"})))
	require.Eventually(t, func() bool { return p.ledger.len() == 0 }, wait, poll)
	metadatatest.AssertEqualProcessorDurableTailSamplingDroppedSpans(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())

	out.refuse(errQueueFull)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{2, "c"})))
	awaitHeld(t, p, 1)
	out.refuse(permanent)
	require.Eventually(t, func() bool { return p.ledger.len() == 0 && len(store.keys(t)) == 0 }, wait, poll)
	metadatatest.AssertEqualProcessorDurableTailSamplingDroppedSpans(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	assert.Len(t, logs.FilterMessageSnippet("rejects sampled spans permanently; they are dropped").All(), 2)
	require.NoError(t, tel.Shutdown(context.Background()))
}

// If a trace is in several batches, only the refused parts are retried.
func TestLateSpansRefused(t *testing.T) {
	t.Parallel()
	h, _ := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	p := start(t, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{2, "b"})))
	want := map[string]int{"a": 1, "b": 1}
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, out.got()) }, wait, poll)
	out.answers(func(td ptrace.Traces) error {
		if slices.Contains(spanNames(td), "late 1") {
			return errQueueFull
		}
		return nil
	})
	require.NoError(t, p.ConsumeTraces(t.Context(), requests(
		traces(spanOf{1, "late 0"}), traces(spanOf{1, "late 1"}), traces(spanOf{1, "late 2"}, spanOf{3, "new"}),
	)))
	require.Eventually(t, func() bool { return p.ledger.held() > 0 }, wait, poll)
	out.refuse(nil)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a": 1, "b": 1, "late 0": 1, "late 1": 1, "late 2": 1, "new": 1}, out.got())
	}, wait, poll)
	require.Eventually(t, func() bool { return p.ledger.len() == 0 }, wait, poll)
}

// Redelivered spans equal those received: resources, scopes, schemas and spans.
func TestSplit(t *testing.T) {
	td := requests(
		traces(spanOf{1, "a"}, spanOf{2, "b"}, spanOf{1, "c"}, spanOf{3, "d"}),
		traces(spanOf{3, "e"}), traces(spanOf{2, "f"}, spanOf{1, "g"}),
	)
	second := td.ResourceSpans().At(2)
	second.SetSchemaUrl("resource schema")
	second.Resource().Attributes().PutStr("service.name", "second")
	second.ScopeSpans().At(0).Scope().SetName("first scope")
	scope := second.ScopeSpans().AppendEmpty()
	scope.SetSchemaUrl("scope schema")
	scope.Scope().SetName("second scope")
	late := scope.Spans().AppendEmpty()
	late.SetTraceID(traceID(1))
	late.SetName("h")

	missing := heldPart{trace: traceID(1), resource: 1}
	pieces, gone := split(td, []heldPart{{trace: traceID(2)}, {trace: traceID(1)}, missing, {trace: traceID(1), resource: 2}})
	assert.Equal(t, []heldPart{missing}, gone)
	require.Len(t, pieces, 2)
	assert.Equal(t, []heldPart{{trace: traceID(2)}}, pieces[0].parts)
	assert.Equal(t, []string{"b"}, spanNames(pieces[0].spans))
	assert.Equal(t, []heldPart{{trace: traceID(1)}, {trace: traceID(1), resource: 2}}, pieces[1].parts)
	assert.Equal(t, []string{"a", "c", "g", "h"}, spanNames(pieces[1].spans))

	got := pieces[1].spans.ResourceSpans()
	require.Equal(t, 2, got.Len())
	assert.Equal(t, "resource schema", got.At(1).SchemaUrl())
	assert.Equal(t, map[string]any{"service.name": "second"}, got.At(1).Resource().Attributes().AsRaw())
	require.Equal(t, 2, got.At(1).ScopeSpans().Len())
	assert.Equal(t, "first scope", got.At(1).ScopeSpans().At(0).Scope().Name())
	assert.Equal(t, "second scope", got.At(1).ScopeSpans().At(1).Scope().Name())
	assert.Equal(t, "scope schema", got.At(1).ScopeSpans().At(1).SchemaUrl())
}
