// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

// ring keeps the latest entries within a limit for number and size.
type ring[T any] struct {
	maxEntries int
	maxBytes   int64
	entries    []ringEntry[T]
	bytes      int64
}

type ringEntry[T any] struct {
	value T
	size  int64
}

// add appends an entry and removes the oldest ones that no longer fit. An entry
// larger than the whole ring is discarded.
func (r *ring[T]) add(value T, size int64) {
	r.entries = append(r.entries, ringEntry[T]{value: value, size: size})
	r.bytes += size
	first := 0
	for first < len(r.entries) && (len(r.entries)-first > r.maxEntries || r.bytes > r.maxBytes) {
		r.bytes -= r.entries[first].size
		r.entries[first] = ringEntry[T]{} // release what it points to
		first++
	}
	r.entries = r.entries[first:]
}

// latest returns up to limit entries, the newest first.
func (r *ring[T]) latest(limit int) []T {
	n := min(limit, len(r.entries))
	values := make([]T, 0, n)
	for i := range n {
		values = append(values, r.entries[len(r.entries)-1-i].value)
	}
	return values
}

func (r *ring[T]) clear() {
	r.entries, r.bytes = nil, 0
}
