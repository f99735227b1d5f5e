// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/cache"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTestLedger(t *testing.T) (l *ledger, finished *[]uint64) {
	t.Helper()
	notSampled, err := cache.NewLRUDecisionCache(10)
	require.NoError(t, err)
	finished = new([]uint64)
	return newLedger(notSampled, func(number uint64) { *finished = append(*finished, number) }), finished
}

// A batch is needed until all of its spans are delivered or dropped, those too that
// were under way when the first of their trace were decided on.
func TestLedger(t *testing.T) {
	l, finished := newTestLedger(t)
	l.register(1, traces(spanOf{1, "a"}, spanOf{2, "b"}, spanOf{1, "c"}))
	l.register(2, traces(spanOf{1, "d"}))
	assert.Equal(t, []uint64{1, 2}, l.batches(traceID(1)))
	assert.Equal(t, []uint64{1}, l.batches(traceID(2)))

	l.delivered(traceID(1), 2)
	assert.Empty(t, *finished)
	l.register(3, traces(spanOf{1, "e"}))
	l.delivered(traceID(1), 1)
	assert.Empty(t, *finished)
	l.delivered(traceID(1), 1)
	assert.Equal(t, []uint64{2, 3}, *finished)
	assert.Nil(t, l.batches(traceID(1)))

	l.drop(traceID(2))
	assert.Equal(t, []uint64{2, 3, 1}, *finished)
	assert.Zero(t, l.len())
}

// What comes of a trace that was dropped needs no batch, and no decision.
func TestLedgerLate(t *testing.T) {
	l, finished := newTestLedger(t)
	l.drop(traceID(1))
	l.register(1, traces(spanOf{1, "a"}))
	assert.Equal(t, []uint64{1}, *finished)
	l.register(2, traces(spanOf{1, "b"}, spanOf{2, "c"}))
	l.delivered(traceID(1), 1)
	assert.Equal(t, []uint64{1}, *finished)
	l.delivered(traceID(2), 1)
	assert.Equal(t, []uint64{1, 2}, *finished)
}

func TestRuns(t *testing.T) {
	td := traces(spanOf{1, "a"}, spanOf{1, "b"}, spanOf{2, "c"}, spanOf{1, "d"})
	type run struct {
		trace uint64
		spans int
	}
	var got []run
	for id, spans := range runs(td) {
		for n := range uint64(3) {
			if id == traceID(n) {
				got = append(got, run{trace: n, spans: spans})
			}
		}
	}
	assert.Equal(t, []run{{1, 2}, {2, 1}, {1, 1}}, got)
	for id := range runs(td) {
		assert.Equal(t, traceID(1), id)
		break
	}
}
