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

// memory has what earlier batches say about the spans of this one. Children usually end,
// and are sent, before their parents.
type memory struct {
	seed maphash.Seed
	// parents has the hashes of the spans that others name as their parent. Two spans
	// with one hash only mean that one is not folded.
	parents latest[uint64, struct{}]
	// folded has the summary of each span that was folded.
	folded latest[spanKey, pcommon.SpanID]
}

func newMemory() memory {
	return memory{
		seed:    maphash.MakeSeed(),
		parents: newLatest[uint64, struct{}](rememberedParents),
		folded:  newLatest[spanKey, pcommon.SpanID](rememberedFolded),
	}
}

func (m *memory) addParent(key spanKey) { m.parents.put(maphash.Comparable(m.seed, key), struct{}{}) }

func (m *memory) isParent(key spanKey) bool {
	_, ok := m.parents.get(maphash.Comparable(m.seed, key))
	return ok
}
