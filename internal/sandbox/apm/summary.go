// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TraceSummary is an entry in a list of traces.
type TraceSummary struct {
	TraceID string `json:"trace_id"`
	// RootService and RootOperation are those of the root span or, as long as
	// it is missing, of the first span whose parent is not in the store.
	RootService   string `json:"root_service"`
	RootOperation string `json:"root_operation"`
	// RootDetail is the beginning of the root span's URL or statement.
	RootDetail string    `json:"root_detail,omitempty"`
	StartTime  time.Time `json:"start_time"`
	// DurationNS is the time from the first start to the last end.
	DurationNS int64    `json:"duration_ns"`
	Spans      int      `json:"spans"`
	Errors     int      `json:"errors"`
	Services   []string `json:"services"`
	// Reason is why a budget kept the trace: error, slow or ordinary. It is empty if no
	// budget decided on it.
	Reason string `json:"reason,omitempty"`
	// StandsFor is an estimate of how many traces there were for this one, if it was
	// sampled.
	StandsFor float64 `json:"stands_for,omitempty"`
}

// summarize returns a trace's summary, and computes it again if the trace has
// grown.
func summarize(trace storedTrace) *TraceSummary {
	if made := trace.summary.Load(); made != nil && made.Spans == len(trace.spans) {
		return made
	}
	summary := makeSummary(trace)
	trace.summary.Store(&summary)
	return &summary
}

func makeSummary(trace storedTrace) TraceSummary {
	summary := TraceSummary{TraceID: trace.id.String(), Spans: len(trace.spans), Services: []string{}}
	var present map[pcommon.SpanID]struct{}
	if len(trace.spans) > 1 { // a single span has no parent in the trace
		present = make(map[pcommon.SpanID]struct{}, len(trace.spans))
		for _, s := range trace.spans {
			present[s.span.SpanID()] = struct{}{}
		}
	}
	var root *storedSpan
	var rootRank int
	var end time.Time
	for i, s := range trace.spans {
		if !slices.Contains(summary.Services, s.service) {
			summary.Services = append(summary.Services, s.service)
		}
		if s.span.Status().Code() == ptrace.StatusCodeError {
			summary.Errors++
		}
		start := timeOf(s.span.StartTimestamp())
		if i == 0 || start.Before(summary.StartTime) {
			summary.StartTime = start
		}
		if spanEnd := timeOf(s.span.EndTimestamp()); spanEnd.After(end) {
			end = spanEnd
		}
		rank := 0
		if _, ok := present[s.span.ParentSpanID()]; s.span.ParentSpanID().IsEmpty() {
			rank = 2
		} else if !ok {
			rank = 1
		}
		if root == nil || rank > rootRank || (rank == rootRank && s.span.StartTimestamp() < root.span.StartTimestamp()) {
			root, rootRank = &trace.spans[i], rank
		}
	}
	if reason, weight := sampledOf(trace); reason != "" {
		summary.Reason, summary.StandsFor = reason, weight
	}
	slices.Sort(summary.Services)
	summary.DurationNS = max(0, end.Sub(summary.StartTime).Nanoseconds())
	summary.RootService, summary.RootOperation = root.service, firstCharacters(root.span.Name(), maxName)
	summary.RootDetail = detailOf(root.span)
	return summary
}
