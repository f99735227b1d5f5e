// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/base64"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxRenderDepth is the nesting depth of attribute values below which they are
// shown as text.
const maxRenderDepth = 32

// maxName limits the length of names in lists, in bytes. A single span is shown
// with its full name.
const maxName = 1024

// Trace is a trace with its spans, in order of their start.
type Trace struct {
	TraceID string `json:"trace_id"`
	Spans   []Span `json:"spans"`
}

// Span is a stored span. Attribute values have their JSON types: int64 is a
// number, bytes are base64, NaN and infinities are strings.
type Span struct {
	TraceID      string         `json:"trace_id"`
	SpanID       string         `json:"span_id"`
	ParentSpanID string         `json:"parent_span_id"`
	Name         string         `json:"name"`
	Kind         string         `json:"kind"`
	StartTime    time.Time      `json:"start_time"`
	EndTime      time.Time      `json:"end_time"`
	DurationNS   int64          `json:"duration_ns"`
	Status       SpanStatus     `json:"status"`
	Service      string         `json:"service"`
	Resource     map[string]any `json:"resource"`
	Scope        Scope          `json:"scope"`
	Attributes   map[string]any `json:"attributes"`
	Events       []SpanEvent    `json:"events"`
	Links        []SpanLink     `json:"links"`
}

// SpanStatus is a span's status; Code is UNSET, OK or ERROR.
type SpanStatus struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Scope is the instrumentation that created a span.
type Scope struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// SpanEvent is an event of a span.
type SpanEvent struct {
	Name       string         `json:"name"`
	Time       time.Time      `json:"time"`
	Attributes map[string]any `json:"attributes"`
}

// SpanLink is a link of a span.
type SpanLink struct {
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	Attributes map[string]any `json:"attributes"`
}

// Metric is a stored metric.
type Metric struct {
	ReceivedTime time.Time      `json:"received_time"`
	Service      string         `json:"service"`
	Resource     map[string]any `json:"resource"`
	Name         string         `json:"name"`
	Unit         string         `json:"unit"`
	// Type is Gauge, Sum, Histogram, ExponentialHistogram, Summary or Empty.
	Type       string      `json:"type"`
	DataPoints []DataPoint `json:"data_points"`
}

// DataPoint is one point of a metric: Value for gauges and sums, Count and Sum
// for the rest.
type DataPoint struct {
	Time       time.Time      `json:"time"`
	Attributes map[string]any `json:"attributes"`
	Value      any            `json:"value,omitempty"`
	Count      *uint64        `json:"count,omitempty"`
	Sum        any            `json:"sum,omitempty"`
	// Bounds and BucketCounts are those of a histogram: one count more than bounds.
	Bounds       []float64 `json:"bounds,omitempty"`
	BucketCounts []uint64  `json:"bucket_counts,omitempty"`
}

// LogRecord is a stored log record.
type LogRecord struct {
	ReceivedTime time.Time      `json:"received_time"`
	Service      string         `json:"service"`
	Resource     map[string]any `json:"resource"`
	Time         time.Time      `json:"time"`
	Severity     string         `json:"severity"`
	// SeverityNumber is that of OpenTelemetry, 1 to 24; 0 means unknown.
	SeverityNumber int32          `json:"severity_number"`
	Body           any            `json:"body"`
	TraceID        string         `json:"trace_id"`
	SpanID         string         `json:"span_id"`
	Attributes     map[string]any `json:"attributes"`
}

func renderTrace(trace storedTrace) Trace {
	spans := make([]Span, 0, len(trace.spans))
	for _, s := range trace.spans {
		spans = append(spans, renderSpan(s))
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return a.StartTime.Compare(b.StartTime) })
	return Trace{TraceID: trace.id.String(), Spans: spans}
}

func renderSpan(s storedSpan) Span {
	rendered := Span{
		TraceID:      s.span.TraceID().String(),
		SpanID:       s.span.SpanID().String(),
		ParentSpanID: s.span.ParentSpanID().String(),
		Name:         s.span.Name(),
		Kind:         kindOf(s.span.Kind()),
		StartTime:    timeOf(s.span.StartTimestamp()),
		EndTime:      timeOf(s.span.EndTimestamp()),
		DurationNS:   durationOf(s.span),
		Status:       SpanStatus{Code: statusOf(s.span.Status().Code()), Message: s.span.Status().Message()},
		Service:      s.service,
		Resource:     renderMap(s.resource.Attributes(), 0),
		Scope:        Scope{Name: s.scope.Name(), Version: s.scope.Version()},
		Attributes:   renderMap(s.span.Attributes(), 0),
		Events:       make([]SpanEvent, 0, s.span.Events().Len()),
		Links:        make([]SpanLink, 0, s.span.Links().Len()),
	}
	for _, event := range s.span.Events().All() {
		rendered.Events = append(rendered.Events, SpanEvent{
			Name: event.Name(), Time: timeOf(event.Timestamp()), Attributes: renderMap(event.Attributes(), 0),
		})
	}
	for _, link := range s.span.Links().All() {
		rendered.Links = append(rendered.Links, SpanLink{
			TraceID: link.TraceID().String(), SpanID: link.SpanID().String(), Attributes: renderMap(link.Attributes(), 0),
		})
	}
	return rendered
}

func renderMetric(s storedMetric) Metric {
	rendered := Metric{
		ReceivedTime: s.received.UTC(),
		Service:      serviceOf(s.resource),
		Resource:     renderMap(s.resource.Attributes(), 0),
		Name:         s.metric.Name(),
		Unit:         s.metric.Unit(),
		Type:         s.metric.Type().String(),
		DataPoints:   []DataPoint{},
	}
	distribution := func(at pcommon.Timestamp, attributes pcommon.Map, count uint64, sum float64) {
		rendered.DataPoints = append(rendered.DataPoints, DataPoint{
			Time: timeOf(at), Attributes: renderMap(attributes, 0), Count: &count, Sum: renderFloat(sum),
		})
	}
	switch s.metric.Type() {
	case pmetric.MetricTypeGauge:
		rendered.DataPoints = renderNumbers(s.metric.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		rendered.DataPoints = renderNumbers(s.metric.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range s.metric.Histogram().DataPoints().All() {
			distribution(p.Timestamp(), p.Attributes(), p.Count(), p.Sum())
			point := &rendered.DataPoints[len(rendered.DataPoints)-1]
			point.Bounds, point.BucketCounts = p.ExplicitBounds().AsRaw(), p.BucketCounts().AsRaw()
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range s.metric.ExponentialHistogram().DataPoints().All() {
			distribution(p.Timestamp(), p.Attributes(), p.Count(), p.Sum())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range s.metric.Summary().DataPoints().All() {
			distribution(p.Timestamp(), p.Attributes(), p.Count(), p.Sum())
		}
	case pmetric.MetricTypeEmpty: // no data points
	}
	return rendered
}

func renderNumbers(points pmetric.NumberDataPointSlice) []DataPoint {
	rendered := make([]DataPoint, 0, points.Len())
	for _, p := range points.All() {
		point := DataPoint{Time: timeOf(p.Timestamp()), Attributes: renderMap(p.Attributes(), 0)}
		switch p.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			point.Value = p.IntValue()
		case pmetric.NumberDataPointValueTypeDouble:
			point.Value = renderFloat(p.DoubleValue())
		case pmetric.NumberDataPointValueTypeEmpty: // no value
		}
		rendered = append(rendered, point)
	}
	return rendered
}

func renderLog(s storedLog) LogRecord {
	severity := s.record.SeverityText()
	if severity == "" {
		severity = s.record.SeverityNumber().String()
	}
	return LogRecord{
		ReceivedTime:   s.received.UTC(),
		Service:        serviceOf(s.resource),
		Resource:       renderMap(s.resource.Attributes(), 0),
		Time:           s.time(),
		Severity:       severity,
		SeverityNumber: int32(s.record.SeverityNumber()),
		Body:           renderValue(s.record.Body(), 0),
		TraceID:        s.record.TraceID().String(),
		SpanID:         s.record.SpanID().String(),
		Attributes:     renderMap(s.record.Attributes(), 0),
	}
}

func renderMap(attributes pcommon.Map, depth int) map[string]any {
	rendered := make(map[string]any, attributes.Len())
	for key, value := range attributes.All() {
		rendered[key] = renderValue(value, depth)
	}
	return rendered
}

func renderValue(value pcommon.Value, depth int) any {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return value.Str()
	case pcommon.ValueTypeBool:
		return value.Bool()
	case pcommon.ValueTypeInt:
		return value.Int()
	case pcommon.ValueTypeDouble:
		return renderFloat(value.Double())
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.EncodeToString(value.Bytes().AsRaw())
	case pcommon.ValueTypeMap:
		if depth >= maxRenderDepth {
			return value.AsString()
		}
		return renderMap(value.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		if depth >= maxRenderDepth {
			return value.AsString()
		}
		rendered := make([]any, 0, value.Slice().Len())
		for _, element := range value.Slice().All() {
			rendered = append(rendered, renderValue(element, depth+1))
		}
		return rendered
	case pcommon.ValueTypeEmpty:
		return nil
	}
	return value.AsString()
}

// renderFloat returns f. A value without a number in JSON is returned as a
// string, as in the protobuf JSON mapping.
func renderFloat(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}

func kindOf(kind ptrace.SpanKind) string {
	switch kind {
	case ptrace.SpanKindServer:
		return "SERVER"
	case ptrace.SpanKindClient:
		return "CLIENT"
	case ptrace.SpanKindInternal:
		return "INTERNAL"
	case ptrace.SpanKindProducer:
		return "PRODUCER"
	case ptrace.SpanKindConsumer:
		return "CONSUMER"
	case ptrace.SpanKindUnspecified:
	}
	return "UNSPECIFIED"
}

func statusOf(code ptrace.StatusCode) string {
	switch code {
	case ptrace.StatusCodeOk:
		return "OK"
	case ptrace.StatusCodeError:
		return "ERROR"
	case ptrace.StatusCodeUnset:
	}
	return "UNSET"
}

// timeOf returns a timestamp as a time. A timestamp after the year 2262 would
// overflow into the past; it becomes the latest time that does not.
func timeOf(timestamp pcommon.Timestamp) time.Time {
	return time.Unix(0, nanosOf(timestamp)).UTC()
}

// nanosOf returns a timestamp as a number that cannot be negative.
func nanosOf(timestamp pcommon.Timestamp) int64 {
	return int64(min(timestamp, math.MaxInt64))
}

// durationOf returns a span's duration in nanoseconds, 0 if it ends before it
// starts.
func durationOf(span ptrace.Span) int64 {
	return max(0, nanosOf(span.EndTimestamp())-nanosOf(span.StartTimestamp()))
}
