// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	rounds         = "4" // of traffic.py
	competitors    = 8   // clients that book one room
	daysAhead      = 700 // nobody else books so late
	largestParty   = 4   // of traffic.py
	stayEasyFolder = "examples/stayeasy"
)

const stayEasyPackages = "quart hypercorn opentelemetry-sdk"

var stayEasyCases = []testCase{
	stayEasy("StayEasy on SQLite", stayEasySQLite, service{
		tools: python(stayEasyPackages, stayEasyFolder+"/requirements.txt"),
	}),
	stayEasy("StayEasy on PostgreSQL", stayEasyPostgreSQL, service{
		tools: python(stayEasyPackages+" psycopg2-binary", stayEasyFolder+"/requirements-postgresql.txt"),
	}),
	stayEasy("StayEasy on MariaDB", stayEasyMariaDB, service{
		tools: python(stayEasyPackages+" mysql-connector-python", stayEasyFolder+"/requirements-mysql.txt"),
	}),
	stayEasy("StayEasy on PostgreSQL, stable names", stayEasyPostgreSQL, service{
		tools:       python(stayEasyPackages+" psycopg2-binary", stayEasyFolder+"/requirements-postgresql.txt"),
		environment: []string{"OTEL_SEMCONV_STABILITY_OPT_IN=http,database"},
	}),
	stayEasy("StayEasy on SQLite, Uvicorn", stayEasySQLite, service{
		tools:  python("quart uvicorn opentelemetry-sdk", stayEasyFolder+"/requirements-uvicorn.txt"),
		script: "uvicorn asgi:application --port 8080",
	}),
}

// stayEasy returns a row of the table, with everything that StayEasy's rows share.
func stayEasy(name string, db func(*testing.T) database, app service) testCase {
	app.name = "stayeasy"
	app.folders = []string{"../../" + stayEasyFolder}
	app.databaseVariable = "STAYEASY_DATABASE_URL"
	if app.script == "" {
		app.script = "hypercorn asgi:application --workers 1 --bind 127.0.0.1:8080"
	}
	app.ready = `unning on http://`
	app.counted = true
	return testCase{
		name:      name,
		databases: []func(*testing.T) database{db},
		services:  []service{app},
		traffic:   stayEasyTraffic,
		routes:    stayEasyRoutes,
	}
}

// stayEasyRequests are the kinds of requests, with their statements' operations in the
// order in which they start.
var stayEasyRequests = []struct {
	method, path string
	status       int
	operations   string
}{
	{"GET", "/health", 200, "SELECT"},
	{"GET", "/api/hotels", 200, "SELECT"},
	{"GET", "/api/hotels/{hotel_id}", 200, "SELECT"},
	{"GET", "/api/hotels/{hotel_id}", 404, "SELECT"},
	{"GET", "/api/hotels/{hotel_id}/rooms", 200, "SELECT SELECT"},
	{"GET", "/api/search", 200, "SELECT"},
	{"GET", "/api/search", 400, ""},
	{"POST", "/api/bookings", 201, "SELECT SELECT INSERT SELECT INSERT INSERT"},
	{"POST", "/api/bookings", 400, ""},
	{"POST", "/api/bookings", 404, "SELECT"},
	{"POST", "/api/bookings", 409, "SELECT SELECT"},
	{"GET", "/api/bookings/{reference}", 200, "SELECT"},
	{"GET", "/api/bookings/{reference}", 404, "SELECT"},
	{"GET", "/api/guests/{guest_id}/bookings", 200, "SELECT SELECT"},
	{"GET", "/api/guests/{guest_id}/bookings", 404, "SELECT"},
	{"GET", "/api/reports/occupancy", 200, "SELECT"},
	{"GET", "/api/reports/revenue", 200, "SELECT"},
	{"GET", "/api/no-such-page", 404, ""},
	{"DELETE", "/api/hotels", 405, ""},
}

func stayEasyRoutes(r *running) []route {
	var routes []route
	for _, request := range stayEasyRequests {
		tree := span{kind: "SERVER", name: request.method + " " + request.path, service: "stayeasy", attributes: httpAttributes(request.method, request.path, request.status)}
		for operation := range strings.FieldsSeq(request.operations) {
			tree.children = append(tree.children, span{
				kind: "CLIENT", name: operation, service: "stayeasy", attributes: r.databases[0].attributes(operation, ""),
			})
		}
		routes = append(routes, route{
			method: request.method, path: request.path, status: request.status, tree: tree, further: stayEasyTrace(r, request.method),
		})
	}
	return routes
}

// stayEasyTrace returns a function that completes a route's tree with what differs from
// trace to trace: the path, the number of statements of a search, and the statements.
// Another check compares the statements with what the app sent.
func stayEasyTrace(r *running, method string) func(t *testing.T, c *client, root, tree span) span {
	return func(t *testing.T, c *client, root, tree span) span {
		t.Helper()
		path := root.attributes["http.target"]
		tree.attributes = maps.Clone(tree.attributes)
		tree.attributes["http.target"] = path
		tree.children = slices.Clone(tree.children)
		if path == "/api/search" && len(tree.children) > 0 {
			values, err := url.ParseQuery(root.query)
			require.NoError(t, err)
			candidates, found := c.answers[values.Get("city")+" "+values.Get("guests")]
			require.True(t, found, "an unknown search: %q", root.query)
			for range candidates {
				tree.children = append(tree.children, tree.children[0])
			}
		}
		for i := range min(len(tree.children), len(root.children)) {
			tree.children[i].attributes = maps.Clone(tree.children[i].attributes)
			tree.children[i].attributes["db.statement"] = root.children[i].attributes["db.statement"]
		}
		received := 2
		if method == http.MethodPost && strings.HasPrefix(r.services[0].script, "hypercorn") {
			received++ // it ends the body with a separate message
		}
		tree.children = append(tree.children, asgi(tree, received, 3)...)
		return tree
	}
}

// stayEasyTraffic runs the example's own traffic script, and then the requests that the
// script does not send.
func stayEasyTraffic(t *testing.T, c *client) {
	t.Helper()
	app := c.running.services[0]
	script := exec.CommandContext(t.Context(), filepath.Join(app.tools.path, "python"),
		filepath.Join(app.folder, "traffic.py"), "--base-url", c.running.url, "--rounds", rounds, "--seed", "7")
	script.Env = append(cleanEnvironment(), app.tools.environment...)
	for _, line := range strings.Split(run(t, script), "\n")[1:] {
		fields := strings.Fields(line)
		require.Len(t, fields, 4, line)
		status, err := strconv.Atoi(fields[2])
		require.NoError(t, err)
		count, err := strconv.Atoi(fields[3])
		require.NoError(t, err)
		c.count(fields[0], fields[1], status, count)
	}

	// How many rooms each kind of search returns.
	stay := url.Values{"check_in": {day(daysAhead)}, "check_out": {day(daysAhead + 2)}}
	var hotels struct{ Hotels []struct{ City string } }
	c.request(t, http.MethodGet, "/api/hotels", "/api/hotels", "", http.StatusOK, &hotels)
	for _, hotel := range hotels.Hotels {
		for guests := range largestParty {
			stay.Set("city", hotel.City)
			stay.Set("guests", strconv.Itoa(guests+1))
			key := hotel.City + " " + stay.Get("guests")
			if _, found := c.answers[key]; found {
				continue
			}
			var found struct{ Candidates int }
			c.request(t, http.MethodGet, "/api/search", "/api/search?"+stay.Encode(), "", http.StatusOK, &found)
			require.Positive(t, found.Candidates)
			c.answers[key] = found.Candidates
		}
	}

	// Many clients book the same room at once, and one succeeds.
	statuses := make([]int, competitors)
	var wg sync.WaitGroup
	for i := range competitors {
		wg.Go(func() {
			statuses[i] = c.send(t, http.MethodPost, "/api/bookings", booking(1, fmt.Sprintf("guest%d@example.com", i%3)), nil)
		})
	}
	wg.Wait()
	winners := 0
	for _, status := range statuses {
		c.count(http.MethodPost, "/api/bookings", status, 1)
		if status == http.StatusCreated {
			winners++
		} else {
			assert.Equal(t, http.StatusConflict, status)
		}
	}
	assert.Equal(t, 1, winners, "bookings of one room for the same nights")

	c.request(t, http.MethodPost, "/api/bookings", "/api/bookings", booking(999999, "guest@example.com"), http.StatusNotFound, nil)
	c.request(t, http.MethodPost, "/api/bookings", "/api/bookings", "{", http.StatusBadRequest, nil)
	c.request(t, http.MethodGet, "/api/guests/{guest_id}/bookings", "/api/guests/"+strings.Repeat("0", 32)+"/bookings", "",
		http.StatusNotFound, nil)
	c.request(t, http.MethodDelete, "/api/hotels", "/api/hotels", "", http.StatusMethodNotAllowed, nil)
}

func booking(room int, email string) string {
	return fmt.Sprintf(`{"room_id": %d, "check_in": %q, "check_out": %q, "guests": 1, "guest": {"name": "Zoë Ångström", "email": %q}}`,
		room, day(daysAhead), day(daysAhead+2), email)
}

// day is the date in so many days.
func day(ahead int) string { return time.Now().AddDate(0, 0, ahead).Format(time.DateOnly) }

// The app imports nothing of OpenTelemetry, as the guide claims.
func TestStayEasyHasNoTracingCode(t *testing.T) {
	for _, file := range []string{"app.py", "stays.py", "db.py", "seed.py"} {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), stayEasyFolder, file))
		require.NoError(t, err)
		assert.NotRegexp(t, `(?mi)^\s*(from|import)\s+opentelemetry`, string(content), file)
		if file == "app.py" {
			assert.NotContains(t, string(content), "opentelemetry")
		}
	}
}

// There is no Oracle Database here, but its driver: StayEasy gets as far as connecting,
// and then reports the problem in one line without the password.
func TestStayEasyWithoutItsDatabase(t *testing.T) {
	host, port := freePort(t)
	tests := []struct {
		name         string
		requirements string
		scheme       string
	}{
		{name: "Oracle", requirements: "requirements-oracle.txt", scheme: "oracle"},
		{name: "PostgreSQL", requirements: "requirements-postgresql.txt", scheme: "postgresql"},
		{name: "MySQL", requirements: "requirements-mysql.txt", scheme: "mysql"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &running{databases: []database{database{host: host, port: port, name: stayEasyDatabase}.withURL(tt.scheme)}}
			app := stayEasy("", nil, service{tools: python("quart", stayEasyFolder+"/"+tt.requirements)}).services[0]
			app.ready = "" // it never becomes ready
			process := r.startService(t, app)
			process.Wait(t, requestTimeout)

			expected := fmt.Sprintf("stayeasy: cannot connect to %s://%s@%s:%d/%s: ", tt.scheme, databaseUser, host, port, stayEasyDatabase)
			assert.True(t, strings.HasPrefix(process.Output(), expected), process.Output())
			assert.Equal(t, 1, strings.Count(process.Output(), "\n"), process.Output())
			for _, secret := range []string{databasePassword, url.QueryEscape(databasePassword), url.PathEscape(databasePassword)} {
				assert.NotContains(t, process.Output(), secret)
			}
		})
	}
}
