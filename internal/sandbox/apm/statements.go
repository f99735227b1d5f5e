// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

const (
	// maxPreview limits the text of a statement in a list, in bytes.
	maxPreview = 500
	// maxRepetitions limits the list of repeated statements.
	maxRepetitions = 20
)

// StatementList is the answer to a search for statements.
type StatementList struct {
	Statements []Statement `json:"statements"`
	// Total is the number of matching statements, including those not shown. Calls,
	// Errors and TotalNS are of all of them.
	Total   int   `json:"total"`
	Calls   int   `json:"calls"`
	Errors  int   `json:"errors"`
	TotalNS int64 `json:"total_ns"`
	// WindowNS is the length of the time range, as in Topology.
	WindowNS int64 `json:"window_ns"`
	// Services, Systems and Databases are those of all calls in the time range, also
	// of those that do not match.
	Services  []CallCount `json:"services"`
	Systems   []CallCount `json:"systems"`
	Databases []CallCount `json:"databases"`
	// NPlusOne lists the matching statements that are called many times below one
	// parent, those with the most calls first, at most 20.
	NPlusOne []Repetition `json:"n_plus_one"`
}

// CallCount is a name with the number of calls.
type CallCount struct {
	Name  string `json:"name"`
	Calls int    `json:"calls"`
}

// Statement has the calls of one statement. Two calls have the same statement if they
// have the same SQL_ID of Oracle Database or, without one, the same system and the same
// text apart from literals.
type Statement struct {
	ID    string `json:"id"`
	SQLID string `json:"sql_id,omitempty"`
	// System is the value of db.system.
	System string `json:"system"`
	// Text is the statement without literals. In a list it is cut. It is empty for a
	// call without a statement, and for systems without SQL.
	Text string `json:"text"`
	// Name is the operation of a call without a text.
	Name string `json:"name,omitempty"`
	// Literals reports whether literals were replaced in the text.
	Literals bool `json:"literals"`
	// SameText is the number of other SQL_IDs that differ only in literals or comments.
	SameText int `json:"same_text,omitempty"`
	// Services and Databases are sorted by name.
	Services  []string `json:"services"`
	Databases []string `json:"databases"`
	Calls     int      `json:"calls"`
	Errors    int      `json:"errors"`
	// TotalNS is the sum of the durations of all calls. MeanNS, P95NS (nearest rank)
	// and MaxNS are of single calls.
	TotalNS int64    `json:"total_ns"`
	MeanNS  int64    `json:"mean_ns"`
	P95NS   int64    `json:"p95_ns"`
	MaxNS   int64    `json:"max_ns"`
	Slowest SlowCall `json:"slowest"`
	// NPlusOne is the largest number of calls below one parent, if it is reported as
	// N+1.
	NPlusOne int `json:"n_plus_one,omitempty"`
	// EstimatedCalls is an estimate of the calls before sampling, if traces were sampled.
	EstimatedCalls float64 `json:"estimated_calls,omitempty"`
}

// SlowCall is a call of a statement.
type SlowCall struct {
	TraceID    string    `json:"trace_id"`
	SpanID     string    `json:"span_id"`
	Service    string    `json:"service"`
	Operation  string    `json:"operation"` // of the trace's root
	StartTime  time.Time `json:"start_time"`
	DurationNS int64     `json:"duration_ns"`
	Error      bool      `json:"error"`
}

// Repetition is a statement that is called many times below parents with one name
// (N+1).
type Repetition struct {
	ID     string `json:"id"`
	SQLID  string `json:"sql_id,omitempty"`
	System string `json:"system"`
	Text   string `json:"text"`
	Name   string `json:"name,omitempty"`
	// Service and Operation are the parent's.
	Service   string `json:"service"`
	Operation string `json:"operation"`
	// Parents is the number of parents with at least 10 calls. Calls and TotalNS are of
	// all of them, Most is the number of calls below the one with the most.
	Parents int   `json:"parents"`
	Calls   int   `json:"calls"`
	Most    int   `json:"most"`
	TotalNS int64 `json:"total_ns"`
	// TraceID and SpanID identify the parent with the most calls.
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// callTally has the calls of one statement.
type callTally struct {
	statement           *statement
	services, databases nameSet
	durations           []int64 // one of each span: its own, or the mean of what it stands for
	calls, errors       int
	total               int64
	estimated           float64
	slowest             slowest
	most                int // calls below one parent
}

// nameSet counts names.
type nameSet struct {
	counts map[string]*int
	// last is the count of lastName: most names are the same as the one before.
	last     *int
	lastName string
}

func (n *nameSet) add(name string, calls int) {
	if n.last == nil || name != n.lastName {
		if n.counts == nil {
			n.counts = map[string]*int{}
		}
		if n.counts[name] == nil {
			n.counts[name] = new(int)
		}
		n.last, n.lastName = n.counts[name], name
	}
	*n.last += calls
}

func (n *nameSet) names() []string {
	names := slices.Sorted(maps.Keys(n.counts))
	for i := range names {
		names[i] = firstCharacters(names[i], maxName)
	}
	return names
}

// list returns the names with the most calls first, at most maxServices.
func (n *nameSet) list() []CallCount {
	counts := make([]CallCount, 0, len(n.counts))
	for name, calls := range n.counts {
		if len(name) <= maxName {
			counts = append(counts, CallCount{Name: name, Calls: *calls})
		}
	}
	slices.SortFunc(counts, func(a, b CallCount) int { return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name)) })
	return counts[:min(maxServices, len(counts))]
}

func (s *Server) getStatements(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query, err := parseStatementQuery(r.URL.Query(), limit)
	if err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusOK, s.store.listStatements(query))
}

// listStatements returns the statements that match the search.
func (s *store) listStatements(q statementQuery) StatementList {
	list := StatementList{Statements: []Statement{}}
	tallies := map[string]*callTally{}
	var repetitions repetitionTally
	var services, systems, databases nameSet
	within := q.within.nanos()
	first, last := int64(math.MaxInt64), int64(0)
	for _, trace := range q.within.traces(s.snapshot()) {
		calls := callsOf(trace, &s.statements)
		for i := range calls.calls {
			call := &calls.calls[i]
			if !within.contains(call.end) {
				continue
			}
			services.add(call.service, call.count)
			systems.add(call.statement.system, call.count)
			databases.add(call.database, call.count)
			first, last = min(first, call.start), max(last, call.end)
			if !q.matches(call) {
				continue
			}
			tally := tallies[call.statement.id]
			if tally == nil {
				tally = &callTally{statement: call.statement}
				tallies[call.statement.id] = tally
			}
			tally.add(trace, call)
		}
		for _, r := range q.repetitionsIn(trace, calls) {
			tally := tallies[r.statement.id]
			tally.most = max(tally.most, r.calls)
			repetitions.add(trace, r)
		}
	}
	list.WindowNS = q.within.lengthNanos(first, last)
	list.Services, list.Systems, list.Databases = services.list(), systems.list(), databases.list()
	list.NPlusOne = repetitions.list()
	sqlIDs := map[string]int{} // by text
	for _, tally := range tallies {
		if tally.statement.sqlID != "" && tally.statement.text != "" {
			sqlIDs[tally.statement.text]++
		}
	}
	found := make([]Statement, 0, len(tallies))
	for _, tally := range tallies {
		st := tally.render()
		list.Calls += st.Calls
		list.Errors += st.Errors
		list.TotalNS += st.TotalNS
		if st.SQLID != "" {
			st.SameText = max(0, sqlIDs[tally.statement.text]-1)
		}
		found = append(found, st)
	}
	q.sort(found)
	list.Total = len(found)
	from := min(q.offset, len(found))
	for _, st := range found[from:min(from+q.limit, len(found))] {
		st.Text = firstCharacters(st.Text, maxPreview)
		list.Statements = append(list.Statements, st)
	}
	return list
}

func (t *callTally) add(trace storedTrace, call *databaseCall) {
	t.services.add(call.service, call.count)
	t.databases.add(call.database, call.count)
	duration := call.mean()
	t.slowest.add(trace, call.span, duration)
	t.durations = append(t.durations, duration)
	t.calls += call.count
	t.total += call.total
	t.estimated += float64(call.count) * call.weight
	if call.failed {
		t.errors += call.count
	}
}

func (t *callTally) render() Statement {
	slices.Sort(t.durations)
	estimated := 0.0
	if t.estimated > float64(t.calls) {
		estimated = t.estimated
	}
	return Statement{
		ID: t.statement.id, SQLID: t.statement.sqlID, System: firstCharacters(t.statement.system, maxName),
		Text: t.statement.text, Name: t.statement.name, Literals: t.statement.literals,
		Services: t.services.names(), Databases: t.databases.names(),
		Calls: t.calls, Errors: t.errors, EstimatedCalls: estimated,
		TotalNS: t.total, MeanNS: t.total / int64(t.calls),
		P95NS: percentile(t.durations, 95), MaxNS: t.durations[len(t.durations)-1],
		Slowest: t.slowest.render(), NPlusOne: t.most,
	}
}

// percentile returns the percentile of sorted durations by the nearest rank. There must
// be at least one.
func percentile(sorted []int64, percent int) int64 {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// slowest is the first of the slowest spans that were added.
type slowest struct {
	trace    storedTrace
	span     int // index in the trace
	duration int64
}

func (s *slowest) add(trace storedTrace, span int, duration int64) {
	if s.trace.spans == nil || duration > s.duration {
		s.trace, s.span, s.duration = trace, span, duration
	}
}

func (s *slowest) render() SlowCall {
	stored := &s.trace.spans[s.span]
	return SlowCall{
		TraceID: s.trace.id.String(), SpanID: stored.span.SpanID().String(), Service: stored.service,
		Operation: summarize(s.trace).RootOperation, StartTime: timeOf(stored.span.StartTimestamp()),
		DurationNS: s.duration, Error: stored.failed,
	}
}

// repetitionTally groups repetitions by statement and parent.
type repetitionTally struct {
	found map[repetitionKey]*Repetition
}

type repetitionKey struct{ statement, service, operation string }

func (t *repetitionTally) add(trace storedTrace, r repetition) {
	parent := trace.spans[r.parent]
	key := repetitionKey{r.statement.id, parent.service, parent.span.Name()}
	found := t.found[key]
	if found == nil {
		found = &Repetition{
			ID: r.statement.id, SQLID: r.statement.sqlID, System: firstCharacters(r.statement.system, maxName),
			Text: firstCharacters(r.statement.text, maxPreview), Name: r.statement.name,
			Service: parent.service, Operation: firstCharacters(parent.span.Name(), maxName),
		}
		if t.found == nil {
			t.found = map[repetitionKey]*Repetition{}
		}
		t.found[key] = found
	}
	found.Parents++
	found.Calls += r.calls
	found.TotalNS += r.total
	if r.calls > found.Most {
		found.Most, found.TraceID, found.SpanID = r.calls, trace.id.String(), parent.span.SpanID().String()
	}
}

func (t *repetitionTally) list() []Repetition {
	list := make([]Repetition, 0, len(t.found))
	for _, r := range t.found {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Repetition) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	})
	return list[:min(maxRepetitions, len(list))]
}
