// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

const (
	callBuckets = 60 // of a statement's time series
	maxSlow     = 10 // calls that are listed
	maxCallers  = 50
	maxSameText = 50
)

// StatementDetail is a statement with everything known about its calls.
type StatementDetail struct {
	Statement Statement `json:"statement"`
	// Services and Databases have the calls of each.
	Services  []CallCount `json:"services"`
	Databases []CallCount `json:"databases"`
	// Callers are the requests that call the statement, those with the most time in it
	// first.
	Callers []StatementCaller `json:"callers"`
	// Slowest has the slowest call of each of the ten slowest traces.
	Slowest []SlowCall `json:"slowest"`
	// Series has the calls over time, by their end.
	Series CallSeries `json:"series"`
	// NPlusOne is as in StatementList.
	NPlusOne []Repetition `json:"n_plus_one"`
	// SameText lists other SQL_IDs with the same text apart from literals.
	SameText []CallCount `json:"same_text"`
}

// StatementCaller is the root of traces that call a statement.
type StatementCaller struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Traces    int    `json:"traces"`
	Calls     int    `json:"calls"`
	TotalNS   int64  `json:"total_ns"`
}

// CallSeries counts calls in buckets of equal width.
type CallSeries struct {
	From     time.Time    `json:"from"`
	BucketNS int64        `json:"bucket_ns"`
	Buckets  []CallBucket `json:"buckets"`
}

// CallBucket has the calls that ended within one bucket.
type CallBucket struct {
	Calls   int   `json:"calls"`
	Errors  int   `json:"errors"`
	TotalNS int64 `json:"total_ns"`
}

func (s *Server) getStatement(w http.ResponseWriter, r *http.Request) {
	query, err := parseStatementQuery(r.URL.Query(), 1)
	if err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	query.id = r.PathValue("id")
	detail, ok := s.store.describeStatement(query)
	if !ok {
		localapi.WriteError(w, http.StatusNotFound, "no call of this statement matches")
		return
	}
	s.writeJSON(w, http.StatusOK, detail)
}

// describeStatement returns the statement of the search, or false if no call matches.
func (s *store) describeStatement(q statementQuery) (StatementDetail, bool) {
	type caller struct{ service, operation string }
	traces := q.within.traces(s.snapshot())
	var tally callTally
	var repetitions repetitionTally
	var calls []*databaseCall
	var slow []SlowCall
	within := q.within.nanos()
	callers := map[caller]*StatementCaller{}
	for _, trace := range traces {
		found := callsOf(trace, &s.statements)
		before := len(calls)
		var longest slowest
		for i := range found.calls {
			call := &found.calls[i]
			if call.statement.id != q.id || !within.contains(call.end) || !q.matches(call) {
				continue
			}
			tally.statement = call.statement
			tally.add(trace, call)
			calls = append(calls, call)
			longest.add(trace, call.span, call.mean())
		}
		if len(calls) == before {
			continue
		}
		slow = append(slow, longest.render())
		summary := summarize(trace)
		key := caller{summary.RootService, summary.RootOperation}
		if callers[key] == nil {
			callers[key] = &StatementCaller{Service: key.service, Operation: key.operation}
		}
		callers[key].Traces++
		for _, call := range calls[before:] {
			callers[key].Calls += call.count
			callers[key].TotalNS += call.total
		}
		for _, r := range q.repetitionsIn(trace, found) {
			tally.most = max(tally.most, r.calls)
			repetitions.add(trace, r)
		}
	}
	if tally.statement == nil {
		return StatementDetail{}, false
	}
	detail := StatementDetail{
		Statement: tally.render(), Services: tally.services.list(), Databases: tally.databases.list(),
		Callers: []StatementCaller{}, NPlusOne: repetitions.list(), Series: seriesOfCalls(calls, q.within),
		SameText: s.sameText(traces, q.within, tally.statement),
	}
	detail.Statement.SameText = len(detail.SameText)
	for _, c := range callers {
		detail.Callers = append(detail.Callers, *c)
	}
	slices.SortFunc(detail.Callers, func(a, b StatementCaller) int {
		return cmp.Or(cmp.Compare(b.TotalNS, a.TotalNS), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	})
	detail.Callers = detail.Callers[:min(maxCallers, len(detail.Callers))]
	slices.SortFunc(slow, func(a, b SlowCall) int {
		return cmp.Or(cmp.Compare(b.DurationNS, a.DurationNS), cmp.Compare(a.TraceID, b.TraceID))
	})
	detail.Slowest = slow[:min(maxSlow, len(slow))]
	return detail, true
}

// sameText returns the other SQL_IDs in the time range with the text of a statement, those
// with the most calls first.
func (s *store) sameText(traces []storedTrace, within timeRange, of *statement) []CallCount {
	var ids nameSet
	nanos := within.nanos()
	if of.sqlID == "" || of.text == "" {
		return []CallCount{}
	}
	for _, trace := range traces {
		for _, call := range callsOf(trace, &s.statements).calls {
			if other := call.statement; other.sqlID != "" && other.sqlID != of.sqlID && other.text == of.text && nanos.contains(call.end) {
				ids.add(other.sqlID, call.count)
			}
		}
	}
	list := ids.list()
	return list[:min(maxSameText, len(list))]
}

// seriesOfCalls distributes calls over buckets between the limits of the time range or,
// without limits, between the first and the last call.
func seriesOfCalls(calls []*databaseCall, within timeRange) CallSeries {
	earliest, latest := calls[0].end, calls[0].end
	for _, call := range calls {
		earliest, latest = min(earliest, call.end), max(latest, call.end)
	}
	first, last := time.Unix(0, earliest), time.Unix(0, latest).Add(1)
	width := within.length(first, last)
	if !within.from.IsZero() {
		first = within.from
	}
	series := CallSeries{
		From: first.UTC(), Buckets: make([]CallBucket, callBuckets),
		BucketNS: max(minBucket.Nanoseconds(), (width.Nanoseconds()+callBuckets-1)/callBuckets),
	}
	for _, call := range calls {
		at := time.Unix(0, call.end).Sub(first).Nanoseconds() / series.BucketNS
		bucket := &series.Buckets[min(max(0, at), callBuckets-1)]
		bucket.Calls += call.count
		bucket.TotalNS += call.total
		if call.failed {
			bucket.Errors += call.count
		}
	}
	return series
}
