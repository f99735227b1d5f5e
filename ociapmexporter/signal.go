// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/otlpwire"
)

// signal has what differs between the uploads of traces, metrics and logs. Nothing here
// decodes a request: a few kilobytes can take gigabytes once they are decoded.
type signal[T any] struct {
	name string
	// urls returns the URLs for the signal. The fallback is "" if there is none.
	urls func(endpoint.URLs) (primary, fallback string)

	marshal func(T) ([]byte, error)
	// count is the number of items: spans, data points or log records.
	count func(T) int
	// layout describes where the items are in an encoded request.
	layout otlpwire.Layout
	// describe names an item, so that it can be found. The messages are the encoded
	// item and the messages around it, the innermost first.
	describe func(messages [][]byte) string
	// rejected reads the partial success of an answer.
	rejected rejectedItems
}

func tracesSignal() *signal[ptrace.Traces] {
	return &signal[ptrace.Traces]{
		name: "traces", urls: func(u endpoint.URLs) (string, string) { return u.Traces, u.TracesFallback },
		marshal: func(td ptrace.Traces) ([]byte, error) {
			return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		},
		count:    ptrace.Traces.SpanCount,
		layout:   otlpwire.Traces,
		describe: describeSpan,
		rejected: rejectedSpans,
	}
}

func metricsSignal() *signal[pmetric.Metrics] {
	return &signal[pmetric.Metrics]{
		name: "metrics", urls: func(u endpoint.URLs) (string, string) { return u.Metrics, "" },
		marshal: func(md pmetric.Metrics) ([]byte, error) {
			return pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
		},
		count:    pmetric.Metrics.DataPointCount,
		layout:   otlpwire.Metrics,
		describe: describeDataPoint,
		rejected: rejectedDataPoints,
	}
}

func logsSignal() *signal[plog.Logs] {
	return &signal[plog.Logs]{
		name: "logs", urls: func(u endpoint.URLs) (string, string) { return u.Logs, "" },
		marshal: func(ld plog.Logs) ([]byte, error) {
			return plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
		},
		count:    plog.Logs.LogRecordCount,
		layout:   otlpwire.Logs,
		describe: describeLogRecord,
		rejected: rejectedLogRecords,
	}
}

// The field numbers are those of opentelemetry-proto 1.x.

func describeSpan(messages [][]byte) string {
	span := messages[0]
	return fmt.Sprintf("span %q (trace %x, span %x)",
		excerpt(string(otlpwire.Field(span, 5))), otlpwire.Field(span, 1), otlpwire.Field(span, 2))
}

func describeDataPoint(messages [][]byte) string {
	metric := messages[2] // messages[1] is the kind of metric, such as gauge
	return fmt.Sprintf("data point of metric %q", excerpt(string(otlpwire.Field(metric, 1))))
}

func describeLogRecord(messages [][]byte) string {
	record := messages[0]
	var nanoseconds int64
	if value := otlpwire.Field(record, 1); len(value) == 8 {
		nanoseconds = int64(binary.LittleEndian.Uint64(value)) //nolint:gosec // as pdata has it
	}
	return fmt.Sprintf("log record of %s (trace %x)",
		time.Unix(0, nanoseconds).UTC().Format("2006-01-02T15:04:05.000Z07:00"), otlpwire.Field(record, 9))
}
