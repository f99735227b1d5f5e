// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// load is traffic: traces of lognormal size, with 12 spans on average.
type load struct {
	rate   float64                        // spans an hour
	shape  func(t float64) float64        // factor on rate at a second; nil: 1
	errors func(t float64) float64        // share of traces with errors; nil: 1 %
	names  func(random *rand.Rand) string // names of operations; nil: one
	early  sampling.Threshold             // what an earlier sampler kept; the zero value is everything
}

// outcome is what became of an hour.
type outcome struct {
	traces, errors, errorsKept, slow, slowKept int
	spans, spent                               int64
	firstMinute                                int64
	estimate, variance                         float64 // of the traces
	cutOff                                     int64
	lowest, highest                            float64 // probability of ordinary traces
}

func (o outcome) deviation() float64 { return o.estimate/float64(o.traces) - 1 }

// bound is the relative 95 % bound of the estimate, as the hour itself shows it.
func (o outcome) bound() float64 { return 1.96 * math.Sqrt(o.variance) / o.estimate }

func (o outcome) String() string {
	return fmt.Sprintf("in %8d | first minute %5d | spent %6d | errors %5d of %5d | slow %5d of %5d | estimate %+6.2f %% (95 %%: ±%.2f) | p %.4f to %.4f | cut off %d",
		o.spans, o.firstMinute, o.spent, o.errorsKept, o.errors, o.slowKept, o.slow, 100*o.deviation(), 100*o.bound(), o.lowest, o.highest, o.cutOff)
}

var simulationStart = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func testPlan(hourly float64) plan {
	return plan{hourly: hourly, instances: 1, reserve: 0.03, floor: 0.05, slowShare: 0.2}
}

// simulate runs a controller over hours of traffic.
func simulate(c *controller, l load, hours int, seed uint64) []outcome {
	random := rand.New(rand.NewPCG(seed, 1))
	const meanSize, sigma = 12, 0.9
	mu := math.Log(meanSize) - sigma*sigma/2
	outcomes := make([]outcome, hours)
	for n := range outcomes {
		outcomes[n].lowest = 1
	}
	for t := 0.0; ; {
		factor := 1.0
		if l.shape != nil {
			factor = l.shape(t)
		}
		if t += random.ExpFloat64() * 3600 * meanSize / (l.rate * factor); t >= float64(hours*3600) {
			return outcomes
		}
		o := &outcomes[int(t/3600)]
		f := facts{
			spans: max(1, int(math.Exp(mu+sigma*random.NormFloat64()))), operation: operationName{service: "shop"},
			duration: time.Duration(math.Exp(0.5*random.NormFloat64()) * float64(20*time.Millisecond)),
		}
		if l.names != nil {
			f.operation.name = l.names(random)
		}
		errors := 0.01
		if l.errors != nil {
			errors = l.errors(t)
		}
		f.failed = random.Float64() < errors
		slow := !f.failed && random.Float64() < 0.005
		if slow {
			f.duration = time.Duration(float64(time.Second) * (1 + random.Float64()))
		}
		earliest := l.early.Unsigned()
		f.randomness, _ = sampling.UnsignedToRandomness(earliest + random.Uint64N(1<<56-earliest))
		f.stricter = l.early
		d := c.decide(simulationStart.Add(time.Duration(t*float64(time.Second))), f)
		o.traces++
		o.spans += int64(f.spans)
		if d.verdict.Class == spanbudget.ClassOrdinary {
			p := d.verdict.Threshold.Probability()
			o.lowest, o.highest = min(o.lowest, p), max(o.highest, p)
		}
		kept := 0
		if d.kept {
			kept = 1
			weight := max(1, d.verdict.Threshold.AdjustedCount()/l.early.AdjustedCount())
			o.estimate += weight
			o.variance += weight * (weight - 1)
			o.spent += int64(f.spans)
			if math.Mod(t, 3600) < 60 {
				o.firstMinute += int64(f.spans)
			}
		}
		if d.cutOff {
			o.cutOff += int64(f.spans)
		}
		if f.failed {
			o.errors++
			o.errorsKept += kept
		}
		if slow {
			o.slow++
			o.slowKept += kept
		}
	}
}

func newTestController(p plan, fair bool) *controller {
	return newController(p, newOperations(fair, 500, quantile{value: 0.99}), simulationStart)
}

// dayCurve changes the traffic by a factor of five, with bursts of two minutes.
func dayCurve(t float64) float64 {
	factor := max(0.05, 0.6+0.4*math.Sin(2*math.Pi*t/7200))
	if math.Mod(t, 3000) < 120 {
		factor += 2
	}
	return factor / 0.68
}

func TestLoads(t *testing.T) {
	const budget = 100_000
	flood := func(from, to, share float64) func(float64) float64 {
		return func(t float64) float64 {
			if t >= from && t < to {
				return share
			}
			return 0.01
		}
	}
	for _, test := range []struct {
		name      string
		budget    float64
		load      load
		hours     int
		least     float64 // share of the budget that is spent at least
		allErrors bool
		allSlow   bool
		first     float64 // share of the budget that the first minute may take in the first hour
		deviation float64 // in bounds
	}{
		{name: "10x steady", load: load{rate: 10 * budget}, hours: 3, least: 0.9, allErrors: true, allSlow: true, first: 0.06},
		{name: "10x, day curve and bursts", load: load{rate: 10 * budget, shape: dayCurve}, hours: 3, least: 0.9, allErrors: true, allSlow: true, first: 0.1},
		{name: "100x", load: load{rate: 100 * budget}, hours: 1, least: 0.9, first: 0.15},
		{name: "half", load: load{rate: budget / 2}, hours: 2, least: 0.45, allErrors: true, allSlow: true, first: 0.02},
		{name: "1.2x", load: load{rate: 1.2 * budget}, hours: 2, least: 0.9, allErrors: true, allSlow: true, first: 0.03},
		{name: "10x, 30 % errors in 15 minutes", load: load{rate: 10 * budget, errors: flood(600, 1500, 0.3)}, hours: 2, least: 0.9, first: 0.06},
		{name: "10x, only errors in 50 minutes", load: load{rate: 10 * budget, errors: flood(600, 3600, 1)}, hours: 2, least: 0.9, first: 0.06},
		{name: "half to 20x at minute 30", load: load{rate: budget / 2, shape: func(t float64) float64 {
			if t < 1800 {
				return 1
			}
			return 40
		}}, hours: 1, least: 0.9, allErrors: true, allSlow: true, first: 0.02},
		{name: "10x always free", budget: 1000, load: load{rate: 10_000}, hours: 3, least: 0.8, first: 0.2},
		{name: "10x, sampled before at one half", load: load{rate: 10 * budget, early: newChance(0.5).threshold}, hours: 2, least: 0.9, allErrors: true, allSlow: true, first: 0.06},
		{name: "1.2x, sampled before at one half", load: load{rate: 1.2 * budget, early: newChance(0.5).threshold}, hours: 2, least: 0.9, allErrors: true, allSlow: true, first: 0.06},
	} {
		for _, fair := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, fair %v", test.name, fair), func(t *testing.T) {
				limit := float64(budget)
				if test.budget > 0 {
					limit = test.budget
				}
				test.load.names = func(random *rand.Rand) string { return strconv.Itoa(int(random.ExpFloat64() * 3)) }
				for hour, o := range simulate(newTestController(testPlan(limit), fair), test.load, test.hours, 1) {
					t.Logf("hour %d: %v", hour+1, o)
					assert.LessOrEqual(t, float64(o.spent), limit)
					assert.GreaterOrEqual(t, float64(o.spent), test.least*limit)
					if test.allErrors {
						assert.Equal(t, o.errors, o.errorsKept)
					}
					if test.allSlow {
						assert.GreaterOrEqual(t, o.slowKept, o.slow*99/100)
					}
					assert.LessOrEqual(t, float64(o.firstMinute), test.first*limit)
					assert.LessOrEqual(t, math.Abs(o.deviation()), 2*o.bound()+1e-9)
				}
			})
		}
	}
}

// The estimate of an hour's traces is within its own 95 % bound in at least 90 of 100 hours
// of different traffic.
func TestEstimates(t *testing.T) {
	for name, fair := range map[string]bool{"one probability": false, "by operation": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const seeds = 100
			within, sum, squares := 0, 0.0, 0.0
			for seed := range uint64(seeds) {
				l := load{rate: 200_000, shape: dayCurve, names: func(random *rand.Rand) string { return strconv.Itoa(int(random.ExpFloat64() * 3)) }}
				c := newTestController(testPlan(20_000), fair)
				o := simulate(c, l, 1, seed+100)[0]
				if math.Abs(o.deviation()) <= o.bound() {
					within++
				}
				sum += o.deviation()
				squares += o.deviation() * o.deviation()
			}
			mean := sum / seeds
			spread := math.Sqrt(squares/seeds - mean*mean)
			t.Logf("%d of %d estimates are within their bounds; mean error %+.2f %% ± %.2f, standard deviation of an hour %.2f %%",
				within, seeds, 100*mean, 196*spread/math.Sqrt(seeds), 100*spread)
			assert.GreaterOrEqual(t, within, 90)
			require.LessOrEqual(t, math.Abs(mean), 2.6*spread/math.Sqrt(seeds))
		})
	}
}

// newestRandomness is a randomness that every probability keeps.
func newestRandomness() sampling.Randomness {
	randomness, err := sampling.UnsignedToRandomness(1<<56 - 1)
	if err != nil {
		panic(err)
	}
	return randomness
}
