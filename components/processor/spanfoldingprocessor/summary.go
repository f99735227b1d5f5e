// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// slowestFirst orders candidates by their longest duration. The order of equal ones does
// not depend on their order in the batch.
func slowestFirst(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.totals.longest, a.totals.longest), earliestFirst(a, b))
}

func earliestFirst(a, b candidate) int {
	idA, idB := a.span.SpanID(), b.span.SpanID()
	return cmp.Or(cmp.Compare(a.span.StartTimestamp(), b.span.StartTimestamp()), bytes.Compare(idA[:], idB[:]))
}

// summarize makes the slowest span of a fold the summary of all: it keeps its identity,
// name, events and attributes, and gets their time and totals.
func summarize(f fold) {
	span := f.into.span
	d := newDiversity(span.Attributes(), f.into.totals.diverse)
	sum := f.into.totals
	start, end := span.StartTimestamp(), span.EndTimestamp()
	for _, c := range f.rest {
		sum.add(c.totals)
		start, end = min(start, c.span.StartTimestamp()), max(end, c.span.EndTimestamp())
		d.compare(c.span.Attributes(), c.totals.diverse)
	}
	span.SetStartTimestamp(start)
	span.SetEndTimestamp(end)
	sum.write(span.Attributes(), slices.Sorted(maps.Keys(d.names)))
}

// diversity finds the attributes that spans do not have in common with the first one.
type diversity struct {
	first []attr
	names map[string]struct{} // that differ
}

type attr struct {
	name    string
	value   pcommon.Value
	differs bool
}

func newDiversity(attrs pcommon.Map, diverse string) *diversity {
	d := &diversity{first: make([]attr, 0, attrs.Len()), names: map[string]struct{}{}}
	for name, value := range attrs.All() {
		if !isTotal(name) {
			d.first = append(d.first, attr{name: name, value: value})
		}
	}
	d.addNames(diverse)
	return d
}

// compare adds the names of the attributes that differ from those of the first span.
func (d *diversity) compare(attrs pcommon.Map, diverse string) {
	d.addNames(diverse)
	i, common := 0, 0
	for name, value := range attrs.All() {
		if isTotal(name) {
			continue
		}
		// The attributes of equal calls are nearly always in the same order.
		if i >= len(d.first) || d.first[i].name != name {
			i = slices.IndexFunc(d.first, func(a attr) bool { return a.name == name })
		}
		if i < 0 {
			d.names[name] = struct{}{}
			i = 0
			continue
		}
		common++
		if !d.first[i].differs && !d.first[i].value.Equal(value) {
			d.first[i].differs = true
			d.names[name] = struct{}{}
		}
		i++
	}
	if common == len(d.first) {
		return
	}
	for i := range d.first {
		if _, ok := attrs.Get(d.first[i].name); !ok && !d.first[i].differs {
			d.first[i].differs = true
			d.names[d.first[i].name] = struct{}{}
		}
	}
}

// addNames adds the names that an earlier summary has.
func (d *diversity) addNames(list string) {
	if list == "" {
		return
	}
	for name := range strings.SplitSeq(list, ",") {
		d.names[name] = struct{}{}
	}
}

// isTotal reports whether an attribute is one of a summary.
func isTotal(name string) bool { return strings.HasPrefix(name, "aggregation.") }
