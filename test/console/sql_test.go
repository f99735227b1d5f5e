// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// hotelTraffic makes the spans of a hotel's services and their databases.
type hotelTraffic struct {
	td     ptrace.Traces
	random *rand.Rand
	ids    uint64
}

// span adds a span and returns its id; a parent without id is none.
func (h *hotelTraffic) span(trace pcommon.TraceID, parent pcommon.SpanID, service, name string, kind ptrace.SpanKind, start time.Time, took time.Duration) ptrace.Span {
	h.ids++
	resource := h.td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], h.ids)
	span.SetTraceID(trace)
	span.SetSpanID(id)
	span.SetParentSpanID(parent)
	span.SetName(name)
	span.SetKind(kind)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(took)))
	return span
}

// request adds a request with calls of a database, one after the other.
func (h *hotelTraffic) request(service, name string, start time.Time, calls ...hotelCall) {
	var trace pcommon.TraceID
	h.ids++
	binary.BigEndian.PutUint64(trace[8:], h.ids)
	root := h.span(trace, pcommon.SpanID{}, service, name, ptrace.SpanKindServer, start, 0)
	root.Attributes().PutStr("http.method", "GET")
	at := start.Add(time.Millisecond)
	for _, call := range calls {
		took := time.Duration(float64(call.took) * (0.6 + h.random.ExpFloat64()*0.4))
		span := h.span(trace, root.SpanID(), service, strings.SplitN(call.statement, " ", 2)[0], ptrace.SpanKindClient, at, took)
		span.Attributes().PutStr("db.system", call.system)
		span.Attributes().PutStr("peer.service", call.system+":stayeasy")
		span.Attributes().PutStr("db.statement", call.statement)
		if call.system == "oracle" {
			id, _ := sqltext.OracleSQLID(call.statement)
			span.Attributes().PutStr("DbOracleSqlId", id)
		}
		if call.failed {
			span.Status().SetCode(ptrace.StatusCodeError)
			root.Status().SetCode(ptrace.StatusCodeError)
		}
		at = at.Add(took + 200*time.Microsecond)
	}
	root.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
}

type hotelCall struct {
	system, statement string
	took              time.Duration
	failed            bool
}

const (
	findRooms   = "SELECT r.id, r.number, r.beds FROM rooms r WHERE r.hotel_id = :1 AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.room_id = r.id AND b.day BETWEEN :2 AND :3)"
	insertOne   = "INSERT INTO bookings (reference, room_id, guest, day) VALUES (:1, :2, :3, :4)"
	findGuest   = "SELECT name, email FROM guests WHERE id = :1"
	sumBookings = "SELECT h.name, SUM(b.price) FROM bookings b JOIN hotels h ON h.id = b.hotel_id GROUP BY h.name ORDER BY 2 DESC"
	findSession = "SELECT data FROM sessions WHERE token = $1"
)

// hotelOf is the traffic of the last ten minutes: searches, bookings, and a report that
// reads the guest of each booking.
func hotelOf(now time.Time) ptrace.Traces {
	h := &hotelTraffic{td: ptrace.NewTraces(), random: rand.New(rand.NewPCG(7, 7))}
	for i := range 200 {
		at := now.Add(-time.Duration(i) * 3 * time.Second)
		h.request("stayeasy", "GET /api/rooms", at,
			hotelCall{system: "postgresql", statement: findSession, took: time.Millisecond},
			hotelCall{system: "oracle", statement: findRooms, took: 9 * time.Millisecond})
		if i%3 == 0 {
			h.request("stayeasy", "POST /api/bookings", at.Add(time.Second),
				hotelCall{system: "postgresql", statement: findSession, took: time.Millisecond},
				hotelCall{system: "oracle", statement: insertOne, took: 4 * time.Millisecond, failed: i%30 == 0})
		}
		if i%10 == 0 {
			h.request("billing", "GET /invoice", at,
				hotelCall{system: "oracle", statement: fmt.Sprintf("SELECT total FROM invoices WHERE id = %d", 4000+i), took: 2 * time.Millisecond})
		}
		if i%40 == 0 {
			calls := []hotelCall{{system: "oracle", statement: sumBookings, took: 140 * time.Millisecond}}
			for range 48 {
				calls = append(calls, hotelCall{system: "oracle", statement: findGuest, took: 2 * time.Millisecond})
			}
			h.request("reports", "GET /report", at, calls...)
		}
	}
	return h.td
}

// TestSQL looks for the statements that take the most time, as a DBA would.
func TestSQL(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	b := startBrowser(t)
	tab := b.open(t, sandbox.URL, desktop)
	tab.awaitRole("link", "SQL").click()
	tab.awaitRole("heading", "No calls of databases in the last 15 min")
	tab.requireAccessible("no statements")
	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(hotelOf(time.Now())))
	guestID, _ := sqltext.OracleSQLID(findGuest)
	roomsID, _ := sqltext.OracleSQLID(findRooms)

	first := func(p *page, text string) {
		p.t.Helper()
		p.await(fmt.Sprintf(`document.querySelector('.statements .row-link')?.textContent.includes(%s)`, quoted(text)))
	}

	t.Run("by total time", func(t *testing.T) {
		p := tab.in(t)
		p.awaitRole("table", "Statements")
		first(p, "FROM rooms r")
		assert.Equal(t, "descending", p.awaitRole("columnheader", "Total time").attribute("aria-sort"))
		p.awaitText(".head .muted", "25 statements")
		p.awaitText(".statements", guestID)
		assert.Contains(t, p.texts(".statements .sql-keyword"), "SELECT")
	})

	t.Run("N+1 is named", func(t *testing.T) {
		p := tab.in(t)
		named := p.awaitRole("region", "N+1: the same statement many times below one parent").text()
		assert.Contains(t, named, "GET /report of reports calls one statement up to 48 times (5 requests like this): 240 calls")
		assert.Contains(t, named, findGuest)
		p.awaitText(".statements .badge", "N+1: 48 calls")
		p.awaitText(".statements .badge", "20 SQL_IDs for one text")
		p.awaitRole("link", "Look at the trace").click()
		p.await(`document.querySelectorAll('.waterfall .row').length > 10`)
		p.awaitText(".panel h2", "GET /report")
		p.awaitText(".waterfall .row .badge", "N+1: 48 calls")
		p.run(evaluate("history.back()"))
		p.awaitRole("table", "Statements")
	})

	t.Run("sorted", func(t *testing.T) {
		p := tab.in(t)
		p.get("button", "Mean").click()
		first(p, "SUM(b.price)")
		assert.Contains(t, eval[string](p, "location.hash"), "sort=mean")
		p.get("button", "Mean").click()
		p.await(`document.querySelector('.statements [aria-sort=ascending]')?.textContent === 'Mean'`)
		assert.Contains(t, eval[string](p, "location.hash"), "order=asc")
		p.get("button", "Errors").click()
		first(p, "INSERT INTO bookings")
		p.get("button", "Calls").click()
		first(p, "FROM sessions")
		p.get("button", "Statement").click()
		first(p, "INSERT INTO bookings")
		p.goTo("sql?sort=age&order=up")
		p.awaitText(".failure p", "order: must be asc or desc")
		assert.Equal(t, []string{"sort: must be one of calls, errors, max, mean, p95, text, total", "order: must be asc or desc"}, p.texts(".failure p"))
	})

	t.Run("of a database, a service, a text", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("sql")
		p.awaitRole("button", "postgresql:stayeasy 267").click()
		p.await(`document.querySelectorAll('.statements .row-link').length === 1`)
		assert.Contains(t, eval[string](p, "location.hash"), "database=postgresql")
		assert.Equal(t, "true", p.get("button", "postgresql:stayeasy 267").attribute("aria-pressed"))
		p.get("button", "Clear").click()
		p.awaitRole("button", "reports 245").click()
		p.await(`document.querySelectorAll('.statements .row-link').length === 2`)
		assert.Contains(t, strings.Join(p.texts(".statements .row-link"), "\n"), "GROUP BY h.name")
		p.get("button", "Clear").click()
		p.get("textbox", "Statement or SQL_ID").fill("ROOMS R")
		p.await(`document.querySelectorAll('.statements .row-link').length === 1`)
		p.get("textbox", "Statement or SQL_ID").fill(guestID)
		first(p, "FROM guests")
		p.get("textbox", "Statement or SQL_ID").fill("nothing like it")
		p.awaitRole("heading", "No statement matches")
		p.get("button", "Clear").click()
		p.await(`document.querySelectorAll('.statements .row-link').length === 25`)
	})

	t.Run("links to traces", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("sql?text=" + roomsID)
		p.awaitRole("link", "All traces with "+roomsID).click()
		p.awaitRole("heading", "Trace Explorer")
		p.awaitText(".head .muted", "200 traces")
		assert.Equal(t, "DbOracleSqlId="+roomsID, p.awaitRole("combobox", "Attribute").value())
		p.run(evaluate("history.back()"))
		p.await(`document.querySelector('.statements a[aria-label^="Slowest trace"]')`)
		slowest := getJSON[apm.StatementList](t, sandbox.URL+"/api/v1/statements?text="+roomsID).Statements[0].Slowest
		p.click(`.statements a[aria-label^="Slowest trace"]`, "ms")
		p.await(fmt.Sprintf(`location.hash.startsWith('#/traces/%s?span=%s')`, slowest.TraceID, slowest.SpanID))
		p.awaitText(".panel .sql-id", roomsID)

		// A statement without a SQL_ID is a filter of its own.
		p.goTo("sql?database=postgresql:stayeasy")
		sessions := getJSON[apm.StatementList](t, sandbox.URL+"/api/v1/statements?system=postgresql").Statements[0].ID
		p.awaitRole("link", "All traces with "+sessions).click()
		p.awaitText(".head .muted", "267 traces")
		p.awaitRole("button", "Remove the filter Statement "+sessions).click()
		p.awaitText(".head .muted", "292 traces")
	})

	t.Run("one statement", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("sql")
		p.click(".statements .row-link", "FROM guests")
		p.await(fmt.Sprintf(`location.hash.startsWith('#/sql/%s')`, guestID))
		assert.Equal(t, findGuest, p.awaitRole("region", "SQL statement").text())
		p.awaitRole("button", "Copy SQL_ID")
		p.awaitText(".sql-id", "WHERE sql_id = '"+guestID+"'")
		assert.Contains(t, p.text(".stats"), "240")
		assert.Contains(t, p.text(".where"), "oracle:stayeasy")
		assert.Contains(t, p.awaitRole("region", "Table of requests").text(), "GET /report")
		assert.Contains(t, p.awaitRole("region", "N+1: the same statement many times below one parent").text(), "calls it up to 48 times")
		assert.Equal(t, 5, strings.Count(p.awaitRole("region", "Table of the slowest traces").text(), "GET /report"))
		charts := strings.Join(p.names("image"), "\n")
		assert.Regexp(t, `Calls over time, at most \d+ in 15 s`, charts)
		assert.Contains(t, charts, "Mean duration over time")
		p.requireAccessible("a statement")
		p.get("link", "All traces with it").click()
		p.awaitText(".head .muted", "5 traces")

		p.goTo("sql?text=invoices")
		p.click(".statements .row-link", "FROM invoices WHERE id = ?")
		p.awaitRole("heading", "The same text has 20 SQL_IDs")
		p.goTo("sql/nothing")
		p.awaitRole("heading", "No call of this statement in the last 15 min")
		p.requireAccessible("no such statement")
	})

	t.Run("accessible", func(t *testing.T) {
		b.requireAccessible(t, sandbox.URL, "sql", "sql?database=oracle:stayeasy", "sql/"+guestID, "services", "services?service=reports")
	})
}

// TestServices looks for the slow operations of services.
func TestServices(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	tab := startBrowser(t).open(t, sandbox.URL, desktop)
	tab.awaitRole("link", "Services").click()
	tab.awaitRole("heading", "No services in the last 15 min")
	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(hotelOf(time.Now())))
	tab.awaitRole("region", "Table of services")
	cells := func(p *page, table int) string {
		p.t.Helper()
		return eval[string](p, fmt.Sprintf(
			`[...document.querySelectorAll('.requests')][%d] ? [...[...document.querySelectorAll('.requests')][%d].tBodies[0].rows].map(r => r.cells[0].innerText.split('\n')[0] + ' ' + r.cells[1].innerText).join(', ') : ''`, table, table))
	}
	is := func(p *page, table int, want string) {
		p.t.Helper()
		require.Eventually(p.t, func() bool { return cells(p, table) == want }, awaitTimeout, pollInterval, want)
	}

	is(tab, 0, "stayeasy 267, billing 20, reports 5")
	is(tab, 1, "GET /api/rooms 200, POST /api/bookings 67, GET /invoice 20, GET /report 5")
	stats := getJSON[apm.RequestList](t, sandbox.URL+"/api/v1/requests").Services[0].Stats
	assert.Equal(t, 7, stats.Errors)
	assert.Contains(t, tab.text(".requests tbody tr"), "2.6 %")
	for _, column := range []string{"p50", "p95", "p99"} {
		tab.get("button", column).click()
		is(tab, 0, "reports 5, stayeasy 267, billing 20")
		assert.Contains(t, eval[string](tab, "location.hash"), "sort="+column)
	}

	t.Run("of one service", func(t *testing.T) {
		p := tab.in(t)
		p.get("button", "stayeasy").click()
		is(p, 1, "GET /api/rooms 200, POST /api/bookings 67")
		p.awaitRole("button", "Remove the filter Operations of stayeasy").click()
		p.await(`!location.hash.includes('service=')`)
	})

	t.Run("links", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("services?service=reports")
		is(p, 1, "GET /report 5")
		p.click(".requests .links a", "SQL")
		p.await(`location.hash.includes('service=stayeasy')`)
		p.await(`document.querySelectorAll('.statements .row-link').length === 3`)
		p.goTo("services?service=reports")
		is(p, 1, "GET /report 5")
		p.click("section[aria-labelledby=by-operation] .links a", "Traces")
		p.awaitText(".head .muted", "5 traces")
		p.goTo("services?service=reports")
		is(p, 1, "GET /report 5")
		slowest := getJSON[apm.RequestList](t, sandbox.URL+"/api/v1/requests?service=reports").Operations[0].Slowest
		p.click("a", "Slowest")
		p.await(fmt.Sprintf(`location.hash.includes('traces/%s')`, slowest.TraceID))
	})
}
