// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A storage that cannot be read for a while loses nothing: held spans stay
// held.
func TestReadErrorInRedelivery(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, load(t, "all"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{2, "b"})))
	awaitHeld(t, p, 2)
	byHand(p)
	out.refuse(nil)
	store.set(func(s *crashingStorage) { s.broken = errors.New("input/output error") })
	assert.Positive(t, p.tidy(t.Context()))
	assert.Equal(t, 2, p.ledger.held())
	assert.Empty(t, out.got())
	store.set(func(s *crashingStorage) { s.broken = nil })
	p.tidy(t.Context())
	assert.Equal(t, map[string]int{"a": 1, "b": 1}, out.got())
	assert.Empty(t, store.keys(t))
}

// Spans stay in the storage until the next component has accepted them.
func TestSettledAfterAcceptance(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	p := start(t, load(t, "all"), h, out)
	stored := make(chan int, 100)
	look := func(err error) {
		out.answers(func(ptrace.Traces) error {
			assert.NoError(t, p.journal.flush(context.Background())) //nolint:testifylint // not in the goroutine of the test
			stored <- len(store.keys(t))
			return err
		})
	}
	look(errQueueFull)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"})))
	assert.Equal(t, 1, <-stored, "offered for the first time")
	awaitHeld(t, p, 1)
	byHand(p)
	for len(stored) > 0 {
		<-stored
	}
	look(nil)
	p.redeliver(t.Context())
	assert.Positive(t, <-stored, "offered again")
	require.NoError(t, p.persist(t.Context()))
	assert.Empty(t, store.keys(t))

	look(nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "late"})))
	select {
	case n := <-stored:
		assert.Equal(t, 1, n, "delivered at once")
	case <-time.After(wait):
		t.Fatal("not delivered")
	}
}
