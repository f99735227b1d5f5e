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

// statementQuery is a search for statements; zero values restrict nothing.
type statementQuery struct {
	service, system, database string
	// id is that of one statement.
	id string
	// text is a part of the text without literals, or of the SQL_ID.
	text   string
	within timeRange
	sortOrder
	offset, limit int
}

// sortOrder is the order of a table: a column, and its direction.
type sortOrder struct {
	column    string
	ascending bool
}

// The columns that a list of statements can be sorted by, each in ascending order.
var statementOrders = map[string]func(a, b *Statement) int{
	"total":  func(a, b *Statement) int { return cmp.Compare(a.TotalNS, b.TotalNS) },
	"calls":  func(a, b *Statement) int { return cmp.Compare(a.Calls, b.Calls) },
	"mean":   func(a, b *Statement) int { return cmp.Compare(a.MeanNS, b.MeanNS) },
	"p95":    func(a, b *Statement) int { return cmp.Compare(a.P95NS, b.P95NS) },
	"max":    func(a, b *Statement) int { return cmp.Compare(a.MaxNS, b.MaxNS) },
	"errors": func(a, b *Statement) int { return cmp.Compare(a.Errors, b.Errors) },
	"text":   func(a, b *Statement) int { return cmp.Compare(a.Text+a.Name, b.Text+b.Name) },
}

// parseStatementQuery parses a search from a URL. An error names the parameter.
func parseStatementQuery(values url.Values, limit int) (statementQuery, error) {
	q := statementQuery{
		service: values.Get("service"), system: values.Get("system"), database: values.Get("database"),
		text: strings.TrimSpace(values.Get("text")), limit: limit,
	}
	var errs []error
	var err error
	if q.within, err = parseTimeRange(values, time.Now()); err != nil {
		errs = append(errs, err)
	}
	if q.sortOrder, err = parseOrder(values, statementOrders, "total"); err != nil {
		errs = append(errs, err)
	}
	if text := values.Get("offset"); text != "" {
		if q.offset, err = strconv.Atoi(text); err != nil || q.offset < 0 {
			errs = append(errs, errors.New("offset: must be a number from 0"))
		}
	}
	return q, errors.Join(errs...)
}

// parseOrder parses the parameters sort, one of the columns, and order: desc, the
// default, or asc.
func parseOrder[T any](values url.Values, columns map[string]T, column string) (sortOrder, error) {
	o := sortOrder{column: cmp.Or(values.Get("sort"), column)}
	var errs []error
	if _, ok := columns[o.column]; !ok {
		errs = append(errs, fmt.Errorf("sort: must be one of %s", strings.Join(slices.Sorted(maps.Keys(columns)), ", ")))
	}
	switch values.Get("order") {
	case "", "desc":
	case "asc":
		o.ascending = true
	default:
		errs = append(errs, errors.New("order: must be asc or desc"))
	}
	return o, errors.Join(errs...)
}

// direct returns the result of a comparison in the direction of the order.
func (o sortOrder) direct(compared int) int {
	if o.ascending {
		return compared
	}
	return -compared
}

// matches reports whether a call matches the search, apart from its time.
func (q *statementQuery) matches(call *databaseCall) bool {
	return (q.service == "" || call.service == q.service) &&
		(q.system == "" || call.statement.system == q.system) &&
		(q.database == "" || call.database == q.database) &&
		(q.id == "" || call.statement.id == q.id) &&
		(q.text == "" || strings.EqualFold(call.statement.sqlID, q.text) ||
			containsFold(call.statement.text, q.text) || containsFold(call.statement.name, q.text))
}

// repetitionsIn returns the repetitions in a trace whose last call matches the search.
func (q *statementQuery) repetitionsIn(trace storedTrace, calls *traceCalls) []repetition {
	var matching []repetition
	within := q.within.nanos()
	for _, r := range calls.repetitions(trace) {
		at := slices.IndexFunc(calls.calls, func(call databaseCall) bool { return call.span == r.last })
		if last := &calls.calls[at]; within.contains(last.end) && q.matches(last) {
			matching = append(matching, r)
		}
	}
	return matching
}

func (q *statementQuery) sort(statements []Statement) {
	order := statementOrders[q.column]
	slices.SortFunc(statements, func(a, b Statement) int {
		return cmp.Or(q.direct(order(&a, &b)), cmp.Compare(b.TotalNS, a.TotalNS), cmp.Compare(a.ID, b.ID))
	})
}
