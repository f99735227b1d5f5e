// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLevel(t *testing.T) {
	groups := func(rates ...float64) (list []*group) {
		for _, rate := range rates {
			list = append(list, &group{rate: rate})
		}
		return list
	}
	for name, test := range map[string]struct {
		groups        []*group
		spans, wanted float64
	}{
		"nothing":       {spans: 10, wanted: math.Inf(1)},
		"enough":        {groups: groups(1, 2, 3), spans: 7, wanted: math.Inf(1)},
		"equal shares":  {groups: groups(10, 20, 30), spans: 9, wanted: 3},
		"rare is whole": {groups: groups(1, 20, 30), spans: 9, wanted: 4},
		"none":          {groups: groups(0, 20), spans: 0, wanted: 0},
	} {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, test.wanted, level(test.groups, test.spans), 1e-9)
		})
	}
}

// Rare operations are kept whole, and busy ones get the same number of spans.
func TestFairness(t *testing.T) {
	o := newOperations(true, 10, quantile{value: 0.99})
	rates := map[string]float64{"rare": 1, "busy": 50, "busiest": 500}
	for range 100 {
		for name, rate := range rates {
			o.arrive(o.find(operationName{name: name}), rate*10)
		}
		o.measure(10, 1)
		o.setLevel(41, 1)
	}
	for name, wanted := range map[string]float64{"rare": 1, "busy": 20.0 / 50, "busiest": 20.0 / 500} {
		assert.InEpsilon(t, wanted, o.chance(o.find(operationName{name: name})).p, 0.01, name)
	}
	assert.Equal(t, newChance(1), o.chance(o.find(operationName{name: "new"})))
	assert.InEpsilon(t, 20.0/500, o.busiest().chance.p, 0.01)
	all, kept := o.demand()
	assert.InEpsilon(t, 551, all, 0.01)
	assert.InEpsilon(t, 41, kept, 0.01)
	o.halve()
	assert.InEpsilon(t, 10.0/500, o.busiest().chance.p, 0.01)
	assert.Equal(t, newChance(0.5), o.chance(o.find(operationName{name: "even newer"})), "after a halving")
}

func TestTooManyOperations(t *testing.T) {
	o := newOperations(true, 10, quantile{value: 0.99})
	for n := range 20 {
		o.arrive(o.find(operationName{name: strconv.Itoa(n)}), 1)
	}
	assert.Len(t, o.byName, 10)
	assert.InDelta(t, 10, o.common.group.arrived, 0)
	for range 2 * int(forgetAfter/time.Minute) {
		o.measure(60, 1)
	}
	assert.Empty(t, o.byName)
}

// What is kept falls at once, and rises step by step.
func TestIncreaseIsSlow(t *testing.T) {
	o := newOperations(false, 10, quantile{value: 0.99})
	op := o.find(operationName{})
	step := func(target float64) float64 {
		o.arrive(op, 1000)
		o.measure(10, 1)
		o.setLevel(target, 1)
		return o.chance(op).p
	}
	assert.InDelta(t, 1, step(100), 0.001)
	assert.InDelta(t, 0.1, step(10), 0.001)
	assert.InDelta(t, 0.15, step(100), 0.001)
	assert.InDelta(t, 0.225, step(100), 0.001)
	assert.InDelta(t, 0.01, step(0), 0.001, "the floor")
}
