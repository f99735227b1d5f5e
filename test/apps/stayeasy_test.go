// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/apmsandbox"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	requestTimeout = time.Minute
	rounds         = "4" // of traffic.py
	competitors    = 8   // for one room
	daysAhead      = 700 // nobody else books so late
	largestParty   = 4   // of traffic.py
	stayEasyFolder = "examples/stayeasy"
)

var (
	underHypercorn = []string{"hypercorn", "counted:application", "--workers", "1", "--bind", "{address}"}
	stayEasyPaths  = []string{"PYTHONPATH={test}:{folder}", "SPAN_COUNT_FILE={scratch}/counts.json"}
)

const stayEasyPackages = "quart hypercorn opentelemetry-sdk"

var cases = []app{
	stayEasy(app{
		name:     "StayEasy on SQLite",
		tools:    python(stayEasyPackages, "requirements.txt"),
		database: sqlite,
	}),
	stayEasy(app{
		name:     "StayEasy on PostgreSQL",
		tools:    python(stayEasyPackages+" psycopg2-binary", "requirements-postgresql.txt"),
		database: postgresql,
	}),
	stayEasy(app{
		name:     "StayEasy on MariaDB",
		tools:    python(stayEasyPackages+" mysql-connector-python", "requirements-mysql.txt"),
		database: mariadb,
	}),
	stayEasy(app{
		name:        "StayEasy on PostgreSQL, stable names",
		tools:       python(stayEasyPackages+" psycopg2-binary", "requirements-postgresql.txt"),
		database:    postgresql,
		environment: append([]string{"OTEL_SEMCONV_STABILITY_OPT_IN=http,database"}, stayEasyPaths...),
	}),
	stayEasy(app{
		name:     "StayEasy on SQLite, Uvicorn",
		tools:    python("quart uvicorn opentelemetry-sdk", "requirements-uvicorn.txt"),
		database: sqlite,
		command:  []string{"uvicorn", "counted:application", "--host", "{host}", "--port", "{port}"},
	}),
}

// stayEasy completes a row with what is the same for all of its kind.
func stayEasy(row app) app {
	row.service = "stayeasy"
	row.folder = stayEasyFolder
	row.databaseVariable = "STAYEASY_DATABASE_URL"
	if row.command == nil {
		row.command = underHypercorn
	}
	if row.environment == nil {
		row.environment = stayEasyPaths
	}
	row.ready = `unning on http://`
	row.traffic = stayEasyTraffic
	row.routes = stayEasyRoutes
	row.counts = stayEasyCounts
	return row
}

var stayEasyRoutes = []route{
	{method: "GET", path: "/health", status: 200, operations: ops("SELECT")},
	{method: "GET", path: "/api/hotels", status: 200, operations: ops("SELECT")},
	{method: "GET", path: "/api/hotels/{hotel_id}", status: 200, operations: ops("SELECT")},
	{method: "GET", path: "/api/hotels/{hotel_id}", status: 404, operations: ops("SELECT")},
	{method: "GET", path: "/api/hotels/{hotel_id}/rooms", status: 200, operations: ops("SELECT SELECT")},
	{method: "GET", path: "/api/search", status: 200, operations: ops("SELECT"), further: stayEasyCandidates},
	{method: "GET", path: "/api/search", status: 400},
	{method: "POST", path: "/api/bookings", status: 201, operations: ops("SELECT SELECT INSERT SELECT INSERT INSERT")},
	{method: "POST", path: "/api/bookings", status: 400},
	{method: "POST", path: "/api/bookings", status: 404, operations: ops("SELECT")},
	{method: "POST", path: "/api/bookings", status: 409, operations: ops("SELECT SELECT")},
	{method: "GET", path: "/api/bookings/{reference}", status: 200, operations: ops("SELECT")},
	{method: "GET", path: "/api/bookings/{reference}", status: 404, operations: ops("SELECT")},
	{method: "GET", path: "/api/guests/{guest_id}/bookings", status: 200, operations: ops("SELECT SELECT")},
	{method: "GET", path: "/api/guests/{guest_id}/bookings", status: 404, operations: ops("SELECT")},
	{method: "GET", path: "/api/reports/occupancy", status: 200, operations: ops("SELECT")},
	{method: "GET", path: "/api/reports/revenue", status: 200, operations: ops("SELECT")},
	{method: "GET", path: "/api/no-such-page", status: 404},
	{method: "DELETE", path: "/api/hotels", status: 405},
}

func ops(operations string) []string { return strings.Fields(operations) }

// stayEasyCandidates is the number of rooms that a search has to look at, one
// query for each.
func stayEasyCandidates(t *testing.T, c *client, server apmsandbox.Span) int {
	t.Helper()
	query := text(server.Attributes, "url.query")
	if address := text(server.Attributes, "http.url"); query == "" && address != "" {
		parsed, err := url.Parse(address)
		require.NoError(t, err)
		query = parsed.RawQuery
	}
	values, err := url.ParseQuery(query)
	require.NoError(t, err)
	candidates, found := c.answers[values.Get("city")+" "+values.Get("guests")]
	require.True(t, found, "an unknown search: %q", query)
	return candidates
}

// stayEasyTraffic runs the example's own traffic script and then what the
// script leaves out.
func stayEasyTraffic(t *testing.T, c *client) {
	t.Helper()
	script := exec.CommandContext(t.Context(), filepath.Join(c.running.tools.bin, "python"),
		filepath.Join(c.running.folder, "traffic.py"), "--base-url", c.running.url, "--rounds", rounds, "--seed", "7")
	script.Env = append(cleanEnvironment(), c.running.tools.environment...)
	for _, line := range strings.Split(run(t, script), "\n")[1:] {
		fields := strings.Fields(line)
		require.Len(t, fields, 4, line)
		status, err := strconv.Atoi(fields[2])
		require.NoError(t, err)
		count, err := strconv.Atoi(fields[3])
		require.NoError(t, err)
		c.count(fields[0], fields[1], status, count)
	}

	// How many rooms each kind of search looks at.
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

	// Many want the same room at once, and one gets it.
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

// day is the date so many days from now.
func day(ahead int) string { return time.Now().AddDate(0, 0, ahead).Format(time.DateOnly) }

// request sends a request, checks its status and counts it.
func (c *client) request(t *testing.T, method, route, path, body string, status int, answer any) {
	t.Helper()
	require.Equal(t, status, c.send(t, method, path, body, answer), "%s %s", method, path)
	c.count(method, route, status, 1)
}

// send sends a request, reads its JSON answer, and returns its status. It may be
// called from any goroutine.
func (c *client) send(t *testing.T, method, path, body string, answer any) int {
	t.Helper()
	status, err := c.exchange(t.Context(), method, path, body, answer)
	assert.NoError(t, err, "%s %s", method, path)
	return status
}

func (c *client) exchange(ctx context.Context, method, path, body string, answer any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.running.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if answer == nil {
		answer = &struct{}{}
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(answer)
}

// stayEasyCounts returns the number of spans that ended in the app.
func stayEasyCounts(t *testing.T, running *runningApp) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(running.scratch, "counts.json"))
	require.NoError(t, err, "the app ended without the provider's shutdown")
	var counts struct{ Ended, Exported, Delivered int }
	require.NoError(t, json.Unmarshal(content, &counts))
	assert.Equal(t, counts.Ended, counts.Exported, "spans that ended, and spans that the exporter was given")
	assert.Equal(t, counts.Ended, counts.Delivered, "spans that ended, and spans that the exporter delivered")
	return counts.Ended
}

// The app imports nothing of OpenTelemetry: the guide's claim.
func TestStayEasyHasNoTracingInIt(t *testing.T) {
	for _, file := range []string{"app.py", "stays.py", "db.py", "seed.py"} {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), stayEasyFolder, file))
		require.NoError(t, err)
		assert.NotRegexp(t, `(?mi)^\s*(from|import)\s+opentelemetry`, string(content), file)
		if file == "app.py" {
			assert.NotContains(t, string(content), "opentelemetry")
		}
	}
}

// There is no Oracle Database here, but its driver is: StayEasy gets as far as
// the network, and then says what is wrong in one line and without the password.
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
			running := &runningApp{
				folder:   filepath.Join(harness.Root(t), stayEasyFolder),
				scratch:  t.TempDir(),
				database: database{scheme: tt.scheme, host: host, port: port},
			}
			running.tools = python("quart", tt.requirements)(t, running.folder)
			row := stayEasy(app{command: []string{"hypercorn", "asgi:application", "--workers", "1", "--bind", "{address}"}})
			cmd, _ := command(t, row, running)
			process := harness.Start(t, cmd)
			process.Wait(t, requestTimeout)

			expected := fmt.Sprintf("stayeasy: cannot connect to %s://%s@%s:%d/%s: ", tt.scheme, databaseUser, host, port, databaseName)
			assert.True(t, strings.HasPrefix(process.Output(), expected), process.Output())
			assert.Equal(t, 1, strings.Count(process.Output(), "\n"), process.Output())
			for _, secret := range []string{databasePassword, url.QueryEscape(databasePassword), url.PathEscape(databasePassword)} {
				assert.NotContains(t, process.Output(), secret)
			}
		})
	}
}
