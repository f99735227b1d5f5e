// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const database = "sqlite:stayeasy"

// TestViews opens every view while StayEasy runs.
func TestViews(t *testing.T) {
	w := startWorld(t, "")
	b := startBrowser(t)
	tab := b.open(t, w.sandbox.URL, desktop)

	t.Run("the list fills while traffic flows", func(t *testing.T) {
		p := tab.in(t)
		p.awaitText("main h2", "No traces yet")
		w.traffic(t, 1) // fewer requests than a page of the list has
		rows := `document.querySelectorAll('.traces tbody tr').length`
		p.await(rows + ` > 0`)
		first := eval[int](p, rows)
		awaitTraffic := w.startTraffic(t, 7)
		p.await(fmt.Sprintf(`%s > %d`, rows, first))
		awaitTraffic()
		requests := w.settle(t)
		p.awaitText(".head .muted", fmt.Sprintf("%d traces", requests))
		assert.Equal(t, 100, p.count(".traces tbody tr"), "a page of the list")
		p.click("button", "Older")
		p.awaitText(".pages", fmt.Sprintf("101–%d of %d", min(200, requests), requests))
		p.goTo("traces")
		p.await(`document.querySelector('.histogram canvas')`)
	})
	booking := findBooking(t, w.sandbox)

	t.Run("filters", func(t *testing.T) {
		p := tab.in(t)
		sendOracle(t, w.collector)
		require.Eventually(t, func() bool { return total(t, w.sandbox, "service=reports") == 1 }, awaitTimeout, pollInterval)
		// The machine decides how long a request takes.
		listed := getJSON[apm.TraceList](t, w.sandbox.URL+"/api/v1/traces?sort=duration").Traces
		medium := fmt.Sprintf("%dns", listed[len(listed)/2].DurationNS)
		for name, text := range map[string]string{
			"attribute": "peer.service=" + database, "operation": "POST /api/bookings", "min_duration": medium, "max_duration": medium,
		} {
			p.goTo("traces")
			p.fill(map[string]string{
				"attribute": ".field.wide input", "operation": ".field:nth-child(2) input",
				"min_duration": ".field:nth-child(4) input", "max_duration": ".field:nth-child(5) input",
			}[name], text)
			p.await(fmt.Sprintf(`location.hash.includes(%s)`, quoted(name+"=")))
			want := total(t, w.sandbox, name+"="+strings.NewReplacer(" ", "%20", "=", "%3D").Replace(text))
			p.awaitText(".head .muted", strings.TrimSuffix(fmt.Sprintf("%d trace", want), "s"))
			assert.Positive(t, want, name)
			assert.Less(t, want, total(t, w.sandbox, ""), name)
		}
		p.goTo("traces")
		p.click(".segments button", "Errors")
		p.awaitText("main h2", "No trace matches")
		p.click("button", "Clear")
		p.await(`document.querySelectorAll('.traces tbody tr').length > 0`)
		p.click("th button", "Duration")
		p.await(`document.querySelector('th.col-duration').ariaSort === 'descending'`)
		p.goTo("traces?sort=color")
		p.awaitText(".failure", "sort: must be one of duration, errors, spans, start")
		p.goTo("traces")
		p.fill(".search input", "00-"+booking+"-00f067aa0ba902b7-01")
		p.press(kb.Enter)
		p.await(fmt.Sprintf(`location.hash === '#/traces/%s'`, booking))
	})

	t.Run("a booking", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces/" + booking)
		p.await(`document.querySelectorAll('.waterfall .row').length > 8`)
		var statements []string
		for _, detail := range p.texts(".waterfall .row small") {
			if operation, _, found := strings.Cut(detail, " "); found {
				statements = append(statements, operation)
			}
		}
		assert.Equal(t, strings.Fields("SELECT SELECT INSERT SELECT INSERT INSERT"), statements)
		assert.Equal(t, []string{webService, "stayeasy"}, p.texts(".legend .service"))
		assert.Positive(t, p.count(".row .critical"))
		p.click(".toggle", "Critical path")
		p.await(`document.querySelectorAll('.row .critical').length === 0`)
		p.click(".toggle", "Critical path")
		p.awaitText(".trace-logs", "POST /api/bookings 201")

		p.click(".row", "INSERT INTO bookings")
		p.awaitText(".panel .sql", "INSERT INTO bookings (reference")
		assert.Contains(t, p.texts(".panel .sql-keyword"), "INTO")
		assert.Contains(t, p.texts(".panel .sql-bind"), ":reference")
		assert.Equal(t, "collector", p.originOf("peer.service"))
		assert.Equal(t, "collector", p.originOf("db.operation"))
		assert.Equal(t, "app", p.originOf("db.statement"))
		assert.Equal(t, "app", p.originOf("service.name"))
		assert.Equal(t, "collector", p.originOf("host.name"))
	})

	t.Run("an Oracle statement", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces/" + oracleTrace.String() + "?span=" + oracleSpan.String())
		p.awaitText(".sql-id", "89camvzd2vfu8") // of SELECT 1 FROM dual
		p.click(".drilldowns summary", "Drill-downs of APM")
		p.awaitText(".drilldowns", `{\"sqlid\":{\"value\":\"89camvzd2vfu8\"`)
		p.awaitText(".drilldowns", "/opsi/sql-warehouse?sqlId=89camvzd2vfu8&region=eu-frankfurt-1&compartmentId=<OciCompartmentId>")
		p.awaitText(".drilldowns", "The span does not have OciCompartmentId.")
		p.awaitText(".panel summary", "exception")
		p.awaitText(".panel", "APM does not show links")
		p.awaitText(".panel .note", "ORA-00942")
	})

	t.Run("topology", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("topology")
		p.await(`document.querySelectorAll('.diagram .node').length >= 4`)
		names := p.texts(".node .node-name")
		for _, name := range []string{webService, "stayeasy", database, "oracle:orcl"} {
			assert.Contains(t, names, name)
		}
		assert.NotContains(t, names, "External Unknown")
		edges := map[string]apm.Edge{}
		for _, e := range w.sandbox.Topology(t).Edges {
			edges[e.Source+" "+e.Target] = e
		}
		assert.Contains(t, edges, "service:"+webService+" service:stayeasy")
		assert.Contains(t, edges, "service:stayeasy database:"+database)
		assert.Equal(t, len(edges), p.count(".edge"))
		for _, text := range eval[[]string](p, `[...document.querySelectorAll('.edge')].map(e => e.textContent)`) {
			assert.Regexp(t, `^[\d.,]+K?/(s|min)\d+ % err · p95 [\d.]+ (ns|µs|ms|s)$`, text)
		}
		p.click(".node", database)
		p.awaitText("#calls", database)
		assert.Equal(t, 1, p.count(".calls tbody tr"))
	})

	t.Run("check", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("check")
		p.await(`document.querySelectorAll('.checks').length === 3`)
		for _, card := range p.texts(".checks") {
			assert.Contains(t, card, "ready for APM")
		}
		assert.Zero(t, p.count(".check.failed"))
	})

	t.Run("metrics and logs", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("metrics")
		p.awaitText(".metric", "http.server.requests")
		assert.Len(t, p.texts(".metric"), 3)
		assert.Regexp(t, `mean of \d+`, p.text(".metrics"))
		p.await(`document.querySelectorAll('.metric canvas').length === 3`)
		p.click(".segments a", "Logs")
		p.awaitText(".log", "POST /api/bookings 201")
		p.fill(".field:nth-child(3) input", "bookings 201")
		p.await(`[...document.querySelectorAll('.log .body')].every(e => e.innerText.includes('bookings 201'))`)
		p.click(".log a", "Trace")
		p.await(`document.querySelector('.waterfall .row')`)
		assert.Contains(t, p.text("main"), "/api/bookings")
	})

	t.Run("deliveries", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("deliveries")
		p.awaitText(".uploads", "/20200101/opentelemetry/v1/traces")
		before := w.sandbox.Counts(t).Spans.Stored
		p.click(".switches button", "Unavailable, 503")
		p.await(`document.querySelector('.switches [aria-checked=true]')`)
		awaitTraffic := w.startTraffic(t, 1)
		p.awaitText(".uploads .badge.bad", "503")
		p.awaitText(".switches .on", "affected")
		p.awaitText(".uploads .bad-text", "switched on in the console")
		p.click(".switches button", "Unavailable, 503")
		p.await(`!document.querySelector('.switches [aria-checked=true]')`)
		// Nothing is lost: the spans of every request arrive, from the web server and
		// from the app.
		awaitTraffic()
		w.settle(t)
		assert.Greater(t, w.sandbox.Counts(t).Spans.Stored, before)
		w.sandbox.AddFault(t, apm.Fault{Status: 500, Times: 1_000_000})
		p.awaitText(".other-faults", "500")
		p.click(".other-faults button", "Switch off")
		p.await(`!document.querySelector('.other-faults')`)
	})

	t.Run("accessible everywhere", func(t *testing.T) {
		b.requireAccessible(t, w.sandbox.URL,
			"traces", "traces/"+booking, "traces/"+oracleTrace.String()+"?span="+oracleSpan.String(), "traces/"+strings.Repeat("0", 31)+"1",
			"topology", "check", "metrics", "logs", "usage", "deliveries", "nothing",
			"traces?from=1700000000000&to=1700000001000", "traces?last=all&min_duration=soon&text=select", "files/1")
	})

	t.Run("everything forgotten", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("deliveries")
		p.click("button", "Forget everything")
		p.click("button", "Forget all spans")
		p.goTo("traces")
		p.awaitText("main h2", "No traces yet")
		for view, text := range map[string]string{"topology": "Nothing calls anything yet", "check": "Nothing to check yet", "metrics": "No metrics yet", "logs": "No logs yet"} {
			p.goTo(view)
			p.awaitText("main h2", text)
			p.requireAccessible(view + ", empty")
		}
	})
}

// findBooking returns the trace of a successful booking.
func findBooking(t *testing.T, sandbox *harness.Sandbox) string {
	t.Helper()
	for _, summary := range sandbox.TracesOf(t, webService) {
		for _, span := range sandbox.Trace(t, summary.TraceID).Spans {
			if span.Name == "HTTP POST" && span.Attributes["http.status_code"] == float64(http.StatusCreated) {
				return summary.TraceID
			}
		}
	}
	require.FailNow(t, "no booking")
	return ""
}

// total returns the number of traces that a search finds.
func total(t *testing.T, sandbox *harness.Sandbox, query string) int {
	t.Helper()
	return getJSON[apm.TraceList](t, sandbox.URL+"/api/v1/traces?"+query).Total
}

var (
	oracleTrace = pcommon.TraceID{1, 2, 3, 15: 4}
	oracleSpan  = pcommon.SpanID{1, 2, 7: 3}
)

// sendOracle sends a failed call of an Oracle database as python-oracledb's
// instrumentation does, with an event and a link.
func sendOracle(t *testing.T, collector *harness.Collector) {
	t.Helper()
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "reports")
	resource.Resource().Attributes().PutStr("OciRegion", "eu-frankfurt-1")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(oracleTrace)
	span.SetSpanID(oracleSpan)
	span.SetName("SELECT")
	span.SetKind(ptrace.SpanKindClient)
	span.SetStartTimestamp(now(0))
	span.SetEndTimestamp(now(7))
	span.Status().SetMessage("ORA-00942: table or view does not exist")
	span.Attributes().PutStr("db.system", "oracle")
	span.Attributes().PutStr("db.name", "ORCL")
	span.Attributes().PutStr("db.statement", "SELECT 1 FROM dual")
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(now(6))
	event.Attributes().PutStr("exception.message", "ORA-00942: table or view does not exist")
	link := span.Links().AppendEmpty()
	link.SetTraceID(pcommon.TraceID{15: 9})
	link.SetSpanID(pcommon.SpanID{7: 9})
	send(t, collector, "traces", ptraceotlp.NewExportRequestFromTraces(td))
}
