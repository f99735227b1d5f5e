// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/json"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// streamSet turns the points of metric streams into increments. Points that arrive twice
// count once. Source: OpenTelemetry metrics data model, sums and histograms.
type streamSet map[streamKey]*stream

type streamKey struct{ name, resource, attributes string }

// stream is the last point of a stream.
type stream struct {
	start, time pcommon.Timestamp
	value       int64
	buckets     []uint64
}

// of returns the state of a point's stream, and whether the point is to be added to what
// it has: it returns false for a point that is not newer.
func (s streamSet) of(stored storedMetric, attributes pcommon.Map, start, time pcommon.Timestamp) (*stream, bool) {
	key := streamKey{name: stored.metric.Name(), resource: encoded(stored.resource.Attributes()), attributes: encoded(attributes)}
	known := s[key]
	if known == nil {
		known = &stream{start: start}
		s[key] = known
	}
	if time <= known.time {
		return known, false
	}
	if start != known.start { // the counter was reset
		known.start, known.value, known.buckets = start, 0, nil
	}
	known.time = time
	return known, true
}

// sum returns the increment of a counter since the point before.
func (s streamSet) sum(stored storedMetric, point pmetric.NumberDataPoint, delta bool) int64 {
	known, newer := s.of(stored, point.Attributes(), point.StartTimestamp(), point.Timestamp())
	value := point.IntValue()
	if point.ValueType() == pmetric.NumberDataPointValueTypeDouble {
		value = int64(point.DoubleValue())
	}
	switch {
	case !newer:
		return 0
	case delta:
		return max(0, value)
	}
	increment := max(0, value-known.value)
	known.value = value
	return increment
}

// buckets returns the increments of a histogram's buckets since the point before.
func (s streamSet) buckets(stored storedMetric, point pmetric.HistogramDataPoint, delta bool) []uint64 {
	known, newer := s.of(stored, point.Attributes(), point.StartTimestamp(), point.Timestamp())
	counts := point.BucketCounts().AsRaw()
	switch {
	case !newer:
		return make([]uint64, len(counts))
	case delta:
		return counts
	}
	increments := make([]uint64, len(counts))
	for i, count := range counts {
		before := uint64(0)
		if len(known.buckets) == len(counts) {
			before = min(known.buckets[i], count)
		}
		increments[i] = count - before
	}
	known.buckets = counts
	return increments
}

// encoded returns attributes as a key for a map.
func encoded(attributes pcommon.Map) string {
	text, err := json.Marshal(renderMap(attributes, 0))
	if err != nil { // the result of renderMap can always be encoded
		return ""
	}
	return string(text)
}
