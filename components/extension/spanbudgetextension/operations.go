// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"math"
	"slices"
	"time"
)

const (
	// The demand of all ordinary traces follows an increase fast, by half in an interval,
	// and a decrease slowly, by a tenth in ten seconds and at most a third in an interval:
	// too little is kept for a while rather than too much.
	rise       = 0.5
	fall       = 0.1
	fallWithin = 10.0 // seconds
	maxFall    = 1.0 / 3

	// smoothing is for the parts of operations in it. They are small and noisy: following
	// the increases of each would overestimate their sum.
	smoothing = 0.2

	// forgetAfter is how long an operation without traces is remembered.
	forgetAfter = time.Hour

	// maxLevel is a level that limits no operation.
	maxLevel = 1e15
)

// operationName identifies an operation.
type operationName struct {
	service string
	name    string // of the root span, or of the earliest one
}

// operation is a kind of request.
type operation struct {
	durations durations
	group     *group
	idle      float64 // seconds since the last trace
}

// group is a set of operations whose ordinary traces share a probability.
type group struct {
	average float64 // demand in spans a second
	rate    float64 // the same, made to sum up to the demand of all
	arrived float64 // demand in this interval, in spans
	known   bool    // rate has been measured
	chance  chance
	floor   float64 // the lowest probability
}

// operations divides the spans of ordinary traces. If fair, all operations get the same
// number of spans a second, those that need less get what they need, and rare operations
// are kept as a whole.
type operations struct {
	fair     bool
	most     int
	quantile quantile
	byName   map[operationName]*operation
	common   operation // those beyond most
	all      group     // all ordinary traces; the only group unless fair
	overall  durations // of all operations, for those with few traces
	level    float64   // spans a second of an operation
	damping  float64   // the factor for operations that are not known yet
}

func newOperations(fair bool, most int, q quantile) *operations {
	o := &operations{fair: fair, most: most, quantile: q, byName: map[operationName]*operation{}, level: math.Inf(1), damping: 1, overall: newDurations(q)}
	o.all.chance = newChance(1)
	o.common = o.newOperation()
	return o
}

func (o *operations) newOperation() operation {
	op := operation{group: &o.all, durations: newDurations(o.quantile)}
	if o.fair {
		op.group = &group{chance: newChance(o.damping)}
	}
	return op
}

// find returns the operation with a name.
func (o *operations) find(name operationName) *operation {
	op := o.byName[name]
	if op == nil {
		if len(o.byName) >= o.most {
			return &o.common
		}
		created := o.newOperation()
		op = &created
		o.byName[name] = op
	}
	op.idle = 0
	return op
}

func (*operations) chance(op *operation) chance { return op.group.chance }

// isSlow reports whether a trace is one of the slowest of its operation, or of all as long
// as the operation has few. It counts the trace.
func (o *operations) isSlow(op *operation, took time.Duration) bool {
	slow := op.durations.isSlow(took)
	if !op.durations.isKnown() {
		slow = o.overall.isSlow(took)
	}
	op.durations.add(took)
	o.overall.add(took)
	return slow
}

// arrive counts the demand of an ordinary trace.
func (o *operations) arrive(op *operation, spans float64) {
	o.all.arrived += spans
	if o.fair {
		op.group.arrived += spans
	}
}

// groups returns all groups.
func (o *operations) groups() []*group {
	if !o.fair {
		return []*group{&o.all}
	}
	groups := make([]*group, 0, len(o.byName)+1)
	for _, op := range o.byName {
		groups = append(groups, op.group)
	}
	return append(groups, o.common.group)
}

// measure takes the demand of an interval, and forgets operations that are gone. whole is
// the part of an interval that has passed since the start.
func (o *operations) measure(seconds, whole float64) {
	for name, op := range o.byName {
		op.durations.update(seconds)
		if op.idle += seconds; op.idle > forgetAfter.Seconds() {
			delete(o.byName, name)
		}
	}
	o.common.durations.update(seconds)
	o.overall.update(seconds)
	o.damping = 1
	if o.all.arrived > o.all.rate*seconds {
		o.all.measure(seconds, rise*whole)
	} else {
		o.all.measure(seconds, min(1-math.Pow(1-fall, seconds/fallWithin), maxFall))
	}
	if !o.fair {
		return
	}
	sum := 0.0
	for _, g := range o.groups() {
		g.measure(seconds, smoothing*whole)
		sum += g.average
	}
	for _, g := range o.groups() {
		g.rate = 0
		if sum > 0 {
			g.rate = g.average * o.all.rate / sum
		}
	}
}

// measure takes the demand of an interval.
func (g *group) measure(seconds, weight float64) {
	rate := g.arrived / seconds
	if !g.known {
		weight, g.known = 1, g.arrived > 0
	}
	g.average += weight * (rate - g.average)
	g.rate, g.arrived = g.average, 0
}

// setLevel divides spans a second among the operations. None gets less than its part of
// floor spans a second.
func (o *operations) setLevel(target, floor float64) {
	groups := o.groups()
	slices.SortFunc(groups, func(a, b *group) int {
		switch {
		case a.rate < b.rate:
			return -1
		case a.rate > b.rate:
			return 1
		default:
			return 0
		}
	})
	o.level = min(level(groups, target), o.level*maxIncrease)
	lowest := level(groups, floor)
	for _, g := range groups {
		if g.rate > 0 {
			g.floor = min(1, lowest/g.rate)
			g.chance = newChance(max(min(1, o.level/g.rate), g.floor))
		} else {
			g.floor, g.chance = 0, newChance(1)
		}
	}
}

// level returns how many spans a second an operation gets so that all of them, sorted by
// their rate, get as many as there are. It is infinite if that is enough for all.
func level(sorted []*group, spans float64) float64 {
	for n, g := range sorted {
		equal := spans / float64(len(sorted)-n)
		if g.rate >= equal {
			return equal
		}
		spans -= g.rate
	}
	return math.Inf(1)
}

// halve halves all probabilities until the end of the interval.
func (o *operations) halve() {
	o.damping /= 2
	for _, g := range o.groups() {
		g.chance = newChance(max(g.chance.p/2, g.floor))
	}
}

// busiest returns the group with the highest demand.
func (o *operations) busiest() *group {
	most := o.common.group
	for _, g := range o.groups() {
		if g.rate > most.rate {
			most = g
		}
	}
	return most
}

// demand returns the spans a second of all ordinary traces, and how many of them are
// kept.
func (o *operations) demand() (all, kept float64) {
	for _, g := range o.groups() {
		all += g.rate
		kept += g.rate * g.chance.p
	}
	return all, kept
}
