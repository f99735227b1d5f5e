// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// b3Cases are an app of each language with the lines of its page that join the
// traces of APM's browser agent, two of them behind a web server.
func b3Cases() []testCase {
	rows := []testCase{
		{
			name: "B3: Flask behind Apache httpd", databases: []func(*testing.T) database{shopPostgreSQL}, proxy: apache,
			services: []service{{
				name: "flask", recipe: "app flask", before: []string{"b3 python"}, folders: []string{"python/shop", "python/flask"},
				tools: python("flask opentelemetry-propagator-b3", "test/apps/python/b3/requirements.txt"),
				ready: `Running on http://`, counted: true, stop: os.Interrupt,
			}},
			routes: flaskRoutes,
		},
		joined("B3: Node.js behind nginx", "b3 node", nodeCases()[0]),
		joined("B3: Java", "b3 java", javaCases()[0]),
		joined("B3: Go", "b3 go", goCases()[0]),
	}
	rows[1].proxy = nginx
	for i := range rows {
		routes := rows[i].routes
		rows[i].routes = func(r *running) []route { return routes(r)[:1] }
		rows[i].traffic = b3Traffic
	}
	return rows
}

// joined is a row with the lines of its page that join traces.
func joined(name, lines string, tt testCase) testCase {
	tt.name, tt.check = name, nil
	tt.services[0].before = []string{lines}
	return tt
}

// b3Traffic sends the headers that a browser agent may send. Which of them APM's
// sends is not published; OCI Functions send no X-B3-Sampled, and 64-bit ids.
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
	for range 4 {
		trace, span := newTraceID().String(), newSpanID().String()
		list(trace, span, map[string]string{"X-B3-TraceId": trace, "X-B3-SpanId": span, "X-B3-Sampled": "1"})
		trace, span = newTraceID().String(), newSpanID().String()
		list(trace, span, map[string]string{"X-B3-TraceId": trace, "X-B3-SpanId": span})
		short, span := newSpanID().String(), newSpanID().String()
		list(strings.Repeat("0", 16)+short, span, map[string]string{"X-B3-TraceId": short, "X-B3-SpanId": span, "X-B3-Sampled": "1"})
		// Behind a proxy that has a span of its own, and passes the headers of the page on.
		trace, span = newTraceID().String(), newSpanID().String()
		list(trace, span, map[string]string{
			"X-B3-TraceId": trace, "X-B3-SpanId": newSpanID().String(), "X-B3-Sampled": "1", "traceparent": "00-" + trace + "-" + span + "-01",
		})
	}
}

// b3Flask is the Flask app with the package of the page, but not its lines.
func b3Flask(environment ...string) service {
	app := flaskOn(environment...)
	app.recipe, app.script = "", "export OTEL_SERVICE_NAME=my-app OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"+
		"opentelemetry-instrument flask run --port 8000"
	app.tools = python("flask", "test/apps/python/b3/requirements.txt")
	return app
}

// A click makes two traces, or one that lacks the app, where one of the page's
// lines is missing. The app's part of it shows here.
func TestTroubleshootB3(t *testing.T) {
	const trace, span = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
	tests := []struct {
		name   string
		app    service
		joined bool
		traces int
		failed bool // the sandbox's check of split traces
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
			for _, service := range r.sandbox.Checks(t) {
				for _, check := range service.Checks {
					if check.ID == "split_traces" {
						assert.Equal(t, tt.failed, check.State == apm.CheckFailed)
						assert.Equal(t, tt.failed, strings.Contains(check.Config, "pip install opentelemetry-propagator-b3\nexport OTEL_PROPAGATORS="))
					}
				}
			}
		})
	}
}

// Python does not start with a propagator that is not installed.
func TestTroubleshootNoB3Package(t *testing.T) {
	r := &running{databases: []database{shopSQLite(t)}}
	app := flaskOn("OTEL_PROPAGATORS=b3multi,tracecontext,baggage")
	app.ready = "" // it never is
	process := r.startService(t, app)
	assert.NotZero(t, process.Wait(t, requestTimeout))
	says(t, process.Output(), "Propagator b3multi not found")
}
