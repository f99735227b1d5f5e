// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import "github.com/ociapm/otelcol-ociapm/internal/spanbudget"

const (
	// maxBurst is how much of the budget of an interval ordinary traces may spend in it,
	// as a factor, before their probability is halved. Half as much halves it again, and so
	// on: an interval spends at most twice as much.
	maxBurst = 3.0
	// burstPart is the same for errors and slow traces, as a part of what is left for them
	// in the hour, and minBurstPart as a part of the hour's budget.
	burstPart    = 0.1
	minBurstPart = 0.01
	// steadyBurst is the number of intervals whose planned errors and slow traces are no
	// burst.
	steadyBurst = 10.0
	// maxAhead is how much ordinary traces may spend beyond what was planned, in intervals
	// and as a part of the hour, whichever is more. Only traces whose ids are not random
	// get that far.
	maxAhead     = 10.0
	maxAheadPart = 0.1
	// minLargest and largestPart limit the demand of a single trace, in spans and as a part
	// of the hour's budget.
	minLargest  = 100.0
	largestPart = 0.02
)

// burst is what a class has spent since its probability was last halved in an interval,
// and what it may spend until it is halved again, in spans.
type burst struct {
	kept, limit float64
}

// planBursts sets how much a class may spend before its probability is halved. Without it
// one burst could take the rest of the hour, since a plan follows only what was measured.
func (c *controller) planBursts() {
	hourly := c.plan.share()
	c.bursts[spanbudget.ClassOrdinary] = burst{limit: maxBurst * hourly * c.interval.Hours()}
	left := max(0, c.left()-c.floorLeft())
	slow := max(0, min(left, c.slowLeft()))
	for class, available := range map[spanbudget.Class]float64{spanbudget.ClassError: left, spanbudget.ClassSlow: slow} {
		kept := c.demand[class] * c.net * c.chance(class, nil).p * c.interval.Seconds()
		c.bursts[class] = burst{limit: max(burstPart*available, minBurstPart*hourly, steadyBurst*kept)}
	}
}

// slowDown halves the probability of a class that spends much faster than planned, until
// the end of the interval.
func (c *controller) slowDown(class spanbudget.Class, spans float64) {
	b := &c.bursts[class]
	if class == spanbudget.ClassOrdinary {
		c.excess += spans
	}
	if b.kept += spans; b.kept <= b.limit {
		return
	}
	b.kept, b.limit = 0, b.limit/2
	switch class {
	case spanbudget.ClassError:
		if !c.plan.overspend {
			c.error = newChance(c.error.p / 2)
		}
	case spanbudget.ClassSlow:
		c.slow = newChance(c.slow.p / 2)
	default:
		c.ops.halve()
	}
}

// isFarAhead reports whether ordinary traces have spent so much more than planned that
// they could take the budget of the others.
func (c *controller) isFarAhead() bool {
	hourly := c.plan.share()
	return c.excess > c.planned+max(maxAhead*hourly*c.interval.Hours(), maxAheadPart*hourly)
}

// demandOf returns how many spans the next traces are expected to have like one with some
// spans. Without a limit, a single large trace would thin out all others for minutes. One
// that fits into no hour is no demand.
func (c *controller) demandOf(spans float64) float64 {
	if spans > c.plan.share() {
		return 0
	}
	return min(spans, max(minLargest, largestPart*c.plan.share()))
}
