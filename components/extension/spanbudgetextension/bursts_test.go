// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// sender sends traces of three spans.
type sender struct {
	*controller
	now    time.Time
	random *rand.Rand
}

func newSender(hourly float64) *sender {
	return &sender{controller: newTestController(testPlan(hourly), true), now: simulationStart, random: rand.New(rand.NewPCG(1, 2))}
}

// send sends n traces within a duration, and returns how many are kept.
func (s *sender) send(n int, within time.Duration, change func(*facts)) (kept int) {
	for range n {
		s.now = s.now.Add(within / time.Duration(n))
		f := facts{spans: 3, duration: 10 * time.Millisecond}
		f.randomness, _ = sampling.UnsignedToRandomness(s.random.Uint64N(1 << 56))
		if change != nil {
			change(&f)
		}
		if s.decide(s.now, f).kept {
			kept++
		}
	}
	return kept
}

func failed(f *facts) { f.failed = true }

// A burst of errors takes a part of the hour, and later errors and ordinary traces are kept.
func TestBurstOfErrors(t *testing.T) {
	s := newSender(1000)
	s.send(350, time.Second, failed)
	assert.InDelta(t, 200, s.hours.current.total(), 50, "of 1050 spans that were sent")
	assert.NotZero(t, s.send(100, time.Minute, nil))
	s.now = s.now.Add(20 * time.Minute)
	assert.Greater(t, s.send(20, time.Minute, failed), 15)
}

// A flood of errors over the whole hour leaves ordinary traces their floor.
func TestFloodOfErrors(t *testing.T) {
	s := newSender(10_000)
	ordinary := 0
	for range 59 {
		s.send(3000, 55*time.Second, failed)
		ordinary += s.send(20, 4*time.Second, nil)
	}
	assert.Greater(t, 3*ordinary, 250)
	assert.InDelta(t, 0.05*10_000*18/3600, s.planned, 0.1, "the floor of an interval of 18 s")
	assert.Greater(t, s.hours.current.Spent[spanbudget.ClassError], int64(8000))
	assert.LessOrEqual(t, s.hours.current.total(), int64(10_000))
}

// When everything becomes slow, slow traces spend no more than their share, and errors are
// kept all the same.
func TestBurstOfSlowTraces(t *testing.T) {
	for name, within := range map[string]time.Duration{"in seconds": 2 * time.Second, "in minutes": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			s := newSender(10_000)
			s.send(500, time.Minute, nil)
			s.send(3000, within, func(f *facts) { f.duration = time.Second })
			assert.LessOrEqual(t, s.hours.current.Spent[spanbudget.ClassSlow], int64(2003))
			assert.Less(t, s.hours.current.total(), int64(5000))
			s.now = s.now.Add(time.Minute)
			assert.Greater(t, s.send(300, time.Minute, failed), 290)
		})
	}
}

// A slow trace is kept at least as often as an ordinary one.
func TestSlowTracesAreOrdinaryToo(t *testing.T) {
	s := newSender(100_000)
	s.send(500, time.Minute, nil)
	s.hours.current.Spent[spanbudget.ClassSlow] = 20_000
	s.now = s.now.Add(time.Minute)
	assert.Equal(t, 10, s.send(10, time.Minute, func(f *facts) { f.duration = time.Second }))
	assert.EqualValues(t, 20_000, s.hours.current.Spent[spanbudget.ClassSlow])

	s.hours.current.Spent[spanbudget.ClassSlow] = 0
	s.now = s.now.Add(time.Second)
	s.advance(s.now)
	s.slow = newChance(0.001)
	assert.Equal(t, 3, s.send(3, time.Second, func(f *facts) { f.duration = time.Minute }), "with another probability")
}

// At the end of an hour that is nearly spent, a few errors are no burst.
func TestErrorsFromTheReserve(t *testing.T) {
	s := newSender(100_000)
	s.hours.current.Spent[spanbudget.ClassOrdinary] = 92_000
	s.planBursts()
	assert.Equal(t, 20, s.send(20, time.Second, failed))
}

// Traces whose ids are not random are kept at any probability. They must not take the
// budget of errors.
func TestTracesWithoutRandomness(t *testing.T) {
	s := newSender(10_000)
	for range 50 {
		s.send(500, time.Minute, func(f *facts) { f.randomness = newestRandomness() })
		assert.Equal(t, 5, s.send(5, time.Second, failed))
	}
	assert.NotZero(t, s.since.CutOff)
}

// After a burst, what fits is soon kept again.
func TestAfterBurst(t *testing.T) {
	s := newSender(1000)
	s.send(400, time.Second, nil)
	s.send(150, 25*time.Minute, nil)
	assert.Greater(t, s.send(30, 5*time.Minute, nil), 20)
}

// What was planned is no burst, even if it is most of what is left.
func TestPlannedErrorsAreNoBurst(t *testing.T) {
	s := newSender(100_000)
	s.demand[spanbudget.ClassError] = 25 // a second, in intervals of ten
	s.hours.current.Spent[spanbudget.ClassOrdinary] = 90_000
	s.planBursts()
	assert.InDelta(t, 2500, s.bursts[spanbudget.ClassError].limit, 1)
}

// A large trace is kept, and says little about those that follow.
func TestLargeTrace(t *testing.T) {
	s := newSender(10_000)
	s.send(1, time.Second, func(f *facts) { f.spans, f.failed = 950, true })
	s.now = s.now.Add(time.Minute)
	assert.Equal(t, 30, s.send(30, time.Minute, failed))
}

// A trace that does not fit into the hour says nothing about those that follow.
func TestTraceLargerThanTheHour(t *testing.T) {
	for name, change := range map[string]func(*facts){"error": failed, "ordinary": func(*facts) {}} {
		t.Run(name, func(t *testing.T) {
			s := newSender(10_000)
			assert.Zero(t, s.send(1, time.Second, func(f *facts) { f.spans = 20_001; change(f) }))
			assert.Equal(t, 30, s.send(30, 10*time.Second, change))
			s.now = s.now.Add(time.Minute)
			assert.Greater(t, s.send(30, 10*time.Second, change), 20)
		})
	}
}

// Another budget after a restart applies at once, another number of instances to the rest
// of the hour.
func TestRestartWithAnotherBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		limit := func(change func(*Config)) float64 {
			k := start(t, store, change)
			defer k.end(t)
			k.evaluate(t, 2, 1, true)
			return k.controller.hours.current.Limit
		}
		require.InDelta(t, 100_000, limit(nil), 0)
		time.Sleep(30 * time.Minute)
		assert.InDelta(t, 1000, limit(func(c *Config) { c.SpansPerHour = 1000 }), 0)
		assert.InDelta(t, 100_000, limit(nil), 0)
		assert.InDelta(t, 75_000, limit(func(c *Config) { c.Instances = 2 }), 100)
		assert.InDelta(t, 100_000, limit(nil), 200)
	})
}
