// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxSeriesPoints limits the points of a series to the latest ones.
const maxSeriesPoints = 500

// MetricSeries is the stored points of one metric with the same attributes.
type MetricSeries struct {
	Service    string         `json:"service"`
	Name       string         `json:"name"`
	Unit       string         `json:"unit"`
	Type       string         `json:"type"`
	Attributes map[string]any `json:"attributes"`
	// Points are sorted by time.
	Points []SeriesPoint `json:"points"`
}

// SeriesPoint is a value at a time: the value of a gauge or a sum, or else the
// mean of the measurements.
type SeriesPoint struct {
	Time time.Time `json:"time"`
	// Value is null if there is none, or if JSON has no number for it.
	Value *float64 `json:"value"`
	// Count is the number of measurements behind a mean.
	Count *uint64 `json:"count,omitempty"`
}

// SeriesList is the answer to a search for series.
type SeriesList struct {
	Series []MetricSeries `json:"series"`
	// Total is the number of matching series, including those not shown.
	Total int `json:"total"`
}

// seriesOf groups the points of metrics into series, the newest metric first.
// service and text restrict the metrics by service and by a part of the name;
// empty means no restriction.
func seriesOf(metrics []storedMetric, service, text string, limit int) SeriesList {
	type key struct{ service, name, unit, kind, attributes string }
	found := map[key]*MetricSeries{}
	for _, stored := range slices.Backward(metrics) {
		of := serviceOf(stored.resource)
		if (service != "" && of != service) || !strings.Contains(strings.ToLower(stored.metric.Name()), strings.ToLower(text)) {
			continue
		}
		metric := renderMetric(stored)
		for _, point := range metric.DataPoints {
			attributes, err := json.Marshal(point.Attributes)
			if err != nil { // the result of renderMap can always be encoded
				continue
			}
			at := key{of, metric.Name, metric.Unit, metric.Type, string(attributes)}
			series := found[at]
			if series == nil {
				series = &MetricSeries{Service: of, Name: metric.Name, Unit: metric.Unit, Type: metric.Type, Attributes: point.Attributes}
				found[at] = series
			}
			series.Points = append(series.Points, seriesPoint(point))
		}
	}
	list := SeriesList{Series: make([]MetricSeries, 0, len(found)), Total: len(found)}
	order := make([]key, 0, len(found))
	for at := range found {
		order = append(order, at)
	}
	slices.SortFunc(order, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name), cmp.Compare(a.attributes, b.attributes),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.unit, b.unit))
	})
	for _, at := range order[:min(limit, len(order))] {
		series := found[at]
		slices.SortStableFunc(series.Points, func(a, b SeriesPoint) int { return a.Time.Compare(b.Time) })
		series.Points = series.Points[max(0, len(series.Points)-maxSeriesPoints):]
		list.Series = append(list.Series, *series)
	}
	return list
}

func seriesPoint(point DataPoint) SeriesPoint {
	number := func(value any) (float64, bool) {
		switch v := value.(type) {
		case int64:
			return float64(v), true
		case float64:
			return v, true
		}
		return 0, false
	}
	p := SeriesPoint{Time: point.Time, Count: point.Count}
	if point.Count == nil {
		if value, ok := number(point.Value); ok {
			p.Value = &value
		}
		return p
	}
	if sum, ok := number(point.Sum); ok && *point.Count > 0 {
		p.Value = new(sum / float64(*point.Count))
	}
	return p
}

// logQuery is a search for log records; zero values restrict nothing.
type logQuery struct {
	within   timeRange
	service  string
	text     string
	severity int32
	trace    pcommon.TraceID
}

func parseLogQuery(values url.Values) (logQuery, error) {
	q := logQuery{service: values.Get("service"), text: strings.ToLower(values.Get("text"))}
	var errs []error
	var err error
	if q.within, err = parseTimeRange(values, time.Now()); err != nil {
		errs = append(errs, err)
	}
	if text := values.Get("severity"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 || n > 24 {
			errs = append(errs, errors.New("severity: must be a number from 1 to 24"))
		}
		q.severity = int32(n)
	}
	if text := values.Get("trace_id"); text != "" {
		id, ok := parseTraceID(text)
		if !ok {
			errs = append(errs, fmt.Errorf("trace_id: %s", notATraceID))
		}
		q.trace = id
	}
	return q, errors.Join(errs...)
}

func (q logQuery) matches(stored storedLog) bool {
	return q.within.contains(stored.time()) && (q.service == "" || serviceOf(stored.resource) == q.service) &&
		int32(stored.record.SeverityNumber()) >= q.severity &&
		(q.trace.IsEmpty() || stored.record.TraceID() == q.trace) &&
		(q.text == "" || strings.Contains(strings.ToLower(stored.record.Body().AsString()), q.text))
}

// time returns the time of a record: its own or else, as OpenTelemetry recommends, the one
// at which it was observed or, without either, received.
func (s storedLog) time() time.Time {
	if at := cmp.Or(s.record.Timestamp(), s.record.ObservedTimestamp()); at != 0 {
		return timeOf(at)
	}
	return s.received.UTC()
}
