// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"math"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

const (
	// demandWindow is the time, in seconds, over which the demand of errors and of slow
	// traces is averaged. With less, an hour with a small budget loses errors to chance.
	demandWindow = 300.0
	// maxIncrease is the largest factor by which more ordinary traces are kept from one
	// interval to the next. Decreases are not limited.
	maxIncrease = 1.5
	// minProbability is the probability of errors and slow traces without any room. What
	// it keeps has a weight, so that estimates stay right.
	minProbability = 1e-6
	// precision is the number of hexadecimal digits of a sampling threshold.
	precision = 4
)

// plan is how an instance may spend.
type plan struct {
	hourly    float64 // spans an hour, for all instances
	instances int
	reserve   float64 // share that is never planned
	floor     float64 // share for ordinary traces
	slowShare float64 // maximum share for slow traces
	overspend bool    // errors are kept beyond the budget
}

// share returns the spans an hour of one instance.
func (p plan) share() float64 { return p.hourly / float64(p.instances) }

// controller decides which traces are kept, so that the spans of a clock hour stay
// within the budget. It is not safe for concurrent use.
//
// At the end of each interval it divides what is left of the hour: first to errors, then
// to slow traces, then to the ordinary ones, which always get the floor. The probability
// of a trace depends on its class and on the past alone. That makes the sum of the
// inverse probabilities an unbiased estimate (Horvitz and Thompson), whatever the
// controller has done before.
type controller struct {
	plan     plan
	ops      *operations
	hours    hours
	since    counts // since the start
	interval time.Duration
	began    time.Time // the beginning of the interval, or the start in it
	next     time.Time // the end of the interval

	demand  [classCount]float64 // spans a second that would be spent at probability 1
	arrived [classCount]float64 // the same spans in this interval
	error   chance
	slow    chance

	decided int64   // spans that were kept in this interval, at their decision
	before  int64   // spans that were spent at its beginning
	net     float64 // spans that are spent for each that is kept: late ones more, folded ones less

	bursts  [classCount]burst
	planned float64 // ordinary spans to keep in this interval
	excess  float64 // ordinary spans that were kept beyond earlier plans
}

// classCount is the size of arrays that classes index.
const classCount = int(spanbudget.ClassOrdinary) + 1

// chance is a probability as a threshold.
type chance struct {
	threshold sampling.Threshold
	p         float64
}

// newChance rounds a probability to what a threshold can express.
func newChance(p float64) chance {
	if p >= 1 {
		return chance{threshold: sampling.AlwaysSampleThreshold, p: 1}
	}
	threshold, err := sampling.ProbabilityToThresholdWithPrecision(max(p, minProbability), precision)
	if err != nil { // impossible: p is in range
		return chance{threshold: sampling.NeverSampleThreshold, p: 0}
	}
	return chance{threshold: threshold, p: threshold.Probability()}
}

func newController(p plan, ops *operations, now time.Time) *controller {
	c := &controller{plan: p, ops: ops, error: newChance(1), slow: newChance(1), net: 1}
	c.setInterval()
	c.hours.current = hour{Number: hourOf(now), Limit: p.share()}
	c.began, c.next = now, c.gridAfter(now)
	c.planBursts()
	return c
}

// setInterval makes an interval long enough for about 50 spans of the budget, between 10
// and 120 seconds, and a whole part of an hour.
func (c *controller) setInterval() {
	seconds := min(max(50*3600/c.plan.share(), 10), 120)
	c.interval = time.Hour / time.Duration(math.Round(3600/seconds))
}

// assumeSpent is for a start without a ledger: what has gone of the hour counts as spent
// evenly.
func (c *controller) assumeSpent(now time.Time) {
	c.hours.current.Assumed = int64(c.plan.share() * now.Sub(startOf(c.hours.current.Number)).Hours())
	c.before = c.hours.current.total()
}

// setInstances changes the number of instances. What the hour may cost up to now stays.
func (c *controller) setInstances(n int, now time.Time) {
	c.advance(now)
	rest := c.endOfHour().Sub(now).Hours()
	before := c.plan.share()
	c.plan.instances = n
	c.hours.current.Limit += (c.plan.share() - before) * rest
	c.setInterval()
	c.began, c.next = now, c.gridAfter(now)
	c.divide(now)
}

func (c *controller) endOfHour() time.Time { return startOf(c.hours.current.Number + 1) }

// gridAfter returns the end of the interval that contains a time.
func (c *controller) gridAfter(now time.Time) time.Time {
	hour := startOf(hourOf(now))
	return hour.Add(now.Sub(hour).Truncate(c.interval) + c.interval)
}

// advance ends the intervals that are over.
func (c *controller) advance(now time.Time) {
	if c.next.Sub(now) > c.interval { // the clock was set back
		c.hours.turn(hourOf(now), c.plan.share())
		c.began, c.next = now, c.gridAfter(now)
		c.planBursts()
		return
	}
	if now.Sub(c.next) > 2*time.Hour { // the clock was set forward, or the machine slept
		c.next = startOf(hourOf(now) - 1)
		c.began = c.next.Add(-c.interval)
	}
	for !now.Before(c.next) {
		if number := hourOf(c.next); number != c.hours.current.Number {
			c.hours.turn(number, c.plan.share())
			c.before, c.decided = c.hours.current.total(), 0
		}
		c.measure(c.next.Sub(c.began).Seconds())
		c.divide(c.next)
		c.began, c.next = c.next, c.next.Add(c.interval)
	}
}

// measure takes the demand of the interval that ends, which has lasted some seconds.
func (c *controller) measure(seconds float64) {
	weight := min(1, seconds/demandWindow)
	for _, class := range []spanbudget.Class{spanbudget.ClassError, spanbudget.ClassSlow} {
		c.demand[class] += weight * (c.arrived[class]/seconds - c.demand[class])
	}
	c.arrived = [classCount]float64{}
	c.ops.measure(seconds, seconds/c.interval.Seconds())
	if spent := c.hours.current.total(); c.decided > 0 {
		ratio := float64(spent-c.before) / float64(c.decided)
		c.net = min(max(c.net+weight*(ratio-c.net), 0.05), 2)
	}
	c.excess = max(0, c.excess-c.planned)
	c.before, c.decided = c.hours.current.total(), 0
}

// divide plans the rest of the hour.
func (c *controller) divide(now time.Time) {
	rest := max(c.endOfHour().Sub(now), c.interval).Seconds()
	left := c.left()
	floorRate := c.plan.share() * c.plan.floor / 3600
	floor := floorRate * rest

	errors := c.demand[spanbudget.ClassError] * c.net * rest
	pError := part(left-floor, errors)
	if c.plan.overspend {
		pError = 1
	}
	left = max(0, left-pError*errors)

	slow := c.demand[spanbudget.ClassSlow] * c.net * rest
	pSlow := part(min(c.slowLeft(), left-floor), slow)
	left -= pSlow * slow

	c.error, c.slow = newChance(pError), newChance(pSlow)

	c.ops.setLevel(left/rest/c.net, floorRate/c.net)
	c.planned = left / rest / c.net * c.interval.Seconds()
	c.planBursts()
}

// left returns the spans of the hour that can still be planned.
func (c *controller) left() float64 {
	current := &c.hours.current
	return max(0, current.Limit*(1-c.plan.reserve)-float64(current.total()))
}

// floorLeft returns the spans that only ordinary traces may spend in the rest of the hour.
func (c *controller) floorLeft() float64 {
	return c.plan.share() * c.plan.floor * max(0, c.endOfHour().Sub(c.began).Hours())
}

// slowLeft returns the spans that slow traces may still spend in the hour.
func (c *controller) slowLeft() float64 {
	return c.plan.slowShare*c.hours.current.Limit - float64(c.hours.current.Spent[spanbudget.ClassSlow])
}

// part returns the probability at which a demand fits into what is available.
func part(available, demand float64) float64 {
	if demand <= 0 {
		return 1
	}
	return min(1, max(0, available)/demand)
}

// decision is what was decided on a trace.
type decision struct {
	verdict spanbudget.Verdict
	kept    bool
	cutOff  bool // not kept because the hour has no room left, or
	// farAhead, because ordinary traces have spent much more than planned
	farAhead bool
}

// decide decides on a trace, or on what has come of it, and counts it as spent if it is
// kept.
func (c *controller) decide(now time.Time, f facts) decision {
	c.advance(now)
	op := c.ops.find(f.operation)
	class := spanbudget.ClassOrdinary
	switch {
	case f.failed:
		class = spanbudget.ClassError
	case c.ops.isSlow(op, f.duration) && c.slowLeft() > 0 && c.slow.p >= c.ops.chance(op).p:
		class = spanbudget.ClassSlow
	}
	return c.decideAs(class, op, f)
}

// decideAs decides on a trace whose class is known.
func (c *controller) decideAs(class spanbudget.Class, op *operation, f facts) decision {
	chosen := c.chance(class, op)
	// A trace that an earlier sampler kept at p' is kept here with min(1, p/p'), so that it
	// is p/p' traces' worth of demand.
	demand := c.demandOf(float64(f.spans)) * min(1/chosen.p, f.stricter.AdjustedCount())
	c.arrived[class] += demand
	if class == spanbudget.ClassOrdinary {
		c.ops.arrive(op, demand)
	}
	d := decision{verdict: spanbudget.Verdict{Class: class, Threshold: chosen.threshold}}
	farAhead := class == spanbudget.ClassOrdinary && c.isFarAhead()
	switch {
	case !chosen.threshold.ShouldSample(f.randomness):
	case farAhead, !c.hasRoom(class, f.spans):
		d.cutOff, d.farAhead = true, farAhead
		c.count(func(n *counts) { n.CutOff += int64(f.spans) })
	default:
		d.kept = true
		c.spend(class, f.spans)
		c.decided += int64(f.spans)
		c.slowDown(class, float64(f.spans))
	}
	c.count(func(n *counts) { n.decided(class, f.spans, d.kept) })
	return d
}

// count changes the counts of the hour and those since the start.
func (c *controller) count(change func(*counts)) {
	change(&c.hours.current.Counts)
	change(&c.since)
}

func (c *controller) chance(class spanbudget.Class, op *operation) chance {
	switch class {
	case spanbudget.ClassError:
		return c.error
	case spanbudget.ClassSlow:
		return c.slow
	default:
		return c.ops.chance(op)
	}
}

// hasRoom reports whether spans fit into the hour.
func (c *controller) hasRoom(class spanbudget.Class, spans int) bool {
	current := &c.hours.current
	limit, spent := current.Limit, current.total()
	switch {
	case c.plan.overspend && class == spanbudget.ClassError:
		return true
	case c.plan.overspend && class == spanbudget.ClassOrdinary && float64(current.Spent[class]+int64(spans)) <= c.plan.floor*limit:
		return true // errors may have spent more than there was
	case class != spanbudget.ClassOrdinary:
		limit -= c.floorLeft()
	}
	return float64(spent+int64(spans)) <= limit
}

// late counts late spans of a trace that was kept, if the hour has room for them.
func (c *controller) late(class spanbudget.Class, spans int) bool {
	if !c.hasRoom(class, spans) {
		c.count(func(n *counts) { n.CutOff += int64(spans) })
		return false
	}
	c.spend(class, spans)
	c.count(func(n *counts) { n.Late += int64(spans) })
	return true
}

// folded takes back spans that have become part of others.
func (c *controller) folded(class spanbudget.Class, spans int) {
	spent := min(int64(spans), c.hours.current.Spent[class])
	c.hours.current.Spent[class] -= spent
	c.count(func(n *counts) { n.Folded += spent })
}

func (c *controller) spend(class spanbudget.Class, spans int) {
	c.hours.current.Spent[class] += int64(spans)
}
