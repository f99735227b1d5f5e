// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// REDMetrics are the requests, errors and durations that the collector counted before it
// dropped spans: the metrics service.calls, service.duration, database.calls and
// database.duration of config/red-metrics.yaml, in either temporality.
type REDMetrics struct {
	Services  []REDRow `json:"services"`
	Databases []REDRow `json:"databases"`
}

// REDRow has the calls of a service, or those of a service to a database.
type REDRow struct {
	Service string `json:"service"`
	// Database is the peer.service of the calls.
	Database string `json:"database,omitempty"`
	Calls    int64  `json:"calls"`
	Errors   int64  `json:"errors"`
	// P50NS and P95NS are percentiles in nanoseconds, estimated within the buckets of the
	// histogram; 0 without a histogram.
	P50NS int64 `json:"p50_ns"`
	P95NS int64 `json:"p95_ns"`
	// Points are the calls by time, in order.
	Points []REDPoint `json:"points"`
}

// REDPoint has the calls until Time and after the point before.
type REDPoint struct {
	Time   time.Time `json:"time"`
	Calls  int64     `json:"calls"`
	Errors int64     `json:"errors"`
}

func (s *Server) getRED(w http.ResponseWriter, _ *http.Request, within timeRange) {
	s.writeJSON(w, http.StatusOK, redOf(s.metricsIn(within)))
}

// redTally collects the increments of one row.
type redTally struct {
	calls, errors int64
	points        map[int64]*REDPoint
	durations     histogram
}

// redKey identifies a row.
type redKey struct{ service, database string }

// redOf returns the rows of the metrics, which are sorted by arrival, the newest first.
func redOf(metrics []storedMetric) REDMetrics {
	services, databases := map[redKey]*redTally{}, map[redKey]*redTally{}
	streams := streamSet{}
	for _, stored := range slices.Backward(metrics) {
		var rows map[redKey]*redTally
		switch stored.metric.Name() {
		case "service.calls", "service.duration":
			rows = services
		case "database.calls", "database.duration":
			rows = databases
		default:
			continue
		}
		row := func(attributes pcommon.Map) *redTally {
			key := redKey{service: serviceOf(stored.resource)}
			if value, ok := attributes.Get("service.name"); ok {
				key.service = value.AsString()
			}
			if value, ok := attributes.Get("peer.service"); ok {
				key.database = firstCharacters(value.AsString(), maxName)
			}
			if rows[key] == nil {
				rows[key] = &redTally{points: map[int64]*REDPoint{}}
			}
			return rows[key]
		}
		switch stored.metric.Type() {
		case pmetric.MetricTypeSum:
			delta := stored.metric.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta
			for _, point := range stored.metric.Sum().DataPoints().All() {
				increment := streams.sum(stored, point, delta)
				row(point.Attributes()).count(point, increment)
			}
		case pmetric.MetricTypeHistogram:
			delta := stored.metric.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta
			for _, point := range stored.metric.Histogram().DataPoints().All() {
				row(point.Attributes()).durations.add(point.ExplicitBounds().AsRaw(), streams.buckets(stored, point, delta), stored.metric.Unit())
			}
		}
	}
	return REDMetrics{Services: renderRED(services), Databases: renderRED(databases)}
}

func (t *redTally) count(point pmetric.NumberDataPoint, calls int64) {
	at := nanosOf(point.Timestamp())
	if t.points[at] == nil {
		t.points[at] = &REDPoint{Time: timeOf(point.Timestamp())}
	}
	t.points[at].Calls += calls
	t.calls += calls
	if status, ok := point.Attributes().Get("status.code"); ok && status.AsString() == "STATUS_CODE_ERROR" {
		t.points[at].Errors += calls
		t.errors += calls
	}
}

func renderRED(rows map[redKey]*redTally) []REDRow {
	list := make([]REDRow, 0, len(rows))
	for key, tally := range rows {
		row := REDRow{
			Service: key.service, Database: key.database, Calls: tally.calls, Errors: tally.errors,
			P50NS: tally.durations.percentile(0.50), P95NS: tally.durations.percentile(0.95), Points: []REDPoint{},
		}
		for _, point := range tally.points {
			row.Points = append(row.Points, *point)
		}
		slices.SortFunc(row.Points, func(a, b REDPoint) int { return a.Time.Compare(b.Time) })
		row.Points = row.Points[max(0, len(row.Points)-maxSeriesPoints):]
		list = append(list, row)
	}
	slices.SortFunc(list, func(a, b REDRow) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Database, b.Database))
	})
	return list[:min(maxServices, len(list))]
}

// histogram adds up buckets with the same bounds. Points with other bounds than the first
// are left out.
type histogram struct {
	bounds []float64 // upper bounds in nanoseconds
	counts []uint64
}

func (h *histogram) add(bounds []float64, counts []uint64, unit string) {
	scale := map[string]float64{"s": 1e9, "ms": 1e6}[unit]
	if scale == 0 || len(counts) != len(bounds)+1 {
		return
	}
	if h.counts == nil {
		h.counts = make([]uint64, len(counts))
		for _, bound := range bounds {
			h.bounds = append(h.bounds, bound*scale)
		}
	}
	if len(counts) != len(h.counts) {
		return
	}
	for i, count := range counts {
		h.counts[i] += count
	}
}

// percentile returns an estimate: durations are assumed to be spread evenly within a
// bucket. Beyond the last bound it is that bound.
func (h *histogram) percentile(share float64) int64 {
	var total uint64
	for _, count := range h.counts {
		total += count
	}
	rank := share * float64(total)
	below, lower := 0.0, 0.0
	for i, upper := range h.bounds {
		count := float64(h.counts[i])
		if count > 0 && below+count >= rank {
			return int64(math.Round(lower + (upper-lower)*(rank-below)/count))
		}
		below, lower = below+count, upper
	}
	if total == 0 {
		return 0
	}
	return int64(lower)
}
