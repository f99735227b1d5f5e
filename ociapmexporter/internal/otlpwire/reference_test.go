// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// reference implements with pdata what the package does without it.
type reference struct {
	name   string
	layout Layout
	// random returns an encoded request with some items.
	random func(source *rand.Rand) []byte
	// decode returns the items of a request, each encoded as a request with its
	// containers and no other items.
	decode func(tb testing.TB, body []byte) []string
}

func references() []reference {
	return []reference{
		{name: "traces", layout: Traces, random: randomTraces, decode: decodeTraces},
		{name: "metrics", layout: Metrics, random: randomMetrics, decode: decodeMetrics},
		{name: "logs", layout: Logs, random: randomLogs, decode: decodeLogs},
	}
}

// text returns a random text. Some are long enough for the length of a container to need
// a longer varint.
func text(source *rand.Rand) string {
	size := []int{0, 1, 7, 100, 140, 20000}[source.IntN(6)]
	if size == 20000 && source.IntN(10) > 0 {
		size = 3
	}
	return fmt.Sprintf("%0*d", size, source.IntN(1000))
}

func fill(source *rand.Rand, attributes pcommon.Map) {
	for i := range source.IntN(3) {
		attributes.PutStr(fmt.Sprint("key", i), text(source))
	}
}

func randomTraces(source *rand.Rand) []byte {
	td := ptrace.NewTraces()
	for range source.IntN(4) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl(text(source))
		fill(source, rs.Resource().Attributes())
		for range source.IntN(4) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(text(source))
			for range source.IntN(5) {
				span := ss.Spans().AppendEmpty()
				if source.IntN(5) == 0 {
					continue // empty
				}
				span.SetName(text(source))
				var id pcommon.SpanID
				binary.BigEndian.PutUint64(id[:], source.Uint64())
				span.SetSpanID(id)
				fill(source, span.Attributes())
				for range source.IntN(3) {
					span.Events().AppendEmpty().SetName(text(source))
				}
			}
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

func decodeTraces(tb testing.TB, body []byte) (items []string) {
	tb.Helper()
	request := ptraceotlp.NewExportRequest()
	require.NoError(tb, request.UnmarshalProto(body))
	for _, rs := range request.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				one := ptrace.NewTraces()
				to := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(to.Resource())
				to.SetSchemaUrl(rs.SchemaUrl())
				scope := to.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(scope.Scope())
				scope.SetSchemaUrl(ss.SchemaUrl())
				span.CopyTo(scope.Spans().AppendEmpty())
				encoded, err := ptraceotlp.NewExportRequestFromTraces(one).MarshalProto()
				require.NoError(tb, err)
				items = append(items, string(encoded))
			}
		}
	}
	return items
}

func randomMetrics(source *rand.Rand) []byte {
	md := pmetric.NewMetrics()
	for range source.IntN(3) {
		rm := md.ResourceMetrics().AppendEmpty()
		fill(source, rm.Resource().Attributes())
		for range source.IntN(3) {
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.SetSchemaUrl(text(source))
			for range source.IntN(4) {
				m := sm.Metrics().AppendEmpty()
				m.SetName(text(source))
				m.SetUnit("s")
				fill(source, m.Metadata())
				points := source.IntN(4)
				switch source.IntN(6) {
				case 0:
					for range points {
						m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(int64(source.IntN(10)))
					}
				case 1:
					sum := m.SetEmptySum()
					sum.SetIsMonotonic(true)
					sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
					for range points {
						fill(source, sum.DataPoints().AppendEmpty().Attributes())
					}
				case 2:
					histogram := m.SetEmptyHistogram()
					histogram.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
					for range points {
						point := histogram.DataPoints().AppendEmpty()
						point.BucketCounts().Append(1, 2, 300)
						point.Exemplars().AppendEmpty().SetDoubleValue(2)
					}
				case 3:
					for range points {
						m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Positive().BucketCounts().Append(1, 2)
					}
				case 4:
					summary := m.SetEmptySummary()
					for range points {
						summary.DataPoints().AppendEmpty().QuantileValues().AppendEmpty().SetQuantile(0.5)
					}
				}
			}
		}
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

func decodeMetrics(tb testing.TB, body []byte) (items []string) {
	tb.Helper()
	request := pmetricotlp.NewExportRequest()
	require.NoError(tb, request.UnmarshalProto(body))
	for _, rm := range request.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for i := range pointsOf(m) {
					one := pmetric.NewMetrics()
					to := one.ResourceMetrics().AppendEmpty()
					rm.Resource().CopyTo(to.Resource())
					scope := to.ScopeMetrics().AppendEmpty()
					scope.SetSchemaUrl(sm.SchemaUrl())
					single := scope.Metrics().AppendEmpty()
					m.CopyTo(single)
					keepPoint(single, i)
					encoded, err := pmetricotlp.NewExportRequestFromMetrics(one).MarshalProto()
					require.NoError(tb, err)
					items = append(items, string(encoded))
				}
			}
		}
	}
	return items
}

func pointsOf(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	}
	return 0
}

func keepPoint(m pmetric.Metric, place int) {
	at := -1
	other := func() bool { at++; return at != place }
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return other() })
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return other() })
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(pmetric.HistogramDataPoint) bool { return other() })
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(pmetric.ExponentialHistogramDataPoint) bool { return other() })
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(pmetric.SummaryDataPoint) bool { return other() })
	}
}

func randomLogs(source *rand.Rand) []byte {
	ld := plog.NewLogs()
	for range source.IntN(4) {
		rl := ld.ResourceLogs().AppendEmpty()
		fill(source, rl.Resource().Attributes())
		for range source.IntN(3) {
			sl := rl.ScopeLogs().AppendEmpty()
			fill(source, sl.Scope().Attributes())
			for range source.IntN(5) {
				record := sl.LogRecords().AppendEmpty()
				record.Body().SetStr(text(source))
				record.SetTimestamp(pcommon.Timestamp(source.Uint64()))
			}
		}
	}
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

func decodeLogs(tb testing.TB, body []byte) (items []string) {
	tb.Helper()
	request := plogotlp.NewExportRequest()
	require.NoError(tb, request.UnmarshalProto(body))
	for _, rl := range request.Logs().ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				one := plog.NewLogs()
				to := one.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(to.Resource())
				scope := to.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(scope.Scope())
				record.CopyTo(scope.LogRecords().AppendEmpty())
				encoded, err := plogotlp.NewExportRequestFromLogs(one).MarshalProto()
				require.NoError(tb, err)
				items = append(items, string(encoded))
			}
		}
	}
	return items
}
