// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const someSQLID = "89camvzd2vfu8"

// call returns a span of a database that begins at start and takes a number of
// milliseconds.
func call(trace, id byte, service string, start, took int, attributes map[string]any) spanSpec {
	return spanSpec{trace: trace, id: id, parent: 1, service: service, name: "query", kind: client, start: start, end: start + took, attributes: attributes}
}

func postgres(statement string) map[string]any {
	return map[string]any{"db.system": "postgresql", "db.statement": statement, "peer.service": "postgresql:shop"}
}

func oracle(statement, sqlID string) map[string]any {
	return map[string]any{"db.system": "oracle", "db.statement": statement, "DbOracleSqlId": sqlID, "peer.service": "oracle:ORCL"}
}

// withStatements starts a sandbox with calls of six statements in three traces.
func withStatements(t *testing.T) *sandbox {
	t.Helper()
	s := start(t)
	failed := call(2, 2, "shop", 1010, 50, postgres("select * from item where id = 2"))
	failed.failed = true
	s.uploadTraces(tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "shop", name: "GET /items", kind: server, end: 100},
		call(1, 2, "shop", 10, 10, postgres("select * from item where id = 1")),
		call(1, 3, "shop", 20, 30, postgres("select * from item where id = 7")),
		call(1, 4, "shop", 60, 5, oracle("select 1 from dual", someSQLID)),
		spanSpec{trace: 2, id: 1, service: "shop", name: "GET /item", kind: server, start: 1000, end: 1100},
		failed,
		call(2, 3, "shop", 1070, 2, map[string]any{"db.system": "redis", "db.statement": "SET secret value", "peer.service": "redis"}),
		spanSpec{trace: 3, id: 1, service: "report", name: "nightly", start: 2000, end: 2100},
		call(3, 2, "report", 2001, 20, oracle("select 2 from dual", "0000000000002")),
		call(3, 3, "report", 2030, 40, oracle("select 1 from dual", someSQLID)),
		call(3, 4, "report", 2080, 1, map[string]any{"db.system": "oracle"}),
		// Not calls of a database.
		spanSpec{trace: 3, id: 5, parent: 1, service: "report", name: "GET", kind: client, start: 2090, end: 2095, attributes: map[string]any{"http.method": "GET"}},
		spanSpec{trace: 3, id: 6, parent: 1, service: "report", name: "inner", start: 2090, end: 2095, attributes: oracle("select 3 from dual", "")},
	))
	return s
}

// texts returns what identifies the statements, in their order.
func texts(statements []Statement) string {
	var found []string
	for _, st := range statements {
		found = append(found, st.System+" "+st.Text+st.Name)
	}
	return strings.Join(found, "; ")
}

func TestStatements(t *testing.T) {
	s := withStatements(t)
	var list StatementList
	s.get("/api/v1/statements", &list)
	require.Equal(t, "postgresql select * from item where id = ?; oracle select ? from dual; oracle select ? from dual; "+
		"redis SET; oracle query", texts(list.Statements))
	assert.Equal(t, 5, list.Total)
	assert.Equal(t, 8, list.Calls)
	assert.Equal(t, 1, list.Errors)
	assert.Equal(t, int64(158e6), list.TotalNS)
	assert.Equal(t, int64(2071e6), list.WindowNS)
	assert.Equal(t, []CallCount{{"shop", 5}, {"report", 3}}, list.Services)
	assert.Equal(t, []CallCount{{"oracle", 4}, {"postgresql", 3}, {"redis", 1}}, list.Systems)
	assert.Equal(t, []CallCount{{"oracle:ORCL", 3}, {"postgresql:shop", 3}, {"oracle", 1}, {"redis", 1}}, list.Databases)
	assert.Empty(t, list.NPlusOne)

	item := list.Statements[0]
	assert.Len(t, item.ID, 16)
	assert.Empty(t, item.SQLID)
	assert.True(t, item.Literals)
	assert.Equal(t, []string{"shop"}, item.Services)
	assert.Equal(t, []string{"postgresql:shop"}, item.Databases)
	assert.Equal(t, [2]int{3, 1}, [2]int{item.Calls, item.Errors})
	assert.Equal(t, [4]int64{90e6, 30e6, 50e6, 50e6}, [4]int64{item.TotalNS, item.MeanNS, item.P95NS, item.MaxNS})
	assert.Equal(t, SlowCall{
		TraceID: traceID(2).String(), SpanID: spanID(2).String(), Service: "shop", Operation: "GET /item",
		StartTime: millis(1010).AsTime(), DurationNS: 50e6, Error: true,
	}, item.Slowest)

	dual := list.Statements[1]
	assert.Equal(t, [2]string{someSQLID, someSQLID}, [2]string{dual.ID, dual.SQLID})
	assert.Equal(t, []string{"report", "shop"}, dual.Services)
	assert.Equal(t, 1, dual.SameText, "the same text with another literal")
}

// The names of what can be filtered are whole, and Oracle's calls without a text are not
// one statement with others.
func TestUnusualStatements(t *testing.T) {
	s := start(t)
	long := strings.Repeat("x", maxName+1)
	s.uploadTraces(tracesOf(t,
		call(1, 2, long, 0, 3, oracle("", someSQLID)),
		call(1, 3, long, 0, 2, oracle("", "0000000000002")),
		call(1, 4, "shop", 0, 1, map[string]any{"db.system": long, "db.statement": "select 1"}),
	))
	var list StatementList
	s.get("/api/v1/statements", &list)
	require.Len(t, list.Statements, 3)
	assert.Equal(t, []CallCount{{"shop", 1}}, list.Services)
	assert.Equal(t, []CallCount{{"oracle", 2}}, list.Systems)
	assert.Equal(t, []string{firstCharacters(long, maxName)}, list.Statements[0].Services)
	assert.Zero(t, list.Statements[0].SameText, "no text is not the same text")
}

func TestStatementFilters(t *testing.T) {
	s := withStatements(t)
	for query, want := range map[string]string{
		"service=report":                       "oracle select ? from dual; oracle select ? from dual; oracle query",
		"system=redis":                         "redis SET",
		"database=oracle:ORCL":                 "oracle select ? from dual; oracle select ? from dual",
		"text=%20ITEM%20":                      "postgresql select * from item where id = ?",
		"text=" + someSQLID:                    "oracle select ? from dual",
		"service=shop&system=oracle":           "oracle select ? from dual",
		"service=nobody":                       "",
		"sort=calls&limit=1":                   "postgresql select * from item where id = ?",
		"sort=text&order=asc&limit=1&offset=1": "oracle query",
		"sort=errors&limit=1":                  "postgresql select * from item where id = ?",
		"sort=mean&order=asc&limit=1":          "oracle query",
		"sort=p95&limit=1":                     "postgresql select * from item where id = ?",
		"sort=max&limit=2":                     "postgresql select * from item where id = ?; oracle select ? from dual",
		"offset=9":                             "",
		"from=" + strconv.FormatInt(millis(2021).AsTime().UnixMilli(), 10) + "&to=" + strconv.FormatInt(millis(2022).AsTime().UnixMilli(), 10): "oracle select ? from dual",
	} {
		t.Run(query, func(t *testing.T) {
			var list StatementList
			s.get("/api/v1/statements?"+query, &list)
			assert.Equal(t, want, texts(list.Statements))
		})
	}
	for query, message := range map[string]string{
		"sort=age":  "sort: must be one of calls, errors, max, mean, p95, text, total",
		"order=up":  "order: must be asc or desc",
		"offset=-1": "offset: must be a number from 0",
		"last=x":    "last: must be",
		"limit=0":   "limit: must be",
	} {
		a := s.do(http.MethodGet, "/api/v1/statements?"+query, nil, nil)
		assert.Equal(t, http.StatusBadRequest, a.status, query)
		assert.Contains(t, string(a.body), message)
	}
}

func TestStatementDetail(t *testing.T) {
	s := withStatements(t)
	var detail StatementDetail
	s.get("/api/v1/statements/"+someSQLID, &detail)
	assert.Equal(t, "select ? from dual", detail.Statement.Text)
	assert.Equal(t, 2, detail.Statement.Calls)
	assert.Equal(t, []CallCount{{"report", 1}, {"shop", 1}}, detail.Services)
	assert.Equal(t, []CallCount{{"oracle:ORCL", 2}}, detail.Databases)
	assert.Equal(t, []CallCount{{"0000000000002", 1}}, detail.SameText)
	assert.Equal(t, []StatementCaller{{"report", "nightly", 1, 1, 40e6}, {"shop", "GET /items", 1, 1, 5e6}}, detail.Callers)
	require.Len(t, detail.Slowest, 2)
	assert.Equal(t, traceID(3).String(), detail.Slowest[0].TraceID)
	require.Len(t, detail.Series.Buckets, callBuckets)
	assert.Equal(t, CallBucket{Calls: 1, TotalNS: 5e6}, detail.Series.Buckets[0])
	assert.Equal(t, CallBucket{Calls: 1, TotalNS: 40e6}, detail.Series.Buckets[callBuckets-1])

	s.get("/api/v1/statements/"+someSQLID+"?service=shop", &detail)
	assert.Equal(t, 1, detail.Statement.Calls)
	for _, path := range []string{"nothing", someSQLID + "?service=nobody", someSQLID + "?to=1"} {
		assert.Equal(t, http.StatusNotFound, s.do(http.MethodGet, "/api/v1/statements/"+path, nil, nil).status, path)
	}
	assert.Equal(t, http.StatusBadRequest, s.do(http.MethodGet, "/api/v1/statements/"+someSQLID+"?last=x", nil, nil).status)
}

// TestTracesOfStatement follows the console's links from a statement to its traces.
func TestTracesOfStatement(t *testing.T) {
	s := withStatements(t)
	var list StatementList
	s.get("/api/v1/statements", &list)
	for query, want := range map[string]int{
		"statement=" + list.Statements[0].ID:                                    2,
		"statement=" + someSQLID:                                                2,
		"statement=" + someSQLID + "&service=report":                            1,
		"statement=nothing":                                                     0,
		"attribute=" + url.QueryEscape("DbOracleSqlId="+someSQLID):              2,
		"service=shop&attribute=" + url.QueryEscape("DbOracleSqlId="+someSQLID): 1,
		"text=" + someSQLID:                                                     2,
	} {
		var traces TraceList
		s.get("/api/v1/traces?"+query, &traces)
		assert.Equal(t, want, traces.Total, query)
	}
}

// TestNPlusOne has a request that calls a statement for each of ten items.
func TestNPlusOne(t *testing.T) {
	s := start(t)
	loop := func(trace, below byte, calls int, wrapped bool) []spanSpec {
		var specs []spanSpec
		for i := range calls {
			id, parent := byte(10+2*i), below
			if wrapped {
				specs = append(specs, spanSpec{trace: trace, id: id + 1, parent: below, service: "shop", name: "Item.find", start: i, end: i + 2})
				parent = id + 1
			}
			one := call(trace, id, "shop", i, 2, postgres("select * from item where id = "+strconv.Itoa(i)))
			one.parent = parent
			specs = append(specs, one)
		}
		return specs
	}
	root := func(trace byte, name string) spanSpec {
		return spanSpec{trace: trace, id: 1, service: "shop", name: name, kind: server, end: 200}
	}
	s.uploadTraces(tracesOf(t, append(loop(1, 1, 10, false), root(1, "GET /items"))...))
	s.uploadTraces(tracesOf(t, append(loop(2, 1, 12, true), root(2, "GET /items"))...))
	s.uploadTraces(tracesOf(t, append(loop(3, 1, 9, false), root(3, "GET /few"))...))
	// The parent of these is not in the store.
	s.uploadTraces(tracesOf(t, loop(4, 1, 20, false)...))
	// Parents that form a cycle.
	s.uploadTraces(tracesOf(t, append(loop(5, 2, 10, false),
		spanSpec{trace: 5, id: 2, parent: 3, service: "shop", name: "cycle"}, spanSpec{trace: 5, id: 3, parent: 2, service: "shop", name: "cycle"})...))
	// The function with the loop, and not the request above it.
	s.uploadTraces(tracesOf(t, append(loop(6, 2, 10, false), root(6, "GET /all"),
		spanSpec{trace: 6, id: 2, parent: 1, service: "shop", name: "load all", end: 200})...))
	// A service that is called ten times has one call each time.
	s.uploadTraces(tracesOf(t, append(loop(7, 1, 10, true), spanSpec{trace: 7, id: 1, service: "web", name: "GET /", kind: server, end: 200})...))

	var list StatementList
	s.get("/api/v1/statements", &list)
	require.Len(t, list.Statements, 1)
	assert.Equal(t, 12, list.Statements[0].NPlusOne)
	require.Len(t, list.NPlusOne, 3)
	found := list.NPlusOne[0]
	assert.Equal(t, Repetition{
		ID: list.Statements[0].ID, System: "postgresql", Text: "select * from item where id = ?",
		Service: "shop", Operation: "GET /items", Parents: 2, Calls: 22, Most: 12, TotalNS: 44e6,
		TraceID: traceID(2).String(), SpanID: spanID(1).String(),
	}, found)
	assert.Equal(t, "cycle", list.NPlusOne[1].Operation)
	assert.Equal(t, "load all", list.NPlusOne[2].Operation)

	var detail StatementDetail
	s.get("/api/v1/statements/"+found.ID, &detail)
	assert.Equal(t, list.NPlusOne, detail.NPlusOne)
	s.get("/api/v1/statements?service=nobody", &list)
	assert.Empty(t, list.NPlusOne)

	var waterfall Waterfall
	s.get("/api/v1/traces/"+traceID(2).String()+"/waterfall", &waterfall)
	for _, span := range waterfall.Spans {
		assert.Equal(t, map[bool]int{true: 12}[span.Name == "GET /items"], span.NPlusOne, span.Name)
	}

	t.Run("a trace that grows", func(t *testing.T) {
		s.uploadTraces(tracesOf(t, call(3, 100, "shop", 50, 2, postgres("select * from item where id = 9"))))
		s.get("/api/v1/statements", &list)
		assert.Len(t, list.NPlusOne, 4)
	})
}

// A reader of an older copy of a trace gets the calls of that copy.
func TestCallsOfAnOlderCopy(t *testing.T) {
	st := newStore(10, 1<<20)
	st.putSpans(t, call(1, 2, "shop", 0, 1, postgres("select 1")))
	older := st.snapshot()[0]
	st.putSpans(t, spanSpec{trace: 1, id: 3}, call(1, 4, "shop", 0, 1, postgres("select 1")))
	newer := st.snapshot()[0]
	assert.Len(t, callsOf(newer, &st.statements).calls, 2)
	assert.Len(t, callsOf(older, &st.statements).calls, 1)
	assert.Len(t, callsOf(newer, &st.statements).calls, 2)
}

// TestStatementTexts shows what two calls must have in common to be one statement.
func TestStatementTexts(t *testing.T) {
	for name, tc := range map[string]struct {
		attributes []map[string]any
		want       string
	}{
		"an invalid SQL_ID": {[]map[string]any{oracle("select 1", "<script>"), oracle("select 2", "89CAMVZD2VFU8")}, "oracle select ?"},
		"a SQL_ID of another system": {
			[]map[string]any{{"db.system": "mysql", "db.statement": "select 'x'", "DbOracleSqlId": someSQLID}}, "mysql select ?",
		},
		"no system":        {[]map[string]any{{"db.statement": "select 'secret'"}}, "other_sql select ?"},
		"the stable names": {[]map[string]any{{"db.system.name": "oracle.db", "db.query.text": "select 5 from t"}}, "oracle select ? from t"},
		"commands of Redis": {
			[]map[string]any{{"db.system": "redis", "db.statement": "GET a"}, {"db.system": "redis", "db.statement": "get b"}, {"db.system": "redis", "db.statement": "s3cret!"}},
			"redis GET; redis query",
		},
		"JSON": {
			[]map[string]any{{"db.system": "mongodb", "db.statement": `{"find":"x","secret":1}`, "db.operation": "find", "db.mongodb.collection": "users"}}, "mongodb find users",
		},
		"only a comment": {[]map[string]any{{"db.system": "mysql", "db.statement": "/* secret */"}}, "mysql query"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for i, attributes := range tc.attributes {
				s.uploadTraces(tracesOf(t, call(1, byte(i+1), "shop", 0, 10-i, attributes)))
			}
			var list StatementList
			s.get("/api/v1/statements", &list)
			assert.Equal(t, tc.want, texts(list.Statements))
			for _, st := range list.Statements {
				assert.Empty(t, st.SQLID)
			}
		})
	}
}

// TestStatementCache fills the cache several times.
func TestStatementCache(t *testing.T) {
	s := start(t)
	long := strings.Repeat("x", 10<<10)
	for i := range 5 {
		var specs []spanSpec
		for j := range byte(200) {
			specs = append(specs, call(byte(i+1), j+1, "shop", 0, 1, postgres("select "+long+strconv.Itoa(i)+"_"+strconv.Itoa(int(j)))))
		}
		s.uploadTraces(tracesOf(t, specs...))
	}
	s.uploadTraces(tracesOf(t, call(9, 1, "shop", 0, 1, postgres("select '"+strings.Repeat("y", 2*maxStatement)+"'"))))
	var list StatementList
	s.get("/api/v1/statements", &list)
	assert.Equal(t, 1001, list.Total)
	assert.LessOrEqual(t, s.server.store.statements.bytes, maxCachedText)
	assert.LessOrEqual(t, len(list.Statements[0].Text), maxPreview+len("…"))
	s.get("/api/v1/statements?text="+url.QueryEscape("select ?"), &list)
	assert.Equal(t, 1, list.Total, "the literal is longer than what is read")
}
