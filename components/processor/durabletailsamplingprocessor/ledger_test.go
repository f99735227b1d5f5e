// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/cache"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

func newTestLedger(t *testing.T) (l *ledger, finished *[]uint64) {
	t.Helper()
	sampled, err := cache.NewLRUDecisionCache(10)
	require.NoError(t, err)
	notSampled, err := cache.NewLRUDecisionCache(10)
	require.NoError(t, err)
	finished = new([]uint64)
	return newLedger(sampled, notSampled, func(number uint64) { *finished = append(*finished, number) }), finished
}

// requests returns a request with one ResourceSpans for each argument.
func requests(parts ...ptrace.Traces) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, part := range parts {
		part.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// marked returns the mark of a trace in the nth ResourceSpans of a batch.
func marked(td ptrace.Traces, trace uint64, n int) markedPart {
	mark, _ := td.ResourceSpans().At(n).Resource().Attributes().Get(markAttribute)
	return markedPart{trace: traceID(trace), mark: mark.Int()}
}

// A batch is needed until all its parts are delivered or dropped, in any order.
func TestLedger(t *testing.T) {
	l, finished := newTestLedger(t)
	one := requests(traces(spanOf{1, "a"}, spanOf{2, "b"}, spanOf{1, "c"}), traces(spanOf{1, "d"}))
	two := traces(spanOf{1, "e"})
	l.register(1, one)
	l.register(2, two)
	assert.Equal(t, 2, l.len())

	l.delivered([]markedPart{marked(two, 1, 0)})
	assert.Equal(t, []uint64{2}, *finished)
	l.delivered([]markedPart{marked(one, 1, 1), marked(one, 1, 0)})
	assert.Equal(t, []uint64{2}, *finished)
	assert.Equal(t, 1, l.len())
	l.drop(traceID(2))
	assert.Equal(t, []uint64{2, 1}, *finished)
	assert.Zero(t, l.len())

	l.delivered([]markedPart{marked(one, 1, 0), {trace: traceID(7), mark: 7}}) // a mark that does not exist
	assert.Equal(t, []uint64{2, 1}, *finished)
}

// Late spans of a dropped trace need no batch and no decision. Those of a
// sampled trace do, even if the trace was also dropped once.
func TestLedgerLate(t *testing.T) {
	l, finished := newTestLedger(t)
	l.drop(traceID(1))
	l.register(1, traces(spanOf{1, "a"}))
	assert.Equal(t, []uint64{1}, *finished)
	two := traces(spanOf{1, "b"}, spanOf{2, "c"})
	l.register(2, two)
	l.delivered([]markedPart{marked(two, 1, 0)})
	assert.Equal(t, []uint64{1}, *finished)
	l.delivered([]markedPart{marked(two, 2, 0)})
	assert.Equal(t, []uint64{1, 2}, *finished)

	l.sampled.Put(traceID(1), cache.DecisionMetadata{})
	l.register(3, traces(spanOf{1, "d"}))
	assert.Equal(t, []uint64{1, 2}, *finished)
	assert.Equal(t, 1, l.len())
}

// Held parts are retried batch by batch. Accepted parts leave their batch;
// refused ones move to the end of the queue.
func TestLedgerHeld(t *testing.T) {
	l, finished := newTestLedger(t)
	one, two := traces(spanOf{1, "a"}, spanOf{2, "b"}, spanOf{3, "c"}), traces(spanOf{1, "d"})
	l.register(1, one)
	l.register(2, two)
	l.hold([]markedPart{marked(one, 1, 0), marked(two, 1, 0)}, spanbudget.Verdict{})
	assert.Equal(t, 1, l.held())
	l.hold([]markedPart{marked(one, 2, 0)}, spanbudget.Verdict{})
	assert.Equal(t, 2, l.held())
	// Held parts of a trace stay held if the trace is dropped later.
	l.drop(traceID(1))
	assert.Equal(t, 3, l.len())
	assert.Equal(t, []uint64{2}, numbers(l.takeChanged()), "a part of batch 1 waits for its decision")

	batch, parts := l.take()
	assert.Equal(t, []heldPart{{trace: traceID(1)}, {trace: traceID(2)}}, parts)
	l.settle(batch, parts[:1])
	assert.Equal(t, 2, l.held(), "trace 1 is held in batch 2")
	l.putBack(batch, parts[1:])

	batch, parts = l.take()
	assert.EqualValues(t, 2, batch.number)
	l.settle(batch, parts)
	assert.Equal(t, []uint64{2}, *finished)
	assert.Equal(t, 1, l.held())

	l.drop(traceID(3))
	assert.Equal(t, map[uint64][]byte{1: encodeHeld([]heldPart{{trace: traceID(2)}})}, l.takeChanged())
	assert.Empty(t, l.takeChanged())
	batch, parts = l.take()
	l.settle(batch, parts)
	assert.Equal(t, []uint64{2, 1}, *finished)
	assert.Empty(t, l.takeChanged())
	assert.Zero(t, l.len())
	batch, _ = l.take()
	assert.Nil(t, batch)
}

// While parts are offered, their batch's stored record still has them: otherwise a
// crash would lose them.
func TestLedgerStoresNoBatchInHand(t *testing.T) {
	l, _ := newTestLedger(t)
	td := traces(spanOf{1, "a"}, spanOf{2, "b"})
	l.register(1, td)
	l.hold([]markedPart{marked(td, 1, 0), marked(td, 2, 0)}, spanbudget.Verdict{})
	batch, parts := l.take()
	l.settle(batch, parts[:1])
	assert.Empty(t, l.takeChanged())
	l.putBack(batch, parts[1:])
	assert.Equal(t, map[uint64][]byte{1: encodeHeld(parts[1:])}, l.takeChanged())
}

func numbers(records map[uint64][]byte) []uint64 {
	var list []uint64
	for number := range records {
		list = append(list, number)
	}
	return list
}

// The marks do not leave the processor.
func TestUnmark(t *testing.T) {
	l, _ := newTestLedger(t)
	td := requests(traces(spanOf{1, "a"}), traces(spanOf{1, "b"}))
	l.register(1, td)
	want := []markedPart{marked(td, 1, 0), marked(td, 1, 1)}
	assert.Equal(t, want, unmark(td))
	assert.NotEqual(t, want[0].mark, want[1].mark)
	assert.Equal(t, map[string]any{"service.name": "shop"}, td.ResourceSpans().At(1).Resource().Attributes().AsRaw())
	assert.Empty(t, unmark(td))
}
