// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// spanCounter is installed into every virtual environment. It counts the spans that end
// in the SDK, without changing the app.
const spanCounter = "test/apps/python/span_count.py"

var (
	venvs       sync.Mutex // held while one is created
	requirement = regexp.MustCompile(`(?m)^([][A-Za-z0-9._-]+)==`)
)

// python returns a function that creates a virtual environment with the packages of a
// requirements file, given relative to the repository's root. Environments are kept in
// the folder .venv, one for each content of the requirements. shown are the packages
// whose versions the final table shows.
func python(shown, file string) func(*testing.T) toolchain {
	return func(t *testing.T) toolchain {
		t.Helper()
		venvs.Lock()
		defer venvs.Unlock()
		requirements := filepath.Join(harness.Root(t), file)
		version := run(t, exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.version, sys.prefix)"))
		hash := sha256.New()
		fmt.Fprintln(hash, version, requirements)
		// The file may include others beside it.
		files, err := filepath.Glob(filepath.Join(filepath.Dir(requirements), "*.txt"))
		require.NoError(t, err)
		for _, each := range append(files, filepath.Join(harness.Root(t), "test/apps/python/constraints.txt")) {
			fmt.Fprintf(hash, "%s %x\n", filepath.Base(each), sha256.Sum256(readFile(t, each)))
		}
		venv := filepath.Join(harness.Root(t), ".venv", hex.EncodeToString(hash.Sum(nil))[:16])
		tools := toolchain{
			path:        filepath.Join(venv, "bin"),
			environment: []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"},
		}
		for _, name := range requirement.FindAllStringSubmatch(string(readFile(t, requirements)), -1) {
			tools.installs = append(tools.installs, name[1])
		}

		complete := filepath.Join(venv, "complete")
		if _, err := os.Stat(complete); err != nil {
			require.NoError(t, os.RemoveAll(venv))
			run(t, exec.CommandContext(t.Context(), "python3", "-m", "venv", venv)) // Debian: apt-get install python3-venv
			run(t, exec.CommandContext(t.Context(), filepath.Join(tools.path, "pip"), "install", "--quiet", "--disable-pip-version-check",
				"--requirement", requirements))
			require.NoError(t, os.WriteFile(complete, nil, 0o600))
		}
		countSpans(t, tools)

		script := `import importlib.metadata, platform, sys
print("python", platform.python_version(), *(f"{p} {importlib.metadata.version(p)}" for p in sys.argv[1:]))`
		args := append([]string{"-c", script}, strings.Fields(shown)...)
		versions := run(t, exec.CommandContext(t.Context(), filepath.Join(tools.path, "python"), args...))
		tools.versions = strings.ReplaceAll(versions, "opentelemetry-", "otel-")
		return tools
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// countSpans makes every program of a virtual environment count its spans if
// SPAN_COUNT_FILE is set.
func countSpans(t *testing.T, tools toolchain) {
	t.Helper()
	packages := run(t, exec.CommandContext(t.Context(), filepath.Join(tools.path, "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
	content, err := os.ReadFile(filepath.Join(harness.Root(t), spanCounter))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(packages, filepath.Base(spanCounter)), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(packages, "span_count.pth"),
		[]byte("import os; 'SPAN_COUNT_FILE' in os.environ and __import__('span_count')\n"), 0o600))
}

// run runs a program until it exits and returns its trimmed standard output.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s\n%s%s", cmd, stdout.String(), stderr.String())
	return strings.TrimSpace(stdout.String())
}

// pythonCases are the small apps in Python.
func pythonCases() []testCase {
	rows := []testCase{
		{
			name:      "Flask, opentelemetry-instrument, psycopg2",
			databases: []func(*testing.T) database{shopPostgreSQL},
			services: []service{{
				name: "flask", recipe: "app flask", folders: []string{"python/shop", "python/flask"},
				tools: python("flask psycopg2-binary opentelemetry-distro", "test/apps/python/flask/requirements.txt"),
				ready: `Running on http://`, counted: true, stop: os.Interrupt,
			}},
			traffic: shopTraffic,
			routes:  flaskRoutes,
		},
		{
			name:      "Flask, opentelemetry-instrument, psycopg2, over gRPC",
			databases: []func(*testing.T) database{shopPostgreSQL},
			services: []service{{
				name: "flask", script: flaskOverGRPC, folders: []string{"python/shop", "python/flask"}, grpc: true,
				tools: python("flask psycopg2-binary opentelemetry-exporter-otlp-proto-grpc", "test/apps/python/grpc/requirements.txt"),
				ready: `Running on http://`, counted: true, stop: os.Interrupt,
			}},
			traffic: shopTraffic,
			routes:  flaskRoutes,
		},
		{
			name:      "Django on Gunicorn, opentelemetry-instrument, sqlite3",
			databases: []func(*testing.T) database{unnamed(shopSQLite)},
			services: []service{{
				name: "django", recipe: "app django", folders: []string{"python/django"},
				tools: python("django gunicorn opentelemetry-distro", "test/apps/python/django/requirements.txt"),
				ready: `(?s)(Booting worker.*){2}`, counted: true,
			}},
			traffic: shopTraffic,
			routes:  djangoRoutes,
		},
	}
	for _, row := range []asgiRow{
		{framework: "fastapi", server: "uvicorn", recipe: true},
		{framework: "fastapi", server: "hypercorn"},
		{framework: "quart", server: "uvicorn"},
		{framework: "quart", server: "hypercorn", recipe: true},
		{framework: "starlette", server: "uvicorn"},
		{framework: "starlette", server: "hypercorn"},
		{framework: "starlette", server: "uvicorn", driver: "mysql-connector-python", database: shopMariaDB},
		{framework: "starlette", server: "uvicorn", driver: "sqlite3", database: unnamed(shopSQLite)},
		{framework: "starlette", server: "uvicorn", driver: "oracledb", database: oracleStandIn, folder: "python/oracle"},
	} {
		rows = append(rows, row.testCase())
	}
	return rows
}

// flaskOverGRPC starts the Flask app as its recipe does, except for the protocol.
const flaskOverGRPC = `export OTEL_SERVICE_NAME=my-app OTEL_EXPORTER_OTLP_PROTOCOL=grpc
opentelemetry-instrument flask run --port 8000`

func flaskRoutes(r *running) []route {
	app := shopOn["psycopg2"]
	app.names = map[string]string{"GET /items/1": "GET /items/<int:item>"}
	return app.routes("flask", r.databases[0])
}

func djangoRoutes(r *running) []route {
	app := shopOn["sqlite3"]
	app.names = map[string]string{
		"GET /items": "GET items", "POST /items": "POST items", "GET /items/1": "GET items/<int:item>", "GET /missing": "GET",
		"GET /error": "GET error", "GET /broken": "GET broken", "GET /slow": "GET slow",
	}
	app.texts = map[string]string{
		listItems:      `SELECT "items"."id" AS "id", "items"."name" AS "name" FROM "items" ORDER BY 1 ASC`,
		getItem + "?":  `SELECT "items"."id", "items"."name" FROM "items" WHERE "items"."id" = %s LIMIT 21`,
		addItem + "?)": `INSERT INTO "items" ("name") VALUES (%s) RETURNING "items"."id"`,
	}
	app.wrapped = "django.db.utils.OperationalError"
	return app.routes("django", r.databases[0])
}

// shopOn is how the shop's traces look with each Python driver.
var shopOn = map[string]shop{
	"psycopg2": {
		placeholder: "%s", unhandled: "RuntimeError", failed: "psycopg2.errors.UndefinedTable", late: "psycopg2.errors.QueryCanceled",
	},
	"mysql-connector-python": {
		placeholder: "%s", unhandled: "RuntimeError", failed: "mysql.connector.errors.ProgrammingError", late: "mysql.connector.errors.DatabaseError",
		texts: map[string]string{"SELECT SLEEP(30)": "UPDATE items SET name = name WHERE SLEEP(30)"},
	},
	"sqlite3": {
		placeholder: "?", unhandled: "RuntimeError", failed: "sqlite3.OperationalError", late: "sqlite3.OperationalError",
	},
	"oracledb": {
		placeholder: ":1", unhandled: "RuntimeError", failed: "sqlite3.OperationalError", late: "sqlite3.OperationalError",
	},
}

// asgiRow is an app with the wrapper of docs/apps/python.md: an ASGI framework, its
// server, and a driver (psycopg2 if none is named).
type asgiRow struct {
	framework, server string
	recipe            bool // whether docs/apps/python.md has its lines
	driver            string
	database          func(*testing.T) database
	folder            string // an additional one for the working directory
}

// asgiScripts start the servers as the recipes do.
var asgiScripts = map[string]string{
	"uvicorn":   "export OTEL_SERVICE_NAME=my-app\nuvicorn asgi:application --port 8000",
	"hypercorn": "export OTEL_SERVICE_NAME=my-app\nhypercorn asgi:application --bind 127.0.0.1:8000",
}

func (row asgiRow) testCase() testCase {
	tt := testCase{
		name:      row.framework + " on " + row.server + ", SDK wrapper, psycopg2",
		databases: []func(*testing.T) database{shopPostgreSQL},
		services:  []service{row.service()},
		traffic:   shopTraffic,
		routes: func(r *running) []route {
			driver := row.driver
			if driver == "" {
				driver = "psycopg2"
			}
			app := shopOn[driver]
			row.show(&app)
			return app.routes(row.framework, r.databases[0])
		},
	}
	if row.driver != "" {
		tt.name = row.driver + ", trace_integration"
		if row.driver == "oracledb" {
			tt.name += " over a DB-API stand-in for the driver"
		}
		tt.databases = []func(*testing.T) database{row.database}
	}
	return tt
}

// show adds what is specific to the framework to the shop's traces.
func (row asgiRow) show(app *shop) {
	// The framework's response to an exception ends the SERVER span before the exception
	// reaches the instrumentation.
	app.silent = true
	bodies := map[string]int{"uvicorn": 1, "hypercorn": 2} // messages of a request with a body
	switch row.framework {
	case "fastapi": // creates its own spans
		app.names = map[string]string{"GET /items/1": "GET /items/{item}", "GET /missing": "GET"}
		app.around = func(server span, queries []span) []span {
			step := func(name string) span {
				return span{kind: "INTERNAL", name: "fastapi." + name, service: server.service}
			}
			endpoint := step("endpoint")
			endpoint.children = queries
			switch server.attributes["http.status_code"] {
			case "404":
				return nil
			case "500":
				endpoint.failed = true
				return []span{step("dependencies"), endpoint}
			case "504": // a response that the app creates itself
				return []span{step("dependencies"), endpoint}
			}
			return []span{step("dependencies"), endpoint, step("serialization")}
		}
	case "quart": // receives one more message: the client has disconnected
		app.below = func(server span) []span {
			if strings.HasPrefix(server.name, http.MethodPost) {
				return asgi(server, 1+bodies[row.server], 3)
			}
			return asgi(server, 2, 3)
		}
	case "starlette":
		app.below = func(server span) []span {
			if strings.HasPrefix(server.name, http.MethodPost) {
				return asgi(server, bodies[row.server], 2)
			}
			return asgi(server, 0, 2)
		}
	}
}

func (row asgiRow) service() service {
	app := service{
		name: row.framework, files: []string{"otel setup", "asgi files"}, folders: []string{"python/shop", "python/" + row.framework},
		ready: `unning on http://`, counted: true,
	}
	if row.framework == "fastapi" {
		app.files[1] = "fastapi files"
	}
	shown := row.framework + " " + row.server + " opentelemetry-sdk "
	if row.recipe {
		app.recipe = "app " + row.framework
		app.tools = python(shown+"psycopg2-binary", "test/apps/python/"+row.framework+"/requirements.txt")
		return app
	}
	app.script = asgiScripts[row.server]
	app.tools = python(shown+"psycopg2-binary", "test/apps/python/drivers/requirements.txt")
	if row.driver != "" {
		app.prepare = func(t *testing.T, folder string) { t.Helper(); useDriver(t, folder, row.driver) }
		app.tools = python(strings.TrimSuffix(shown+row.driver, "sqlite3"), "test/apps/python/drivers/requirements.txt")
	}
	if row.folder != "" {
		app.folders = append(app.folders, row.folder)
		app.tools = python(shown, "test/apps/python/drivers/requirements.txt")
	}
	return app
}

// useDriver replaces psycopg2's line in otel_setup.py with the page's line for a driver.
func useDriver(t *testing.T, folder, driver string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "apps", "python.md"))
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^\| ` + driver + " \\| `(trace_integration\\(([a-z0-9.]+), .*\\))` \\|$").FindStringSubmatch(string(page))
	require.NotNil(t, line, "docs/apps/python.md has no line for %s", driver)
	file := filepath.Join(folder, "otel_setup.py")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	script := regexp.MustCompile(`(?m)^import psycopg2$`).ReplaceAllLiteralString(string(content), "import "+line[2])
	script = regexp.MustCompile(`trace_integration\(psycopg2.*`).ReplaceAllLiteralString(script, line[1])
	require.NotContains(t, script, "psycopg2")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
}

// asgi returns the INTERNAL spans that the ASGI middleware creates for the messages that
// an app receives from its server and sends to it.
func asgi(request span, received, sent int) []span {
	message := func(kind string) span {
		return span{kind: "INTERNAL", name: request.name + " http " + kind, service: request.service}
	}
	var messages []span
	for range received {
		messages = append(messages, message("receive"))
	}
	for i := range sent {
		m := message("send")
		if i == 0 { // the first message has the status
			m.attributes = map[string]string{"http.status_code": request.attributes["http.status_code"]}
			m.failed = request.failed
		}
		messages = append(messages, m)
	}
	return messages
}
