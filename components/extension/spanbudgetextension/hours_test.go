// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// spans are a trace with n spans that a controller keeps as long as there is room.
func spans(n int) facts {
	return facts{spans: n, failed: true, randomness: newestRandomness()}
}

func TestClockHour(t *testing.T) {
	c := newTestController(testPlan(1000), false)
	at := simulationStart.Add(59 * time.Minute)
	require.True(t, c.decide(at, spans(600)).kept)
	d := c.decide(at, spans(401))
	assert.True(t, d.cutOff)
	assert.EqualValues(t, 401, c.since.CutOff)
	assert.False(t, c.decide(at, spans(400)).kept, "the rest of the floor is for ordinary traces")
	assert.True(t, c.decide(at, spans(350)).kept, "what fits is kept")
	assert.False(t, c.late(spanbudget.ClassError, 50))
	assert.True(t, c.decide(at, facts{spans: 50, randomness: newestRandomness()}).kept)
	assert.False(t, c.decide(at, facts{spans: 1, randomness: newestRandomness()}).kept)
	c.advance(at.Add(time.Minute))
	assert.Zero(t, c.hours.current.total())
	assert.EqualValues(t, 1000, c.hours.previous.total())
	assert.True(t, c.decide(at.Add(time.Minute), spans(950)).kept)
}

func TestOverspend(t *testing.T) {
	p := testPlan(1000)
	p.overspend = true
	c := newTestController(p, false)
	for minute := range 60 {
		assert.True(t, c.decide(simulationStart.Add(time.Duration(minute)*time.Minute), spans(100)).kept)
	}
	assert.EqualValues(t, 6000, c.hours.current.total())
	ordinary := facts{spans: 50, randomness: newestRandomness()}
	at := simulationStart.Add(59*time.Minute + 30*time.Second)
	assert.True(t, c.decide(at, ordinary).kept, "the floor")
	assert.False(t, c.decide(at, ordinary).kept)
}

func TestClockSetBack(t *testing.T) {
	c := newTestController(testPlan(1000), false)
	spend := func(at time.Time, n int) { require.True(t, c.decide(at, spans(n)).kept) }
	spend(simulationStart.Add(50*time.Minute), 300)
	spend(simulationStart.Add(61*time.Minute), 500)
	c.advance(simulationStart.Add(70 * time.Minute))
	c.advance(simulationStart.Add(62 * time.Minute))
	assert.EqualValues(t, 500, c.hours.current.total(), "within the hour nothing changes")
	c.advance(simulationStart.Add(55 * time.Minute))
	assert.EqualValues(t, 500, c.hours.current.total(), "the larger of both hours")
	spend(simulationStart.Add(55*time.Minute), 100)
	assert.EqualValues(t, 600, c.hours.current.total())
	c.advance(simulationStart.Add(60 * time.Minute))
	assert.EqualValues(t, 500, c.hours.current.total(), "the hour that comes again")
	c.advance(simulationStart.Add(1000 * time.Hour))
	assert.Zero(t, c.hours.current.total())
}

// Whatever changes, all instances together spend no more than the budget.
func TestInstancesShareAnHour(t *testing.T) {
	p := testPlan(100_000)
	p.instances = 4
	old := newTestController(p, false)
	half := simulationStart.Add(30 * time.Minute)
	old.setInstances(5, half)
	assert.InDelta(t, 22_500, old.hours.current.Limit, 1)

	p.instances = 5
	added := newController(p, newOperations(false, 500, quantile{value: 0.99}), half)
	added.assumeSpent(half)
	left := added.hours.current.Limit - float64(added.hours.current.total())
	assert.LessOrEqual(t, 4*old.hours.current.Limit+left, 100_001.0)
	old.advance(simulationStart.Add(time.Hour))
	assert.InDelta(t, 20_000, old.hours.current.Limit, 1)

	old.setInstances(4, simulationStart.Add(75*time.Minute))
	assert.InDelta(t, 20_000.0/4+25_000.0*3/4, old.hours.current.Limit, 1)
}

func TestFoldedSpansAreNotSpent(t *testing.T) {
	c := newTestController(testPlan(1000), false)
	require.True(t, c.decide(simulationStart, spans(600)).kept)
	c.folded(spanbudget.ClassError, 500)
	assert.EqualValues(t, 100, c.hours.current.total())
	c.folded(spanbudget.ClassError, 500)
	assert.Zero(t, c.hours.current.total(), "never negative")
}

// After an hour whose budget was spent early, ordinary traces are kept again in the next.
func TestRecoveryAfterAnExhaustedHour(t *testing.T) {
	c := newTestController(testPlan(1000), false)
	ordinary := facts{spans: 10} // kept only at probability 1: its randomness is 0
	chance := func() float64 { return c.chance(spanbudget.ClassOrdinary, c.ops.find(ordinary.operation)).p }
	for second := 0; second < 2*3600; second += 10 {
		at := simulationStart.Add(time.Duration(second) * time.Second)
		for kept := second == 600; kept; { // errors spend what is left
			kept = c.decide(at, spans(10)).kept
		}
		c.decide(at, ordinary)
		if second == 3590 {
			assert.Less(t, chance(), 0.15, "only some of the floor is left")
		}
	}
	assert.Greater(t, chance(), 0.2)
}
