// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"hash/maphash"
	"math/bits"
)

// groups collects candidates by their group, in the order of the first ones. Its memory is
// used again for the next batch.
type groups struct {
	seed       maphash.Seed
	candidates []candidate
	list       []members
	// table finds a group by its hash: the index in list, plus one; 0 if unused. Its length
	// is a power of two, and more than twice that of list.
	table []int32
}

// members are the candidates of one group: a chain of indexes in groups.candidates.
type members struct {
	group       group
	hash        uint64
	first, last int32
	count       int32
	represented int64 // spans, including those of earlier summaries
}

// minTable is the smallest size of a table.
const minTable = 64

// add adds a candidate.
func (gs *groups) add(g *group, c *candidate) {
	at := int32(len(gs.candidates)) //nolint:gosec // the spans of a request in memory
	gs.candidates = append(gs.candidates, *c)
	m := gs.find(g)
	if m.count == 0 {
		m.first = at
	} else {
		gs.candidates[m.last].next = at
	}
	m.last = at
	m.count++
	m.represented = saturated(m.represented, c.totals.count)
}

// find returns the members of a group, and makes them if there are none.
func (gs *groups) find(g *group) *members {
	// Most spans follow one of the same group.
	if n := len(gs.list); n > 0 && gs.list[n-1].group == *g {
		return &gs.list[n-1]
	}
	if 2*(len(gs.list)+1) >= len(gs.table) {
		gs.grow()
	}
	hash := g.hash(gs.seed)
	mask := len(gs.table) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask { //nolint:gosec // only the low bits count
		if gs.table[i] == 0 {
			gs.list = append(gs.list, members{group: *g, hash: hash})
			gs.table[i] = int32(len(gs.list)) //nolint:gosec // at most the spans of a request
			return &gs.list[len(gs.list)-1]
		}
		if m := &gs.list[gs.table[i]-1]; m.hash == hash && m.group == *g {
			return m
		}
	}
}

// grow doubles the table.
func (gs *groups) grow() {
	gs.table = make([]int32, max(minTable, 2*len(gs.table)))
	mask := len(gs.table) - 1
	for n := range gs.list {
		i := int(gs.list[n].hash) & mask //nolint:gosec // only the low bits count
		for gs.table[i] != 0 {
			i = (i + 1) & mask
		}
		gs.table[i] = int32(n + 1)
	}
}

// hash returns a hash that an app cannot foresee.
func (g *group) hash(seed maphash.Seed) uint64 {
	h := spanKey{g.trace, g.parent}.hash(seed)
	h ^= maphash.Comparable(seed, [2]int{g.resource, g.scope})
	for _, text := range [...]string{g.content, g.name, g.peer, g.system, g.operation, g.traceState} {
		h = bits.RotateLeft64(h, 7) ^ maphash.String(seed, text)
	}
	return h
}

// appendTo appends the candidates of a group to a slice.
func (gs *groups) appendTo(list []candidate, m *members) []candidate {
	at := m.first
	for range m.count {
		list = append(list, gs.candidates[at])
		at = gs.candidates[at].next
	}
	return list
}

// maxReused is the largest number of candidates whose memory is kept for the next batch.
const maxReused = 4096

// reset forgets all candidates.
func (gs *groups) reset() {
	if cap(gs.candidates) > maxReused {
		*gs = groups{seed: gs.seed}
		return
	}
	if len(gs.table) > 16*len(gs.list)+minTable {
		gs.table = nil // clearing it would take longer
	}
	clear(gs.table)
	clear(gs.candidates)
	clear(gs.list)
	gs.candidates, gs.list = gs.candidates[:0], gs.list[:0]
}
