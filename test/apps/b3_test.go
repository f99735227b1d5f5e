// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// b3Cases has an app of each language with the lines of its page that join the traces
// of APM's browser agent. A click in Chromium must be one trace, from the page through
// a web server and the app to the statement.
func b3Cases() []testCase {
	rows := []testCase{
		{
			name: "Flask", databases: []func(*testing.T) database{shopPostgreSQL},
			services: []service{{
				name: "flask", recipe: "app flask", before: []string{"b3 python"}, folders: []string{"python/shop", "python/flask"},
				tools: python("flask opentelemetry-propagator-b3", "test/apps/python/b3/flask/requirements.txt"),
				ready: `Running on http://`, counted: true, stop: os.Interrupt,
			}},
			routes: flaskRoutes,
		},
		{
			name: "Django", databases: []func(*testing.T) database{unnamed(shopSQLite)},
			services: []service{{
				name: "django", recipe: "app django", before: []string{"b3 python"}, folders: []string{"python/django"},
				tools: python("django opentelemetry-propagator-b3", "test/apps/python/b3/django/requirements.txt"),
				ready: `(?s)(Booting worker.*){2}`, counted: true,
			}},
			routes: djangoRoutes,
		},
		joined("Node.js", "b3 node", nodeCases()[0]),
		joined("Java", "b3 java", javaCases()[0]),
		joined("Go", "b3 go", goCases()[0]),
		b3FastAPI(),
		b3Guide(),
	}
	for i := range rows {
		web := "Apache httpd"
		rows[i].proxy = apache
		if i%2 == 1 {
			web, rows[i].proxy = "nginx", nginx
		}
		rows[i].name = "Chromium, " + web + ", " + rows[i].name
		rows[i].traffic = func(t *testing.T, c *client) {
			t.Helper()
			b3Traffic(t, c)
			c.click(t)
		}
		routes := rows[i].routes
		rows[i].routes = func(r *running) []route {
			list := routes(r)[0]
			page := span{
				kind: "CLIENT", name: "GET /items", service: pageService, attributes: httpAttributes(http.MethodGet, "/items", http.StatusOK),
				children: []span{list.tree},
			}
			list.further = func(_ *testing.T, _ *client, root, tree span) span {
				if root.service == pageService {
					return page
				}
				return tree
			}
			return []route{list}
		}
		rows[i].check = checkPage
	}
	return rows
}

// joined returns a row with the lines of its page that join traces.
func joined(name, lines string, tt testCase) testCase {
	tt.name = name
	tt.services[0].before = []string{lines}
	return tt
}

// b3FastAPI has no recipe for its driver, so it gets the variables of the page's lines.
func b3FastAPI() testCase {
	tt := asgiRow{framework: "fastapi", server: "uvicorn", driver: "oracledb", database: oracleStandIn, folder: "python/oracle"}.testCase()
	tt.name = "FastAPI, oracledb over a DB-API stand-in"
	tt.services[0].environment = []string{"OTEL_PROPAGATORS=b3multi,tracecontext,baggage", "OTEL_TRACES_SAMPLER=always_on"}
	return tt
}

// b3Guide is an app of Oracle's guide. Its code sets the propagators.
func b3Guide() testCase {
	tt := guideRow(asgiRow{framework: "quart", server: "hypercorn", driver: "oracledb", database: unnamed(oracleStandIn), folder: "python/oracle"})
	tt.name = "Quart after Oracle's guide, oracledb over a DB-API stand-in"
	app := &tt.services[0]
	app.environment = []string{"OTEL_TRACES_SAMPLER=always_on"}
	prepare := app.prepare
	app.prepare = func(t *testing.T, folder string) {
		t.Helper()
		prepare(t, folder)
		replaceIn(t, folder, "otel_setup.py", "from opentelemetry.sdk.resources ", "from opentelemetry.propagators.b3 import B3MultiFormat\nfrom opentelemetry.sdk.resources ")
		replaceIn(t, folder, "otel_setup.py", "CompositePropagator([", "CompositePropagator([B3MultiFormat(), ")
	}
	return tt
}

// splitTraces returns the sandbox's checks for split traces by service.
func splitTraces(t *testing.T, r *running) map[string]apm.Check {
	t.Helper()
	checks := map[string]apm.Check{}
	for _, service := range r.sandbox.Checks(t) {
		at := slices.IndexFunc(service.Checks, func(c apm.Check) bool { return c.ID == "split_traces" })
		require.GreaterOrEqual(t, at, 0)
		checks[service.Service] = service.Checks[at]
	}
	return checks
}

// checkPage checks that one click is one trace, also according to the sandbox, and
// that neither the app's key nor the page's reached the collector's output.
func checkPage(t *testing.T, r *running) {
	t.Helper()
	assert.Len(t, r.sandbox.TracesOf(t, pageService), 1)
	assert.Equal(t, apm.CheckPassed, splitTraces(t, r)[pageService].State)
	for _, key := range []string{guideKey, harness.PublicKey} {
		assert.NotContains(t, r.collector.Output(), key)
	}
}

// b3Traffic sends the headers that a browser agent may send. It is not documented which
// ones APM's agent sends. OCI Functions send 64-bit IDs and no X-B3-Sampled.
func b3Traffic(t *testing.T, c *client) {
	t.Helper()
	list := func(trace, span string, headers map[string]string) {
		c.header = http.Header{}
		for name, value := range headers {
			c.header.Set(name, value)
		}
		if c.traces == nil {
			c.traces = map[string]string{}
		}
		c.traces[trace] = span
		c.request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, &[]any{})
	}
	for range shopRounds {
		trace, span := newTraceID().String(), newSpanID().String()
		list(trace, span, map[string]string{"X-B3-TraceId": trace, "X-B3-SpanId": span, "X-B3-Sampled": "1"})
		trace, span = newTraceID().String(), newSpanID().String()
		list(trace, span, map[string]string{"X-B3-TraceId": trace, "X-B3-SpanId": span})
		short, span := newSpanID().String(), newSpanID().String()
		list(strings.Repeat("0", 16)+short, span, map[string]string{"X-B3-TraceId": short, "X-B3-SpanId": span, "X-B3-Sampled": "1"})
		// Behind a proxy that has its own span and forwards the page's headers.
		trace, span = newTraceID().String(), newSpanID().String()
		list(trace, span, map[string]string{
			"X-B3-TraceId": trace, "X-B3-SpanId": newSpanID().String(), "X-B3-Sampled": "1", "traceparent": "00-" + trace + "-" + span + "-01",
		})
	}
}

// b3Flask is the Flask app with the page's package but without its lines.
func b3Flask(environment ...string) service {
	app := flaskOn(environment...)
	app.recipe, app.script = "", "export OTEL_SERVICE_NAME=my-app OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"+
		"opentelemetry-instrument flask run --port 8000"
	app.tools = python("flask", "test/apps/python/b3/flask/requirements.txt")
	return app
}

// If one of the page's lines is missing, a click makes two traces, or one without the
// app. This tests the app's part.
func TestTroubleshootB3(t *testing.T) {
	const trace, span = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
	tests := []struct {
		name   string
		app    service
		joined bool
		traces int
		failed bool // the sandbox's check for split traces
	}{
		{
			name:   "nothing set",
			app:    b3Flask("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST=x-b3-traceid"),
			traces: 1, failed: true,
		},
		{name: "no X-B3-Sampled", app: b3Flask("OTEL_PROPAGATORS=b3multi,tracecontext,baggage")},
		{
			name:   "both lines",
			app:    b3Flask("OTEL_PROPAGATORS=b3multi,tracecontext,baggage", "OTEL_TRACES_SAMPLER=always_on"),
			traces: 1, joined: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startOne(t, tt.app)
			c := newClient(r)
			c.header.Set("X-B3-TraceId", trace)
			c.header.Set("X-B3-SpanId", span)
			c.request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
			r.end(t)
			found := r.sandbox.Traces(t)
			assert.Len(t, found, tt.traces)
			for _, summary := range found {
				assert.Equal(t, tt.joined, summary.TraceID == trace)
			}
			if tt.failed {
				check := splitTraces(t, r)["flask"]
				assert.Equal(t, apm.CheckFailed, check.State)
				assert.Contains(t, check.Config, "pip install opentelemetry-propagator-b3\nexport OTEL_PROPAGATORS=")
			}
		})
	}
}

// A Python app does not start if a propagator is not installed.
func TestTroubleshootNoB3Package(t *testing.T) {
	r := &running{databases: []database{shopSQLite(t)}}
	app := flaskOn("OTEL_PROPAGATORS=b3multi,tracecontext,baggage")
	app.ready = "" // it never becomes ready
	process := r.startService(t, app)
	assert.NotZero(t, process.Wait(t, requestTimeout))
	says(t, process.Output(), "Propagator b3multi not found")
}
