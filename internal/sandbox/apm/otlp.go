// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Signal is one of the three kinds of telemetry.
type Signal string

// The signals that APM accepts.
const (
	SignalTraces  Signal = "traces"
	SignalMetrics Signal = "metrics"
	SignalLogs    Signal = "logs"
)

var signals = []Signal{SignalTraces, SignalMetrics, SignalLogs}

// encoding is the encoding of a message in OTLP/HTTP.
type encoding string

const (
	protobufEncoding encoding = "application/x-protobuf"
	jsonEncoding     encoding = "application/json"
)

// encodingOf returns the encoding for a Content-Type, or "".
func encodingOf(contentType string) encoding {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	switch e := encoding(mediaType); e {
	case protobufEncoding, jsonEncoding:
		return e
	}
	return ""
}

// otlpMessage is the common interface of pdata's requests and responses.
type otlpMessage interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// batch is the decoded body of one upload; only its signal's field is set.
type batch struct {
	signal  Signal
	items   int  // spans, data points or log records
	zipkin  bool // spans that arrived in Zipkin's format
	traces  ptrace.Traces
	metrics pmetric.Metrics
	logs    plog.Logs
}

// decode decodes an export request of the signal.
func decode(signal Signal, enc encoding, body []byte) (batch, error) {
	b := batch{signal: signal}
	var err error
	switch signal {
	case SignalTraces:
		request := ptraceotlp.NewExportRequest()
		err = unmarshal(request, signal, enc, body)
		b.traces = request.Traces()
		b.items = b.traces.SpanCount()
	case SignalMetrics:
		request := pmetricotlp.NewExportRequest()
		err = unmarshal(request, signal, enc, body)
		b.metrics = request.Metrics()
		b.items = b.metrics.DataPointCount()
	case SignalLogs:
		request := plogotlp.NewExportRequest()
		err = unmarshal(request, signal, enc, body)
		b.logs = request.Logs()
		b.items = b.logs.LogRecordCount()
	}
	return b, err
}

func unmarshal(into otlpMessage, signal Signal, enc encoding, body []byte) error {
	if enc == jsonEncoding {
		if err := guardJSON(body); err != nil {
			return err
		}
		return into.UnmarshalJSON(body)
	}
	if err := guardProto(signal, body); err != nil {
		return err
	}
	return into.UnmarshalProto(body)
}

// looksLike returns the other signal that a body seems to belong to, or "".
func looksLike(signal Signal, enc encoding, body []byte) Signal {
	if enc == jsonEncoding {
		var fields map[string]json.RawMessage
		if json.Unmarshal(body, &fields) != nil {
			return ""
		}
		names := map[Signal]string{SignalTraces: "resourceSpans", SignalMetrics: "resourceMetrics", SignalLogs: "resourceLogs"}
		if _, ok := fields[names[signal]]; ok {
			return ""
		}
		for _, other := range signals {
			if _, ok := fields[names[other]]; ok {
				return other
			}
		}
		return ""
	}
	for _, other := range signals {
		if other == signal {
			continue
		}
		if b, err := decode(other, enc, body); err == nil && b.items > 0 {
			return other
		}
	}
	return ""
}

// dropFirst removes the first n items from b and returns the number removed.
func (b *batch) dropFirst(n int) int {
	left := n
	drop := func() bool {
		left--
		return left >= 0
	}
	switch b.signal {
	case SignalTraces:
		for _, resource := range b.traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				scope.Spans().RemoveIf(func(ptrace.Span) bool { return drop() })
			}
		}
	case SignalMetrics:
		for _, resource := range b.metrics.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					dropPoints(metric, drop)
				}
			}
		}
	case SignalLogs:
		for _, resource := range b.logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				scope.LogRecords().RemoveIf(func(plog.LogRecord) bool { return drop() })
			}
		}
	}
	dropped := min(n, b.items)
	b.items -= dropped
	return dropped
}

func dropPoints(metric pmetric.Metric, drop func() bool) {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		metric.Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return drop() })
	case pmetric.MetricTypeSum:
		metric.Sum().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return drop() })
	case pmetric.MetricTypeHistogram:
		metric.Histogram().DataPoints().RemoveIf(func(pmetric.HistogramDataPoint) bool { return drop() })
	case pmetric.MetricTypeExponentialHistogram:
		metric.ExponentialHistogram().DataPoints().RemoveIf(func(pmetric.ExponentialHistogramDataPoint) bool { return drop() })
	case pmetric.MetricTypeSummary:
		metric.Summary().DataPoints().RemoveIf(func(pmetric.SummaryDataPoint) bool { return drop() })
	case pmetric.MetricTypeEmpty: // no data points
	}
}

// successBody returns the Export*ServiceResponse of an upload.
func successBody(signal Signal, enc encoding, rejected int, message string) ([]byte, error) {
	if rejected == 0 && message == "" {
		// "The server MUST leave the partial_success field unset" (OTLP, Full
		// Success), and pdata always writes it.
		if enc == jsonEncoding {
			return []byte("{}"), nil
		}
		return nil, nil
	}
	var response otlpMessage
	switch signal {
	case SignalTraces:
		r := ptraceotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedSpans(int64(rejected))
		r.PartialSuccess().SetErrorMessage(message)
		response = r
	case SignalMetrics:
		r := pmetricotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedDataPoints(int64(rejected))
		r.PartialSuccess().SetErrorMessage(message)
		response = r
	case SignalLogs:
		r := plogotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedLogRecords(int64(rejected))
		r.PartialSuccess().SetErrorMessage(message)
		response = r
	default:
		return nil, fmt.Errorf("unknown signal %q", signal)
	}
	if enc == jsonEncoding {
		return response.MarshalJSON()
	}
	return response.MarshalProto()
}

// errorBody returns the google.rpc.Status that OTLP/HTTP puts into the body of
// a failed request ("Failures" in the OTLP specification).
func errorBody(enc encoding, httpStatus int, message string) ([]byte, error) {
	status := &spb.Status{Code: int32(codeOf(httpStatus)), Message: message} //nolint:gosec // codes end at 16
	if enc == jsonEncoding {
		return protojson.Marshal(status)
	}
	return proto.Marshal(status)
}

// codeOf returns the gRPC code closest to an HTTP status. OTLP/HTTP clients
// decide only by the HTTP status.
func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusInternalServerError:
		return codes.Internal
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.Unknown
}
