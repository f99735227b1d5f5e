// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// guideKey is the data key of the guide's apps. The collector uploads with another one.
	guideKey = "KEYOFTHEGUIDESAPP"
	// guidePeer is the peer.service that the guide's span processor sets on each CLIENT span.
	guidePeer = "my-database"
	// guideFolder has the files of the guide: otel_setup.py, asgi.py, wsgi.py.
	guideFolder = "python/guide"
)

// guideVariables are the guide's variables for opentelemetry-instrument.
const guideVariables = `export OTEL_SERVICE_NAME=my-app OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$APM_ENDPOINT/20200101/opentelemetry/v1/traces"
export OTEL_EXPORTER_OTLP_TRACES_HEADERS="Authorization=dataKey $APM_DATA_KEY"
`

// guideCases are apps that follow Oracle's guide for Python, "Monitoring Python
// Applications with OCI APM", except for APM_ENDPOINT. The expected spans and
// topology are those of the same apps with plain OTLP, except for the name that
// the guide's span processor gives the database.
func guideCases() []testCase {
	rows := []testCase{
		{
			name:      "Oracle's guide: Flask, opentelemetry-instrument, psycopg2",
			databases: []func(*testing.T) database{shopPostgreSQL},
			services: []service{{
				name: "flask", folders: []string{"python/shop", "python/flask"}, guide: true,
				script: guideVariables + "opentelemetry-instrument flask run --port 8000",
				tools:  python("flask psycopg2-binary opentelemetry-distro", "test/apps/python/flask/requirements.txt"),
				ready:  `Running on http://`, counted: true, stop: os.Interrupt,
			}},
			routes: flaskRoutes,
		},
		{
			name:      "Oracle's guide: Django, opentelemetry-instrument, sqlite3",
			databases: []func(*testing.T) database{unnamed(shopSQLite)},
			services: []service{{
				name: "django", folders: []string{"python/django"}, guide: true,
				script: guideVariables + "export DJANGO_SETTINGS_MODULE=shop.settings\n" +
					"opentelemetry-instrument gunicorn shop.wsgi --workers 1 --bind 127.0.0.1:8000",
				tools: python("django gunicorn opentelemetry-distro", "test/apps/python/django/requirements.txt"),
				ready: `Booting worker`, counted: true,
			}},
			routes: djangoRoutes,
		},
		guideRow(asgiRow{framework: "quart", server: "hypercorn", driver: "oracledb", database: unnamed(oracleStandIn), folder: "python/oracle"}),
		guideTwice(guideRow(asgiRow{framework: "fastapi", server: "uvicorn", driver: "mysql-connector-python", database: shopMariaDB})),
		guideTwoServices(),
	}
	for i := range rows {
		if rows[i].traffic == nil {
			rows[i].traffic = shopTraffic
		}
		rows[i].traffic = untilStored(rows[i].traffic)
		rows[i].check = checkGuide
	}
	return rows
}

// guideDrivers has the module and the system of each driver that replaces oracledb
// in the guide's otel_setup.py.
var guideDrivers = map[string][2]string{
	"oracledb":               {"oracledb", "oracle"},
	"psycopg2":               {"psycopg2", "postgresql"},
	"mysql-connector-python": {"mysql.connector", "mysql"},
	"sqlite3":                {"sqlite3", "sqlite"},
}

// guideService is an app with the guide's two files.
func guideService(row asgiRow) service {
	app := row.service()
	app.files, app.guide = nil, true
	app.folders = append(app.folders, guideFolder)
	app.prepare = func(t *testing.T, folder string) {
		t.Helper()
		guideDriver(t, folder, cmp.Or(row.driver, "psycopg2"))
		if row.framework == "quart" {
			replaceIn(t, folder, "asgi.py", "Middleware(app)", "Middleware(app.asgi_app)")
		}
	}
	return app
}

func guideDriver(t *testing.T, folder, driver string) {
	t.Helper()
	values, found := guideDrivers[driver]
	require.True(t, found, driver)
	replaceIn(t, folder, "otel_setup.py", "import oracledb\n", "import "+values[0]+"\n")
	replaceIn(t, folder, "otel_setup.py", "connect_module=oracledb,", "connect_module="+values[0]+",")
	replaceIn(t, folder, "otel_setup.py", `database_system="oracle"`, `database_system="`+values[1]+`"`)
}

// guideShop has the shop's expected spans with the guide's span processor.
func guideShop(row asgiRow) shop {
	app := shopOn[cmp.Or(row.driver, "psycopg2")]
	app.query = func(q *span) { q.attributes["peer.service"] = guidePeer }
	row.show(&app)
	return app
}

func guideRow(row asgiRow) testCase {
	tt := row.testCase()
	tt.name = "Oracle's guide: " + row.framework + " on " + row.server + ", SDK wrapper, " + row.driver
	tt.services = []service{guideService(row)}
	tt.routes = func(r *running) []route { return guideShop(row).routes(row.framework, r.databases[0]) }
	return tt
}

// guideTwice is for FastAPI, which creates spans itself since 0.164. The guide's
// middleware creates one more span for each request, in a separate trace. This does
// not depend on the collector.
func guideTwice(tt testCase) testCase {
	messages := shop{}
	asgiRow{framework: "starlette", server: "uvicorn"}.show(&messages)
	traffic, routes := tt.traffic, tt.routes
	tt.traffic = func(t *testing.T, c *client) {
		t.Helper()
		traffic(t, c)
		for key := range c.counted {
			c.counted[key] *= 2
		}
	}
	tt.routes = func(r *running) []route {
		all := routes(r)
		for i := range all {
			alone := all[i].tree
			alone.name, alone.children = all[i].method+" "+all[i].path, nil
			// The middleware's other spans are below FastAPI's, the current span.
			all[i].tree.children = slices.Concat(messages.below(alone), all[i].tree.children)
			all[i].further = func(_ *testing.T, _ *client, root, tree span) span {
				if len(root.children) == 0 {
					return alone
				}
				return tree
			}
		}
		return all
	}
	return tt
}

// guideTwoServices are the shop in Starlette and a service in Flask that calls it.
// The guide's span processor sets peer.service on these HTTP calls too.
func guideTwoServices() testCase {
	row := asgiRow{framework: "starlette", server: "uvicorn"}
	shop := guideService(row)
	shop.name = shopService
	return testCase{
		name:      "Oracle's guide: Flask before Starlette on uvicorn, SDK wrapper, psycopg2",
		databases: []func(*testing.T) database{unnamed(shopPostgreSQL)},
		services: []service{shop, {
			name: gatewayService, folders: []string{"python/gateway", guideFolder}, guide: true,
			script:  "export OTEL_SERVICE_NAME=my-app\nflask --app wsgi run --port 8000",
			prepare: func(t *testing.T, folder string) { t.Helper(); guideDriver(t, folder, "sqlite3") },
			tools:   python("flask requests opentelemetry-instrumentation-wsgi", "test/apps/python/drivers/requirements.txt"),
			ready:   `Running on http://`, counted: true, stop: os.Interrupt,
		}},
		traffic: func(t *testing.T, c *client) {
			t.Helper()
			for _, r := range webRequests {
				c.request(t, r.method, r.path, r.path, r.body, r.status, nil)
			}
		},
		routes: func(r *running) []route {
			routes := behindGateway(guideShop(row).routes(shopService, r.databases[0]))
			for i := range routes {
				routes[i].tree.name = routes[i].method + " " + routes[i].path // WSGI knows no routes
				routes[i].tree.children[0].attributes["peer.service"] = guidePeer
			}
			return routes
		},
	}
}

// untilStored makes traffic wait until its last spans are stored, because the guide's
// asgi.py does not send them when Uvicorn exits.
func untilStored(traffic func(*testing.T, *client)) func(*testing.T, *client) {
	return func(t *testing.T, c *client) {
		t.Helper()
		traffic(t, c)
		require.Eventually(t, func() bool {
			ended := 0
			for _, app := range c.running.services {
				file, err := os.Stat(app.counter)
				if err != nil {
					return false
				}
				ended += int(file.Size())
			}
			return ended == c.running.sandbox.Counts(t).Spans.Stored
		}, requestTimeout, 100*time.Millisecond, "spans that ended are not stored")
	}
}

// checkGuide checks that the apps uploaded to APM's path with their own key, and that
// the collector did not pass the key on.
func checkGuide(t *testing.T, r *running) {
	t.Helper()
	require.NotEmpty(t, r.recorder.uploads)
	for _, u := range r.recorder.uploads {
		assert.Equal(t, upload{path: apmPath + "/v1/traces", authorization: "dataKey " + guideKey}, u)
	}
	assert.NotContains(t, r.collector.Output(), guideKey)
	assert.NotContains(t, fmt.Sprint(r.sandbox.Spans(t)), guideKey)
}
