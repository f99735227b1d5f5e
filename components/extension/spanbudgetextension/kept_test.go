// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"encoding/binary"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

func keptWith(number int) keptTrace {
	k := keptTrace{verdict: spanbudget.Verdict{Class: spanbudget.Classes[number%3], Threshold: newChance(1 / float64(1+number%100)).threshold}}
	binary.BigEndian.PutUint64(k.id[8:], uint64(number)) //nolint:gosec // not negative
	return k
}

// The last traces are remembered, also by the next process.
func TestKeptTraces(t *testing.T) {
	const traces = segmentCount*segmentSize + 5000
	kept, stored := newKeptTraces(), map[int][]byte{}
	for number := range traces {
		kept.put(keptWith(number))
		if number%700 == 0 || number == traces-1 {
			for segment, record := range kept.takeChanged() {
				stored[segment] = record
			}
		}
	}
	assert.Empty(t, kept.takeChanged())
	assert.Len(t, stored, segmentCount)
	restored := newKeptTraces()
	for number, record := range stored {
		require.NoError(t, restored.restore(number, record))
	}
	for _, k := range []*keptTraces{kept, restored} {
		assert.LessOrEqual(t, len(k.places), segmentCount*segmentSize)
		for number := traces - (segmentCount-1)*segmentSize; number < traces; number++ {
			wanted := keptWith(number)
			got := k.get(wanted.id)
			require.NotNil(t, got, "trace %d", number)
			require.Equal(t, wanted, *got)
		}
		assert.Nil(t, k.get(keptWith(1).id))
		assert.Nil(t, k.get(pcommon.TraceID{1}))
	}
	// The next process goes on where the ring was.
	restored.put(keptWith(traces))
	assert.Equal(t, kept.current, restored.current)
	assert.NotNil(t, restored.get(keptWith(traces).id))
}

// FuzzSegment checks that a segment is either rejected, or the same after it is stored again.
func FuzzSegment(f *testing.F) {
	f.Add(encodeSegment([]keptTrace{keptWith(1), keptWith(2)}, true))
	f.Add(encodeSegment(nil, false))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, record []byte) {
		traces, current, err := decodeSegment(record)
		if err != nil {
			return
		}
		assert.Equal(t, record, encodeSegment(traces, current))
		for _, trace := range traces {
			assert.LessOrEqual(t, trace.verdict.Threshold.Unsigned(), sampling.NeverSampleThreshold.Unsigned())
		}
	})
}
