// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// signal is what the upload of traces, metrics and logs differs in.
type signal[T any] struct {
	name string
	// url is where a domain takes the signal.
	url func(*signalURLs) *uploadURL

	marshal   func(T) ([]byte, error)
	unmarshal func([]byte) (T, error)
	// count is the number of items: spans, data points or log records.
	count func(T) int
	// keep copies the items whose index satisfies the condition.
	keep func(data T, condition func(index int) bool) T
	// describe names the first item, for a person who looks for it.
	describe func(T) string
	// rejected reads the partial success of an answer.
	rejected rejectedItems
	// failed says which items a retryable error is about.
	failed func(error, T) error
}

func tracesSignal() *signal[ptrace.Traces] {
	return &signal[ptrace.Traces]{
		name: "traces", url: func(urls *signalURLs) *uploadURL { return urls.traces },
		marshal: func(td ptrace.Traces) ([]byte, error) {
			return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		},
		unmarshal: func(body []byte) (ptrace.Traces, error) {
			req := ptraceotlp.NewExportRequest()
			err := req.UnmarshalProto(body)
			return req.Traces(), err
		},
		count:    ptrace.Traces.SpanCount,
		keep:     keepSpans,
		describe: describeSpan,
		rejected: rejectedSpans,
		failed:   consumererror.NewTraces,
	}
}

func metricsSignal() *signal[pmetric.Metrics] {
	return &signal[pmetric.Metrics]{
		name: "metrics", url: func(urls *signalURLs) *uploadURL { return urls.metrics },
		marshal: func(md pmetric.Metrics) ([]byte, error) {
			return pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
		},
		unmarshal: func(body []byte) (pmetric.Metrics, error) {
			req := pmetricotlp.NewExportRequest()
			err := req.UnmarshalProto(body)
			return req.Metrics(), err
		},
		count:    pmetric.Metrics.DataPointCount,
		keep:     keepDataPoints,
		describe: describeMetric,
		rejected: rejectedDataPoints,
		failed:   consumererror.NewMetrics,
	}
}

func logsSignal() *signal[plog.Logs] {
	return &signal[plog.Logs]{
		name: "logs", url: func(urls *signalURLs) *uploadURL { return urls.logs },
		marshal: func(ld plog.Logs) ([]byte, error) {
			return plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
		},
		unmarshal: func(body []byte) (plog.Logs, error) {
			req := plogotlp.NewExportRequest()
			err := req.UnmarshalProto(body)
			return req.Logs(), err
		},
		count:    plog.Logs.LogRecordCount,
		keep:     keepLogRecords,
		describe: describeLogRecord,
		rejected: rejectedLogRecords,
		failed:   consumererror.NewLogs,
	}
}

func keepSpans(td ptrace.Traces, condition func(int) bool) ptrace.Traces {
	kept := ptrace.NewTraces()
	td.CopyTo(kept)
	index := -1
	kept.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(ptrace.Span) bool { index++; return !condition(index) })
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return kept
}

func keepDataPoints(md pmetric.Metrics, condition func(int) bool) pmetric.Metrics {
	kept := pmetric.NewMetrics()
	md.CopyTo(kept)
	index := -1
	drop := func() bool { index++; return !condition(index) }
	kept.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return removePoints(m, drop) == 0 })
			return sm.Metrics().Len() == 0
		})
		return rm.ScopeMetrics().Len() == 0
	})
	return kept
}

// removePoints asks drop for each data point of a metric, and returns how many
// are left.
func removePoints(m pmetric.Metric, drop func() bool) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return drop() })
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return drop() })
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(pmetric.HistogramDataPoint) bool { return drop() })
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(pmetric.ExponentialHistogramDataPoint) bool { return drop() })
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(pmetric.SummaryDataPoint) bool { return drop() })
		return m.Summary().DataPoints().Len()
	}
	return 0
}

func keepLogRecords(ld plog.Logs, condition func(int) bool) plog.Logs {
	kept := plog.NewLogs()
	ld.CopyTo(kept)
	index := -1
	kept.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			sl.LogRecords().RemoveIf(func(plog.LogRecord) bool { index++; return !condition(index) })
			return sl.LogRecords().Len() == 0
		})
		return rl.ScopeLogs().Len() == 0
	})
	return kept
}

func describeSpan(td ptrace.Traces) string {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				return fmt.Sprintf("span %q (trace %s, span %s)", excerpt(span.Name()), span.TraceID(), span.SpanID())
			}
		}
	}
	return "no span"
}

func describeMetric(md pmetric.Metrics) string {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				return fmt.Sprintf("data point of metric %q", excerpt(m.Name()))
			}
		}
	}
	return "no metric"
}

func describeLogRecord(ld plog.Logs) string {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				return fmt.Sprintf("log record of %s (trace %s)", record.Timestamp().AsTime().Format("2006-01-02T15:04:05.000Z07:00"), record.TraceID())
			}
		}
	}
	return "no log record"
}
