// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// allTime is the value of last for no restriction; a missing one means the same.
const allTime = "all"

// timeRange restricts a listing to a period. A span belongs to the range in which it
// ends, since SDKs send a span when it ends. A trace belongs to every range that it
// overlaps. The zero value restricts nothing.
type timeRange struct {
	// from and to are the limits, without to; a zero one is no limit.
	from, to time.Time
	// now is the end of a range without to, for rates.
	now time.Time
}

// parseTimeRange parses the parameters last, or from and to, of a URL. An error
// names the parameter.
func parseTimeRange(values url.Values, now time.Time) (timeRange, error) {
	within := timeRange{now: now}
	var errs []error
	last := values.Get("last")
	if last != "" && last != allTime {
		d, err := time.ParseDuration(last)
		if err != nil || d <= 0 {
			errs = append(errs, errors.New("last: must be a duration such as 15m, or all"))
		}
		within.from = now.Add(-d)
	}
	for _, limit := range []struct {
		name string
		into *time.Time
	}{{"from", &within.from}, {"to", &within.to}} {
		text := values.Get(limit.name)
		if text == "" {
			continue
		}
		if last != "" {
			errs = append(errs, errors.New(limit.name+": must be absent if last is set"))
			continue
		}
		at, ok := parseTime(text)
		if !ok {
			errs = append(errs, errors.New(limit.name+": must be a time in milliseconds since 1970, or as in RFC 3339"))
		}
		*limit.into = at
	}
	if len(errs) == 0 && !within.to.IsZero() && within.from.After(within.to) {
		errs = append(errs, errors.New("to: must be after from; exchange the two, or leave one out"))
	}
	return within, errors.Join(errs...)
}

func parseTime(text string) (time.Time, bool) {
	if millis, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(millis).UTC(), true
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil
}

// contains reports whether at is within the range.
func (r timeRange) contains(at time.Time) bool {
	return (r.from.IsZero() || !at.Before(r.from)) && (r.to.IsZero() || at.Before(r.to))
}

// containsSpan reports whether the span ended within the range.
func (r timeRange) containsSpan(span ptrace.Span) bool {
	return r.contains(timeOf(span.EndTimestamp()))
}

// nanoRange is a time range in nanoseconds since 1970, both ends included. A list of
// 100,000 spans is read much faster with it.
type nanoRange struct{ first, last int64 }

func (r nanoRange) contains(at int64) bool {
	return r.first <= at && at <= r.last
}

// nanos returns the range without what no timestamp can express.
func (r timeRange) nanos() nanoRange {
	within := nanoRange{0, math.MaxInt64}
	least, most := time.Unix(0, within.first), time.Unix(0, within.last)
	if r.from.After(most) || (!r.to.IsZero() && !r.to.After(least)) {
		return nanoRange{1, 0} // nothing
	}
	if r.from.After(least) {
		within.first = r.from.UnixNano()
	}
	if !r.to.IsZero() && !r.to.After(most) {
		within.last = r.to.UnixNano() - 1
	}
	return within
}

// overlaps reports whether a part of the trace is within the range.
func (r timeRange) overlaps(summary *TraceSummary) bool {
	end := summary.StartTime.Add(time.Duration(summary.DurationNS))
	return (r.from.IsZero() || !end.Before(r.from)) && (r.to.IsZero() || summary.StartTime.Before(r.to))
}

// traces returns the traces that overlap the range, with all their spans.
func (r timeRange) traces(traces []storedTrace) []storedTrace {
	if r.from.IsZero() && r.to.IsZero() {
		return traces
	}
	within := make([]storedTrace, 0, len(traces))
	for _, trace := range traces {
		if r.overlaps(summarize(trace)) {
			within = append(within, trace)
		}
	}
	return within
}

// length returns the length of the range, which converts a number into a rate. A
// missing limit is replaced: from by first, the time of the first item, and to by
// last or, if from is set, by the current time.
func (r timeRange) length(first, last time.Time) time.Duration {
	from, to := r.from, r.to
	if to.IsZero() {
		to = last
		if !from.IsZero() {
			to = r.now
		}
	}
	if from.IsZero() {
		from = first
	}
	return max(0, to.Sub(from))
}

// lengthNanos is length in nanoseconds. It is 0 if there are no items: first is then after
// last.
func (r timeRange) lengthNanos(first, last int64) int64 {
	if first > last {
		return r.length(time.Time{}, time.Time{}).Nanoseconds()
	}
	return r.length(time.Unix(0, first), time.Unix(0, last)).Nanoseconds()
}

// withRange is a handler that receives the time range of the request. An invalid
// range is answered here.
func withRange(next func(http.ResponseWriter, *http.Request, timeRange)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		within, err := parseTimeRange(r.URL.Query(), time.Now())
		if err != nil {
			localapi.WriteError(w, http.StatusBadRequest, err.Error())
			return
		}
		next(w, r, within)
	}
}
