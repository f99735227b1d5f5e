// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package orderedmap has the map that package v3 names. It holds nothing, for
// nothing is read back from the document.
package orderedmap

// Map takes entries and forgets them.
type Map[K comparable, V any] struct{}

// Pair is an entry of a Map.
type Pair[K comparable, V any] struct{}

// New makes a Map.
func New[K comparable, V any]() *Map[K, V] {
	return &Map[K, V]{}
}

// Set does nothing.
func (*Map[K, V]) Set(K, V) {}

// First returns nil: there is no entry.
func (*Map[K, V]) First() *Pair[K, V] {
	return nil
}

// Next returns nil: there is no further entry.
func (*Pair[K, V]) Next() *Pair[K, V] {
	return nil
}

// Key returns the zero key.
func (*Pair[K, V]) Key() (key K) {
	return key
}

// Value returns the zero value.
func (*Pair[K, V]) Value() (value V) {
	return value
}
