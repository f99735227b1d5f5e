// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"

import "slices"

// Range is the items with the indexes From to To-1.
type Range struct{ From, To int }

// Set is a set of items of one request: ascending ranges that are not empty and do not
// overlap. The methods do not modify it.
type Set []Range

// All returns the set of the first n items.
func All(n int) Set {
	if n <= 0 {
		return nil
	}
	return Set{{0, n}}
}

// Len returns the number of items.
func (s Set) Len() int {
	n := 0
	for _, r := range s {
		n += r.To - r.From
	}
	return n
}

// Cut returns the first n items and the others.
func (s Set) Cut(n int) (first, rest Set) {
	for i, r := range s {
		size := r.To - r.From
		switch {
		case n <= 0:
			return first, append(rest, s[i:]...)
		case n < size:
			first = append(first, Range{r.From, r.From + n})
			rest = append(rest, Range{r.From + n, r.To})
		default:
			first = append(first, r)
		}
		n -= size
	}
	return first, rest
}

// Without returns the set without the items at the given places, which are ascending.
// Place 0 is the first item of the set.
func (s Set) Without(places []int) Set {
	var kept Set
	rest, done := s, 0
	for _, place := range places {
		var before Set
		before, rest = rest.Cut(place - done)
		_, rest = rest.Cut(1)
		kept = append(kept, before...)
		done = place + 1
	}
	return append(kept, rest...).joined()
}

// At returns the set of the item at a place.
func (s Set) At(place int) Set {
	_, rest := s.Cut(place)
	one, _ := rest.Cut(1)
	return one
}

// With returns the union of the set and another one. The two must be disjoint.
func (s Set) With(other Set) Set {
	all := slices.Concat(s, other)
	slices.SortFunc(all, func(a, b Range) int { return a.From - b.From })
	return all.joined()
}

// joined merges adjacent ranges.
func (s Set) joined() Set {
	var joined Set
	for _, r := range s {
		if last := len(joined) - 1; last >= 0 && joined[last].To == r.From {
			joined[last].To = r.To
			continue
		}
		joined = append(joined, r)
	}
	return joined
}
