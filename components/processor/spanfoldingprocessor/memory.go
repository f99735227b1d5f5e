// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// remembered is the number of the latest parents, and of the latest folded spans, that
// are remembered at least. At most twice as many are.
const (
	rememberedParents = 1 << 16
	rememberedFolded  = 1 << 14
)

// spanKey identifies a span.
type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// hash returns a hash that an app cannot foresee.
func (k spanKey) hash(seed maphash.Seed) uint64 {
	var ids [len(k.trace) + len(k.span)]byte
	copy(ids[:], k.trace[:])
	copy(ids[len(k.trace):], k.span[:])
	return maphash.Bytes(seed, ids[:])
}

// latest is a map of the keys that were put last. It forgets a whole generation at once.
type latest[K comparable, V any] struct {
	size              int
	current, previous map[K]V
}

func newLatest[K comparable, V any](size int) latest[K, V] {
	return latest[K, V]{size: size, current: map[K]V{}, previous: map[K]V{}}
}

func (l *latest[K, V]) put(key K, value V) {
	if len(l.current) >= l.size {
		l.current, l.previous = l.previous, l.current
		clear(l.current)
	}
	l.current[key] = value
}

func (l *latest[K, V]) get(key K) (V, bool) {
	value, ok := l.current[key]
	if !ok {
		value, ok = l.previous[key]
	}
	return value, ok
}

func (l *latest[K, V]) isEmpty() bool { return len(l.current) == 0 && len(l.previous) == 0 }

// latestHashes is a set of the hashes that were added last. It forgets a whole generation
// at once. It takes two hashes for one if 32 bits of them are equal, and few others.
type latestHashes struct {
	current, previous []uint32 // open addressing; 0 is unused
	used              int      // places of current
}

// hashSlots is the number of places for a generation: twice as many as are used.
const hashSlots = 2 * rememberedParents

func newLatestHashes() latestHashes {
	return latestHashes{current: make([]uint32, hashSlots), previous: make([]uint32, hashSlots)}
}

func (l *latestHashes) add(hash uint64) {
	if l.used >= rememberedParents {
		l.current, l.previous = l.previous, l.current
		clear(l.current)
		l.used = 0
	}
	place, found := findHash(l.current, hash)
	if !found {
		l.current[place] = mark(hash)
		l.used++
	}
}

func (l *latestHashes) contains(hash uint64) bool {
	_, found := findHash(l.current, hash)
	if !found {
		_, found = findHash(l.previous, hash)
	}
	return found
}

// findHash returns the place of a hash, or the one for it.
func findHash(slots []uint32, hash uint64) (place uint64, found bool) {
	wanted := mark(hash)
	for place = hash >> 32 % hashSlots; slots[place] != 0; place = (place + 1) % hashSlots {
		if slots[place] == wanted {
			return place, true
		}
	}
	return place, false
}

// mark returns the part of a hash that is stored. It is not 0.
func mark(hash uint64) uint32 { return uint32(hash) | 1 } //nolint:gosec // the other half gives the place

// memory has what earlier batches say about the spans of this one. Children usually end,
// and are sent, before their parents.
type memory struct {
	seed maphash.Seed
	// parents has the spans that others name as their parent. Two spans with one hash only
	// mean that one is not folded.
	parents latestHashes
	// folded has the summary of each span that was folded.
	folded latest[spanKey, pcommon.SpanID]
}

func newMemory() memory {
	return memory{
		seed:    maphash.MakeSeed(),
		parents: newLatestHashes(),
		folded:  newLatest[spanKey, pcommon.SpanID](rememberedFolded),
	}
}

func (m *memory) addParent(key spanKey) { m.parents.add(key.hash(m.seed)) }

func (m *memory) isParent(key spanKey) bool { return m.parents.contains(key.hash(m.seed)) }
