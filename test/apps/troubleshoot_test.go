// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The rows of docs/troubleshooting.md about apps: each wrong setup is created on
// purpose, and the output must contain what the page quotes.

// flaskOn is the Flask app of docs/apps/python.md on an SQLite file.
func flaskOn(environment ...string) service {
	return service{
		name: "flask", recipe: "app flask", folders: []string{"python/shop", "python/flask"},
		tools: python("flask", "test/apps/python/flask/requirements.txt"),
		ready: `Running on http://`, stop: os.Interrupt,
		environment: append([]string{"OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_EXPORTER_OTLP_TIMEOUT=2"}, environment...),
	}
}

// starletteOn is the Starlette app in the wrapper of docs/apps/python.md, after a change
// of its folder.
func starletteOn(change func(t *testing.T, folder string)) service {
	row := asgiRow{framework: "starlette", server: "uvicorn", driver: "sqlite3"}.service()
	prepare := row.prepare
	row.prepare = func(t *testing.T, folder string) {
		t.Helper()
		prepare(t, folder)
		if change != nil {
			change(t, folder)
		}
	}
	return row
}

// startOne starts a case with one service on the shop's SQLite file.
func startOne(t *testing.T, app service) *running {
	t.Helper()
	return start(t, testCase{databases: []func(*testing.T) database{shopSQLite}, services: []service{app}})
}

// says checks that an output contains a text, and that docs/troubleshooting.md quotes
// it.
func says(t *testing.T, output, text string) {
	t.Helper()
	assert.Contains(t, output, text)
	page, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "troubleshooting.md"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "`"+text+"`", "docs/troubleshooting.md does not quote it")
}

// replaceIn replaces a text in a file of a folder, where it must occur once.
func replaceIn(t *testing.T, folder, file, from, to string) {
	t.Helper()
	path := filepath.Join(folder, file)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(content), from), "%q in %s", from, file)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), from, to, 1)), 0o600))
}

// The exporter of the app does not reach the collector's OTLP endpoint.
func TestTroubleshootExporter(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey})
	tests := []struct {
		name        string
		change      func(app *service)
		environment []string
		says        []string
	}{
		{
			name:        "the path of OCI APM without its end",
			environment: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://" + collector.HTTP + apmPath},
			says:        []string{"Failed to export spans batch code: 404, reason: Not Found"},
		},
		{
			name:        "the path twice",
			environment: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.HTTP + "/v1/traces"},
			says:        []string{"Failed to export spans batch code: 404, reason: Not Found"},
		},
		{
			name:        "nothing listens",
			environment: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + harness.FreeAddress(t)},
			says:        []string{"Connection refused", "Failed to export spans batch due to timeout, max retries or shutdown."},
		},
		{
			name:        "HTTP to the gRPC port",
			environment: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.GRPC},
			says:        []string{"Transient error ('Connection aborted.'"},
		},
		{
			name: "gRPC to the HTTP port",
			change: func(app *service) {
				app.recipe, app.script = "", flaskOverGRPC
				app.tools = python("flask", "test/apps/python/grpc/requirements.txt")
			},
			environment: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.HTTP},
			says:        []string{"error code: StatusCode.UNAVAILABLE", "Failed parsing HTTP/2"},
		},
		{
			name: "no gRPC exporter",
			change: func(app *service) {
				app.recipe, app.script = "", flaskOverGRPC
			},
			environment: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.GRPC},
			says:        []string{"Requested component 'otlp_proto_grpc' not found"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app := flaskOn(tt.environment...)
			if tt.change != nil {
				tt.change(&app)
			}
			r := &running{sandbox: sandbox, collector: collector, databases: []database{shopSQLite(t)}}
			process := r.startService(t, app)
			r.url = process.url
			newClient(r).request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
			for _, text := range tt.says {
				process.AwaitOutput(t, regexp.QuoteMeta(text))
			}
			process.Signal(t, os.Interrupt)
			process.Wait(t, requestTimeout)
			for _, text := range tt.says {
				says(t, process.Output(), text)
			}
		})
	}
	// The receiver logs none of this.
	collector.Stop(t)
	for line := range strings.Lines(collector.Output()) {
		assert.NotRegexp(t, `\t(warn|error)\t`, line)
	}
	assert.Zero(t, sandbox.Counts(t).Spans.Received)
}

// The collector cannot reach APM, or is not allowed to upload.
func TestTroubleshootUploads(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	output, code := harness.RunCollector(t, []string{"APM_ENDPOINT=" + sandbox.URL}, "--config", harness.ConfigFile(t, "agent.yaml"))
	assert.Equal(t, 1, code)
	says(t, output, "data_key: no data key")

	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: "ANOTHERDOMAINSKEY"})
	collector.AwaitOutput(t, "Upload to OCI APM failed, will retry")
	says(t, collector.Output(), "Upload to OCI APM failed, will retry")
	assert.Contains(t, collector.Output(), "401 Unauthorized: ")
	assert.Contains(t, collector.Output(), "; check that the data key belongs to this domain")
	uploads := sandbox.Uploads(t)
	require.NotEmpty(t, uploads)
	assert.Equal(t, http.StatusUnauthorized, uploads[0].Status)

	closed := harness.StartCollector(t, harness.CollectorOptions{Endpoint: "http://" + harness.FreeAddress(t), DataKey: harness.PrivateKey})
	closed.AwaitOutput(t, "Upload to OCI APM failed, will retry")
	says(t, closed.Output(), "nothing listens there")
}

// Without the processor, which sets peer.service on every database span, APM shows
// External Unknown as for apps that do not set it.
func TestTroubleshootNoPeerService(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: "service: {pipelines: {traces: {processors: [memory_limiter, db_span_enricher]}}}",
	})
	r := &running{sandbox: sandbox, collector: collector, recorder: startRecorder(t, collector), databases: []database{shopSQLite(t)}}
	app := r.startService(t, starletteOn(nil))
	r.services, r.url = append(r.services, app), app.url
	newClient(r).request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
	r.end(t)
	assert.Equal(t, edges{"service starlette -> external_unknown External Unknown": {1, 0}}, edgesOf(t, sandbox.Topology(t)))
}

// Mistakes in the app show in the spans that arrive or are missing.
func TestTroubleshootApp(t *testing.T) {
	early := func(t *testing.T, folder string) {
		t.Helper()
		replaceIn(t, folder, "store.py", "\n\n\ndef connect():", "\nconnect_sqlite = driver.connect\n\n\ndef connect():")
		replaceIn(t, folder, "store.py", "driver.connect(URL.path)", "connect_sqlite(URL.path)")
	}
	tests := []struct {
		name      string
		app       service
		databases int // expected database spans
		traces    int
	}{
		{name: "as the page has it", app: starletteOn(nil), databases: 1, traces: 1},
		{name: "driver imported after the start of tracing", app: starletteOn(early), databases: 1, traces: 1},
		{
			name: "driver imported before the start of tracing",
			app: starletteOn(func(t *testing.T, folder string) {
				t.Helper()
				early(t, folder)
				replaceIn(t, folder, "asgi.py", "from otel_setup", "import store\nfrom otel_setup")
			}),
			traces: 1,
		},
		{
			name: "execute of the connection",
			app: starletteOn(func(t *testing.T, folder string) {
				t.Helper()
				replaceIn(t, folder, "store.py", "cursor.execute(statement, parameters)", "cursor = connection.execute(statement, parameters)")
			}),
			traces: 1,
		},
		{name: "FastAPI and the middleware", app: fastAPIWithMiddleware(), databases: 1, traces: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startOne(t, tt.app)
			newClient(r).request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
			r.end(t)
			databases := 0
			for _, s := range r.sandbox.Spans(t) {
				if s.Kind == "CLIENT" {
					databases++
				}
			}
			assert.Equal(t, tt.databases, databases, "spans of the database")
			assert.Len(t, r.sandbox.Traces(t), tt.traces)
		})
	}
}

// fastAPIWithMiddleware is FastAPI in the wrapper for the other frameworks.
func fastAPIWithMiddleware() service {
	app := asgiRow{framework: "fastapi", server: "uvicorn", driver: "sqlite3"}.service()
	app.files[1] = "asgi files"
	return app
}

// Each of several workers has its own sending thread.
func TestTroubleshootWorkers(t *testing.T) {
	const requests = 40
	app := asgiRow{framework: "quart", server: "hypercorn", driver: "sqlite3"}.service()
	app.script += " --workers 2"
	r := startOne(t, app)
	c := newClient(r)
	for range requests {
		c.request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
	}
	r.end(t) // compares the spans that ended in the SDKs with those sent
	assert.Len(t, r.sandbox.Traces(t), requests)
}

// Uvicorn exits without Python's exit handlers: without the last lines of the page's
// asgi.py the last spans are lost.
func TestTroubleshootLastSpans(t *testing.T) {
	app := starletteOn(func(t *testing.T, folder string) {
		t.Helper()
		replaceIn(t, folder, "asgi.py", "        provider.shutdown()", "        pass")
	})
	app.environment = []string{"OTEL_BSP_SCHEDULE_DELAY=600000"} // however slow the test is
	r := startOne(t, app)
	newClient(r).request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
	r.services[0].Stop(t)
	ended, err := os.Stat(r.services[0].counter)
	require.NoError(t, err)
	assert.Equal(t, int64(4), ended.Size(), "spans that ended")
	assert.Empty(t, r.recorder.sent(), "spans that were sent")
}

// The CLI finds no instrumentation for an ASGI app unless its framework creates its own
// spans.
func TestTroubleshootCommandLine(t *testing.T) {
	for framework, traces := range map[string]int{"starlette": 0, "quart": 0, "fastapi": 1} {
		t.Run(framework, func(t *testing.T) {
			r := startOne(t, service{
				name: framework, folders: []string{"python/shop", "python/" + framework},
				script: `export OTEL_SERVICE_NAME=my-app OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
opentelemetry-instrument uvicorn app:app --port 8000`,
				tools: python(framework+" uvicorn opentelemetry-distro", "test/apps/python/drivers/requirements.txt"),
				ready: `unning on http://`, stop: os.Interrupt,
			})
			newClient(r).request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
			r.end(t)
			assert.Len(t, r.sandbox.Traces(t), traces)
		})
	}
}
