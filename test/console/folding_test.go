// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	searchRooms = 200
	// searchMessages are the spans that the ASGI instrumentation makes of each message.
	searchMessages = 5
	// searchSpans are a request, its messages, one statement that finds the rooms, and one
	// for each room.
	searchSpans = 1 + searchMessages + 1 + searchRooms
	searchName  = "GET /api/search"
	// taken is in the statement that is repeated, and longest is max_duration's default.
	taken   = "AS taken FROM bookings"
	longest = 50 * time.Millisecond
)

// withoutMessages removes the spans of ASGI's messages before those of statements are
// folded.
const withoutMessages = `
processors:
  filter/asgi:
    error_mode: ignore
    traces: {span: ['attributes["asgi.event.type"] != nil and status.code != STATUS_CODE_ERROR']}
service:
  pipelines:
    traces:
      processors: [memory_limiter, resource_detection, db_span_enricher, peer_service, filter/asgi, span_folding]
`

// addRooms gives a hotel in Lisbon 200 rooms for nine guests. No other room has so many beds.
const addRooms = `
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    hotel, = database.execute("SELECT MIN(id) FROM hotels WHERE city = 'Lisbon'").fetchone()
    first, = database.execute("SELECT MAX(id) + 1 FROM rooms").fetchone()
    database.executemany(
        "INSERT INTO rooms (id, hotel_id, room_number, kind, capacity, price_cents) VALUES (?, ?, ?, 'dorm', 9, 5000)",
        [(first + i, hotel, f"D{i}") for i in range(200)],
    )
`

// search starts StayEasy before a collector, and searches among 200 rooms. It returns the
// spans of the search, which its own instrumentation has made.
func search(t *testing.T, overlays ...string) (*harness.Sandbox, []apm.Span) {
	t.Helper()
	sandbox := harness.StartSandbox(t)
	var arguments []string
	for _, overlay := range overlays {
		file := filepath.Join(t.TempDir(), "overlay.yaml")
		require.NoError(t, os.WriteFile(file, []byte(overlay), 0o600))
		arguments = append(arguments, "--config", file)
	}
	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Arguments: arguments})
	database := filepath.Join(t.TempDir(), "stayeasy.db")
	// The SDK's own delay: the search fits between two uploads of it.
	app := startStayEasy(t, collector, "STAYEASY_DATABASE_URL=sqlite:///"+database, "OTEL_BSP_SCHEDULE_DELAY=5000")
	output, err := exec.CommandContext(t.Context(), python(t, "python"), "-c", addRooms, database).CombinedOutput()
	require.NoError(t, err, "%s", output)

	visit(t, app+"/health")
	sandbox.AwaitSpans(t, 1) // the SDK has just sent a batch: the next one has all of the search
	visit(t, app+"/api/search?city=Lisbon&check_in=2027-01-04&check_out=2027-01-06&guests=9")
	var found []apm.Span
	require.Eventually(t, func() bool {
		traces := getJSON[apm.TraceList](t, sandbox.URL+"/api/v1/traces?operation="+strings.ReplaceAll(searchName, " ", "%20")).Traces
		if len(traces) == 0 {
			return false
		}
		found = getJSON[apm.Trace](t, sandbox.URL+"/api/v1/traces/"+traces[0].TraceID).Spans
		return true
	}, awaitTimeout, pollInterval)
	return sandbox, found
}

func visit(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	client := http.Client{Timeout: awaitTimeout, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	response, err := client.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
}

// recipeOverlay is the configuration of docs/recipes/repeated-statements.md.
func recipeOverlay(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "recipes", "repeated-statements.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	overlay, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	return overlay
}

// TestFoldedSearch sends a search with 201 statements, as StayEasy makes it, without
// span_folding, with it, and without ASGI's messages too.
func TestFoldedSearch(t *testing.T) {
	_, whole := search(t)
	require.Equal(t, searchSpans, len(whole), namesOf(whole)) //nolint:testifylint // Len would print all spans

	recipe := recipeOverlay(t)
	sandbox, folded := search(t, recipe)
	summary, stands, slow := readFolded(t, folded)
	t.Logf("a search among %d rooms: %d spans without span_folding, %d with it; the summary stands for %v, %v in all, %v to %v each; %d took longer than %v and stayed",
		searchRooms, len(whole), len(folded), summary.Attributes["aggregation.span_count"],
		nanoseconds(summary, "total"), nanoseconds(summary, "min"), nanoseconds(summary, "max"), slow, longest)
	assert.Equal(t, len(whole), stands, "what the spans stand for")
	// The request and its messages, the first statement, the slowest one and the summary.
	assert.Equal(t, 1+searchMessages+3, len(folded)-slow, namesOf(folded))

	_, few := search(t, recipe, withoutMessages)
	_, stands, slow = readFolded(t, few)
	t.Logf("without the spans of ASGI's messages: %d spans, of which %d took longer than %v", len(few), slow, longest)
	assert.Equal(t, len(whole)-searchMessages, stands)
	assert.LessOrEqual(t, len(few)-slow, 6)

	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.goTo("traces/" + summary.TraceID)
	p.awaitText(".waterfall .row .badge", fmt.Sprintf("%v calls", summary.Attributes["aggregation.span_count"]))
	p.requireAccessible("a folded trace")
	p.picture("folded")
	assert.Contains(t, strings.Join(p.texts(".waterfall .row .badge"), "\n"), "N+1: 200 calls", "on the request")
}

// readFolded returns the only summary, the number of spans that all spans stand for, and
// that of repeated statements that were too slow to be folded.
func readFolded(t *testing.T, spans []apm.Span) (summary *apm.Span, stands, slow int) {
	t.Helper()
	for i, span := range spans {
		statement, _ := span.Attributes["db.statement"].(string)
		if count, ok := span.Attributes["aggregation.span_count"].(float64); ok {
			require.Nil(t, summary, "a second summary")
			summary = &spans[i]
			stands += int(count)
			assert.Contains(t, statement, taken)
			continue
		}
		stands++
		// On a busy machine, a statement can take longer than max_duration.
		if strings.Contains(statement, taken) && span.DurationNS > longest.Nanoseconds() {
			slow++
		}
	}
	require.NotNil(t, summary)
	return summary, stands, slow
}

// namesOf counts spans by name.
func namesOf(spans []apm.Span) map[string]int {
	names := map[string]int{}
	for _, span := range spans {
		names[span.Name]++
	}
	return names
}

// nanoseconds returns one of a summary's durations.
func nanoseconds(summary *apm.Span, which string) time.Duration {
	value, _ := summary.Attributes["aggregation.duration_"+which+"_ns"].(float64)
	return time.Duration(value)
}
