// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// redUpload is one flush of span_metrics: the calls of a service and of a database, the
// number of them that failed, and the buckets below 10 ms, below 100 ms and above.
type redUpload struct {
	start, at     int // seconds
	calls, errors int64
	buckets       []uint64
	databaseCalls int64
}

func (u redUpload) request(delta bool) pmetricotlp.ExportRequest {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	scope := resource.ScopeMetrics().AppendEmpty()
	temporality := pmetric.AggregationTemporalityCumulative
	if delta {
		temporality = pmetric.AggregationTemporalityDelta
	}
	stamp := func(seconds int) pcommon.Timestamp {
		return pcommon.NewTimestampFromTime(time.Unix(int64(1_000_000+seconds), 0))
	}
	sum := func(name string) pmetric.NumberDataPointSlice {
		m := scope.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetEmptySum().SetAggregationTemporality(temporality)
		return m.Sum().DataPoints()
	}
	add := func(points pmetric.NumberDataPointSlice, calls int64, attributes map[string]any) {
		p := points.AppendEmpty()
		p.SetStartTimestamp(stamp(u.start))
		p.SetTimestamp(stamp(u.at))
		p.SetIntValue(calls)
		_ = p.Attributes().FromRaw(attributes) // strings only
	}
	calls := sum("service.calls")
	add(calls, u.calls-u.errors, map[string]any{"span.name": "GET /", "status.code": "STATUS_CODE_UNSET"})
	add(calls, u.errors, map[string]any{"span.name": "GET /", "status.code": "STATUS_CODE_ERROR"})
	add(sum("database.calls"), u.databaseCalls, map[string]any{"peer.service": "HOTELS", "status.code": "STATUS_CODE_UNSET"})
	m := scope.Metrics().AppendEmpty()
	m.SetName("service.duration")
	m.SetUnit("s")
	m.SetEmptyHistogram().SetAggregationTemporality(temporality)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetStartTimestamp(stamp(u.start))
	p.SetTimestamp(stamp(u.at))
	p.ExplicitBounds().FromRaw([]float64{0.01, 0.1})
	p.BucketCounts().FromRaw(u.buckets)
	return pmetricotlp.NewExportRequestFromMetrics(metrics)
}

// The same calls, flushed as totals and as differences, and flushed twice because an
// upload was repeated. The third flush is after a restart of the collector.
func TestREDMetrics(t *testing.T) {
	tests := []struct {
		name    string
		delta   bool
		uploads []redUpload
	}{
		{"cumulative", false, []redUpload{
			{start: 0, at: 60, calls: 10, errors: 1, buckets: []uint64{8, 1, 1}, databaseCalls: 5},
			{start: 0, at: 120, calls: 30, errors: 2, buckets: []uint64{26, 3, 1}, databaseCalls: 9},
			{start: 130, at: 190, calls: 10, errors: 0, buckets: []uint64{10, 0, 0}, databaseCalls: 1},
		}},
		{"delta", true, []redUpload{
			{start: 0, at: 60, calls: 10, errors: 1, buckets: []uint64{8, 1, 1}, databaseCalls: 5},
			{start: 60, at: 120, calls: 20, errors: 1, buckets: []uint64{18, 2, 0}, databaseCalls: 4},
			{start: 130, at: 190, calls: 10, errors: 0, buckets: []uint64{10, 0, 0}, databaseCalls: 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			for _, upload := range tt.uploads {
				for range 2 {
					require.Equal(t, http.StatusOK, s.upload(MetricsPath, protoOf(t, upload.request(tt.delta))).status)
				}
			}
			var got REDMetrics
			s.get("/api/v1/metrics/red", &got)
			at := func(seconds int64) time.Time { return time.Unix(1_000_000+seconds, 0).UTC() }
			assert.Equal(t, REDMetrics{
				Services: []REDRow{{
					Service: "shop", Calls: 40, Errors: 2, P50NS: 5_555_556, P95NS: 70_000_000,
					Points: []REDPoint{{at(60), 10, 1}, {at(120), 20, 1}, {at(190), 10, 0}},
				}},
				Databases: []REDRow{{
					Service: "shop", Database: "HOTELS", Calls: 10,
					Points: []REDPoint{{at(60), 5, 0}, {at(120), 4, 0}, {at(190), 1, 0}},
				}},
			}, got)
		})
	}
}

func TestREDWithoutMetrics(t *testing.T) {
	s := start(t)
	require.Equal(t, http.StatusOK, s.upload(MetricsPath, protoOf(t, someMetrics())).status)
	var got REDMetrics
	s.get("/api/v1/metrics/red", &got)
	assert.Equal(t, REDMetrics{Services: []REDRow{}, Databases: []REDRow{}}, got)
}

func TestPercentileOfBuckets(t *testing.T) {
	tests := []struct {
		name   string
		counts []uint64
		share  float64
		want   int64
	}{
		{"nothing", []uint64{0, 0, 0}, 0.5, 0},
		{"within the first", []uint64{4, 0, 0}, 0.5, 5_000_000},
		{"within the second", []uint64{0, 2, 0}, 0.5, 55_000_000},
		{"beyond the last bound", []uint64{1, 0, 9}, 0.95, 100_000_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h histogram
			h.add([]float64{10, 100}, tt.counts, "ms")
			h.add([]float64{10}, []uint64{1, 1}, "ms") // other bounds
			h.add([]float64{10, 100}, tt.counts, "By")
			assert.Equal(t, tt.want, h.percentile(tt.share))
		})
	}
}
