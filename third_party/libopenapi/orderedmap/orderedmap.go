// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package orderedmap declares the map that package v3 uses. It stores nothing,
// since nobody reads the document.
package orderedmap

// Map discards all entries.
type Map[K comparable, V any] struct{}

// Pair is an entry of a Map.
type Pair[K comparable, V any] struct{}

// New returns a Map.
func New[K comparable, V any]() *Map[K, V] {
	return &Map[K, V]{}
}

// Set does nothing.
func (*Map[K, V]) Set(K, V) {}

// First returns nil, since there are no entries.
func (*Map[K, V]) First() *Pair[K, V] {
	return nil
}

// Next returns nil, since there are no entries.
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
