// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Two agents have a piece of each of a million traces. They decide on their own, with
// different probabilities.
func TestTwoAgents(t *testing.T) {
	const traces = 1_000_000
	agent := func(p float64) *controller {
		c := newTestController(testPlan(1e12), false)
		c.ops.all.chance = newChance(p)
		return c
	}
	one, other := agent(0.2), agent(0.05)
	random := rand.New(rand.NewPCG(1, 2))
	keptByOne, keptByOther, onlyOther := 0, 0, 0
	countOfOne, countOfOther := 0.0, 0.0
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	for range traces {
		var id pcommon.TraceID
		binary.BigEndian.PutUint64(id[:], random.Uint64())
		binary.BigEndian.PutUint64(id[8:], random.Uint64())
		span.SetTraceID(id)
		f := examine(id, td)
		first := one.decide(simulationStart, f)
		second := other.decide(simulationStart, f)
		if first.kept {
			keptByOne++
			countOfOne += first.verdict.Threshold.AdjustedCount()
		}
		if second.kept {
			keptByOther++
			countOfOther += second.verdict.Threshold.AdjustedCount()
			if !first.kept {
				onlyOther++
			}
		}
	}
	t.Logf("of %d traces one agent kept %d and counts %.0f; the other kept %d and counts %.0f; complete are %.4f of the first, computed %.4f; only the second kept %d",
		traces, keptByOne, countOfOne, keptByOther, countOfOther, float64(keptByOther)/float64(keptByOne), 0.05/0.2, onlyOther)
	assert.Zero(t, onlyOther)
	assert.InDelta(t, 0.25, float64(keptByOther)/float64(keptByOne), 0.01)
	assert.InEpsilon(t, traces, countOfOne, 0.01)
	assert.InEpsilon(t, traces, countOfOther, 0.02)
}
