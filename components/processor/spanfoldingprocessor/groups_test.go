// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Candidates are found by everything that their group consists of, in the order in which
// they were added, whatever was in an earlier batch.
func TestGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	gs := groups{seed: maphash.MakeSeed()}
	for _, size := range []int{1000, 3, 60_000, 1, 200, 40} {
		want := map[group][]int{}
		for position := range size {
			text := func() string { return strconv.Itoa(r.IntN(3)) }
			g := group{name: text(), peer: text(), content: text(), operation: text(), traceState: text(), resource: r.IntN(2)}
			copy(g.trace[:], text())
			copy(g.parent[:], text())
			gs.add(&g, &candidate{position: position, totals: totals{count: 2}})
			want[g] = append(want[g], position)
		}
		require.Len(t, gs.list, len(want))
		for i := range gs.list {
			m := &gs.list[i]
			var got []int
			for _, c := range gs.appendTo(nil, m) {
				got = append(got, c.position)
			}
			require.Equal(t, want[m.group], got)
			require.EqualValues(t, 2*len(got), m.represented)
		}
		gs.reset()
		assert.Empty(t, gs.list)
		assert.LessOrEqual(t, cap(gs.candidates), maxReused)
	}
}

func TestLatestHashes(t *testing.T) {
	l := newLatestHashes()
	r := rand.New(rand.NewPCG(1, 2))
	const n = 5 * rememberedParents / 2
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = r.Uint64()
		l.add(hashes[i])
		l.add(hashes[i]) // needs no second place
	}
	for _, hash := range hashes[n-rememberedParents:] {
		require.True(t, l.contains(hash))
	}
	known := 0
	for range n {
		if l.contains(r.Uint64()) {
			known++
		}
	}
	assert.LessOrEqual(t, known, 2, "hashes that were never added")
	for _, hash := range hashes[:rememberedParents/2] {
		if l.contains(hash) {
			known++
		}
	}
	assert.LessOrEqual(t, known, 4, "hashes that are forgotten")
	l = newLatestHashes()
	l.add(0)
	assert.True(t, l.contains(0), "a hash of zeros")
}
