// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// moody decides the answers of a next component that accepts, refuses or
// rejects at random, in phases: mostly one answer, then mostly another.
type moody struct {
	random   *rand.Rand
	left     int     // answers left in this phase
	refusing float64 // share of refusals in this phase
	rejected map[string]int
}

func (m *moody) answer(td ptrace.Traces) error {
	if m.left == 0 {
		m.left = 1 + m.random.IntN(300)
		m.refusing = m.random.Float64()
	}
	m.left--
	switch {
	case m.random.Float64() < m.refusing:
		return errQueueFull
	case m.random.Float64() < 0.05:
		for _, name := range spanNames(td) {
			m.rejected[name]++
		}
		return consumererror.NewPermanent(errors.New("not for me"))
	}
	return nil
}

// send simulates several senders: traces in many batches, resources and parts.
func send(p *durable, round uint64, until <-chan struct{}) (accepted map[string]int) {
	accepted = map[string]int{}
	var senders sync.WaitGroup
	var mu sync.Mutex
	for sender := range 4 {
		senders.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-until:
					return
				case <-time.After(2 * time.Millisecond):
				}
				name := fmt.Sprintf("%d/%d/%d", round, sender, n)
				shared, own := round<<32+n/8, round<<32+uint64(sender+1)<<24+n //nolint:gosec // small numbers
				td := requests(
					traces(spanOf{shared, name + "a"}, spanOf{own, name + "b"}, spanOf{shared, name + "c"}),
					traces(spanOf{shared, name + "d"}, spanOf{round << 32, name + "e"}), // one trace never ends
				)
				sent := spanNames(td)
				if p.ConsumeTraces(context.Background(), td) != nil {
					continue
				}
				mu.Lock()
				for _, name := range sent {
					accepted[name]++
				}
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	return accepted
}

// Without a crash, each accepted span is delivered or rejected exactly once, whatever
// the next component answers.
func TestRandomAnswers(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	m := &moody{random: rand.New(rand.NewPCG(1, 2)), rejected: map[string]int{}}
	out.answers(m.answer)
	cfg := load(t, "all")
	cfg.Sampling.NumTraces = 2000
	p := start(t, cfg, h, out)
	until := make(chan struct{})
	time.AfterFunc(4*time.Second, func() { close(until) })
	accepted := send(p, 1, until)
	require.Greater(t, len(accepted), 1000)
	time.Sleep(2 * time.Second) // some of the rest is answered at random as well
	out.refuse(nil)
	require.Eventually(t, func() bool { return p.ledger.len() == 0 }, 2*wait, poll)
	got := out.got()
	maps.Copy(got, m.rejected) // no span is in both, so compare their union
	assert.Equal(t, accepted, got)
	assert.Len(t, got, len(out.got())+len(m.rejected))
	require.Eventually(t, func() bool { return len(store.keys(t)) == 0 }, wait, poll)
}

// Whatever the next component answers and whenever the process crashes, each
// accepted span is delivered or rejected at least once.
func TestRandomAnswersAndCrashes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cfg := load(t, "all")
	random := rand.New(rand.NewPCG(3, 4))
	accepted, delivered := map[string]int{}, map[string]int{}
	for round := range uint64(5) {
		h, store := newFileStorage(t, folder, 0)
		out := newSink()
		m := &moody{random: rand.New(rand.NewPCG(round, 5)), rejected: map[string]int{}}
		out.answers(m.answer)
		p := start(t, cfg, h, out)
		until := make(chan struct{})
		time.AfterFunc(time.Duration(500+random.IntN(2500))*time.Millisecond, func() {
			// Spans that next has received by now are delivered; later ones are
			// not.
			store.crashAfter(t, func() {
				maps.Copy(delivered, out.got())
				out.answers(func(ptrace.Traces) error {
					return errCrashed
				})
			})
			close(until)
		})
		maps.Copy(accepted, send(p, round, until))
		maps.Copy(delivered, m.rejected)
	}
	h, store := newFileStorage(t, folder, 0)
	out := newSink()
	p := start(t, cfg, h, out)
	require.Eventually(t, func() bool { return p.ledger.len() == 0 && len(store.keys(t)) == 0 }, 2*wait, poll)
	maps.Copy(delivered, out.got())
	require.Greater(t, len(accepted), 1000)
	maps.DeleteFunc(accepted, func(name string, _ int) bool { return delivered[name] > 0 })
	assert.Empty(t, accepted)
}
