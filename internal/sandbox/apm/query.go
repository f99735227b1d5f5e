// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxBuckets    = 500
	maxOperations = 500 // maximum number of operations of a service in the list
	// minBucket is the finest resolution of a time axis.
	minBucket = time.Millisecond
)

// traceQuery is a search for traces; zero values restrict nothing.
type traceQuery struct {
	// service, operation, attributes and text must all match the same span.
	service    string
	operation  string
	attributes []attributeFilter
	text       *textFilter
	// statement is the id of a statement that the trace must call, in service if it is set.
	statement string
	// failed selects traces with errors (true) or without (false).
	failed      *bool
	minDuration time.Duration
	maxDuration time.Duration
	within      timeRange
	order       string
	offset      int
	limit       int
	buckets     int
}

// The sort orders of a list of traces.
var traceOrders = map[string]func(a, b *TraceSummary) int{
	"start":    func(a, b *TraceSummary) int { return b.StartTime.Compare(a.StartTime) },
	"duration": func(a, b *TraceSummary) int { return cmp.Compare(b.DurationNS, a.DurationNS) },
	"spans":    func(a, b *TraceSummary) int { return cmp.Compare(b.Spans, a.Spans) },
	"errors":   func(a, b *TraceSummary) int { return cmp.Compare(b.Errors, a.Errors) },
}

// TraceList is the answer to a search for traces.
type TraceList struct {
	Traces []TraceSummary `json:"traces"`
	// Total is the number of matching traces, including those not shown.
	Total int `json:"total"`
	// Outside is the number of matching traces outside of the time range. It is
	// counted only if there are none inside.
	Outside int `json:"outside,omitempty"`
	// Histogram is set if the search requests buckets.
	Histogram *TimeHistogram `json:"histogram,omitempty"`
}

// TimeHistogram counts the traces that match a search by their start time, in
// buckets of equal width.
type TimeHistogram struct {
	From     time.Time    `json:"from"`
	BucketNS int64        `json:"bucket_ns"`
	Buckets  []TimeBucket `json:"buckets"`
}

// TimeBucket counts the traces that started within one bucket.
type TimeBucket struct {
	Traces int `json:"traces"`
	// Errors is the number of traces with errors.
	Errors int `json:"errors"`
}

// parseTraceQuery parses a search from a URL. An error names the parameter.
func parseTraceQuery(values url.Values, limit int) (traceQuery, error) {
	q := traceQuery{service: values.Get("service"), operation: values.Get("operation"), text: newTextFilter(values.Get("text")), statement: values.Get("statement"), order: "start", limit: limit}
	var errs []error
	fail := func(name, want string) { errs = append(errs, fmt.Errorf("%s: must be %s", name, want)) }

	switch status := values.Get("status"); status {
	case "":
	case "error", "ok":
		q.failed = new(status == "error")
	default:
		fail("status", "error or ok")
	}
	for _, field := range []struct {
		name string
		into *time.Duration
	}{{"min_duration", &q.minDuration}, {"max_duration", &q.maxDuration}} {
		if text := values.Get(field.name); text != "" {
			d, ok := parseMilliseconds(text)
			if !ok {
				fail(field.name, "a duration such as 250ms or 2s; a number alone is milliseconds")
			}
			*field.into = d
		}
	}
	var err error
	if q.within, err = parseTimeRange(values, time.Now()); err != nil {
		errs = append(errs, err)
	}
	for _, field := range []struct {
		name string
		most int
		into *int
	}{{"offset", 1 << 30, &q.offset}, {"buckets", maxBuckets, &q.buckets}} {
		if text := values.Get(field.name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > field.most {
				fail(field.name, fmt.Sprintf("a number from 0 to %d", field.most))
			}
			*field.into = n
		}
	}
	if text := values.Get("sort"); text != "" {
		if _, ok := traceOrders[text]; !ok {
			fail("sort", "one of "+strings.Join(slices.Sorted(maps.Keys(traceOrders)), ", "))
		}
		q.order = text
	}
	for _, text := range values["attribute"] {
		filter, ok := parseAttributeFilter(text)
		if !ok {
			fail("attribute", "name, name=value or name~part")
			continue
		}
		q.attributes = append(q.attributes, filter)
	}
	return q, errors.Join(errs...)
}

// parseMilliseconds parses a duration that is not negative. A number without a unit is
// milliseconds.
func parseMilliseconds(text string) (time.Duration, bool) {
	text = strings.ReplaceAll(text, " ", "")
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "ms"
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

// matches reports whether a trace matches the search, apart from its time. Cheap
// conditions are checked first.
func (q *traceQuery) matches(trace storedTrace, summary *TraceSummary, cache *statementCache) bool {
	switch {
	case q.service != "" && !slices.Contains(summary.Services, q.service),
		q.failed != nil && *q.failed != (summary.Errors > 0),
		summary.DurationNS < q.minDuration.Nanoseconds(),
		q.maxDuration > 0 && summary.DurationNS > q.maxDuration.Nanoseconds():
		return false
	}
	if q.statement != "" && !slices.ContainsFunc(callsOf(trace, cache).calls, func(call databaseCall) bool {
		return call.statement.id == q.statement && (q.service == "" || trace.spans[call.span].service == q.service)
	}) {
		return false
	}
	if q.operation == "" && len(q.attributes) == 0 && q.text == nil {
		return true
	}
	return slices.ContainsFunc(trace.spans, func(s storedSpan) bool {
		if (q.service != "" && s.service != q.service) || (q.operation != "" && s.span.Name() != q.operation) {
			return false
		}
		for _, filter := range q.attributes {
			if !filter.matches(s.span.Attributes(), s.resource.Attributes()) {
				return false
			}
		}
		return q.text == nil || q.text.matches(s)
	})
}

// listTraces returns the traces that match the search.
func listTraces(st *store, q traceQuery) TraceList {
	traces := st.snapshot()
	var matches []*TraceSummary
	for _, trace := range traces {
		if summary := summarize(trace); q.within.overlaps(summary) && q.matches(trace, summary, &st.statements) {
			matches = append(matches, summary)
		}
	}
	order := traceOrders[q.order]
	slices.SortFunc(matches, func(a, b *TraceSummary) int {
		return cmp.Or(order(a, b), b.StartTime.Compare(a.StartTime), cmp.Compare(a.TraceID, b.TraceID))
	})
	list := TraceList{Traces: []TraceSummary{}, Total: len(matches)}
	if len(matches) == 0 {
		for _, trace := range traces {
			if summary := summarize(trace); !q.within.overlaps(summary) && q.matches(trace, summary, &st.statements) {
				list.Outside++
			}
		}
	}
	from := min(q.offset, len(matches))
	for _, summary := range matches[from:min(from+q.limit, len(matches))] {
		list.Traces = append(list.Traces, *summary)
	}
	if q.buckets > 0 {
		list.Histogram = histogramOf(matches, q)
	}
	return list
}

// histogramOf distributes traces over buckets between the limits of the time range
// or, without limits, between the first and the last start. A trace that began
// before the range is in the first bucket.
func histogramOf(traces []*TraceSummary, q traceQuery) *TimeHistogram {
	h := &TimeHistogram{Buckets: make([]TimeBucket, q.buckets)}
	var last time.Time
	for i, trace := range traces {
		if i == 0 || trace.StartTime.Before(h.From) {
			h.From = trace.StartTime
		}
		if i == 0 || !trace.StartTime.Before(last) {
			last = trace.StartTime.Add(1)
		}
	}
	width := q.within.length(h.From, last)
	if !q.within.from.IsZero() {
		h.From = q.within.from
	}
	h.From = h.From.UTC()
	buckets := int64(q.buckets)
	h.BucketNS = max(minBucket.Nanoseconds(), (width.Nanoseconds()+buckets-1)/buckets)
	for _, trace := range traces {
		bucket := &h.Buckets[min(max(0, trace.StartTime.Sub(h.From).Nanoseconds()/h.BucketNS), buckets-1)]
		bucket.Traces++
		if trace.Errors > 0 {
			bucket.Errors++
		}
	}
	return h
}

// ServiceFacet is a service with spans in the time range.
type ServiceFacet struct {
	Name  string `json:"name"`
	Spans int    `json:"spans"`
	// Operations are the names of its spans, up to 500.
	Operations []string `json:"operations"`
}

// facetsOf lists the services with spans in the time range and their operations,
// sorted by name.
func facetsOf(traces []storedTrace, within timeRange) []ServiceFacet {
	type names struct {
		spans      int
		operations map[string]struct{}
	}
	services := map[string]*names{}
	nanos := within.nanos()
	for _, trace := range within.traces(traces) {
		for i := range trace.spans {
			s := &trace.spans[i]
			if !nanos.contains(s.end) {
				continue
			}
			service := services[s.service]
			if service == nil {
				if len(services) >= maxServices {
					continue
				}
				service = &names{operations: map[string]struct{}{}}
				services[s.service] = service
			}
			service.spans++
			if len(service.operations) < maxOperations && len(s.span.Name()) <= maxName {
				service.operations[s.span.Name()] = struct{}{}
			}
		}
	}
	facets := make([]ServiceFacet, 0, len(services))
	for _, name := range slices.Sorted(maps.Keys(services)) {
		service := services[name]
		// Not slices.Sorted: it returns nil, null in JSON, if all names are too long.
		operations := slices.AppendSeq(make([]string, 0, len(service.operations)), maps.Keys(service.operations))
		slices.Sort(operations)
		facets = append(facets, ServiceFacet{Name: name, Spans: service.spans, Operations: operations})
	}
	return facets
}
