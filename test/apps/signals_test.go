// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// signals are the metrics and logs that an SDK sends in addition to spans.
type signals struct {
	metrics []string // some of their names
	failure string   // prefix of the log record of /error
	level   string   // its severity
}

// signalCases are apps that also send metrics and logs. The Java agent does so in all of
// its cases.
func signalCases() []testCase {
	rows := pythonCases()
	row := rows[slices.IndexFunc(rows, func(tt testCase) bool { return tt.services[0].recipe == "app flask" })]
	flask := row.services[0]
	row.name = "Flask, metrics and logs"
	flask.recipe = "app flask logs"
	flask.ready = "Debug mode: off" // later output goes to the log records
	install := flask.tools
	flask.tools = func(t *testing.T) toolchain {
		t.Helper()
		tools := install(t)
		tools.installs = nil // the page lists them only once
		return tools
	}
	row.services = []service{flask}
	row.check = signals{
		metrics: []string{"http.server.duration", "http.server.active_requests"}, failure: "Exception on /error", level: "ERROR",
	}.check
	return []testCase{row}
}

// check checks that metrics and logs were uploaded to their own paths, with their
// service and machine, and that a log record belongs to its request. checkCounts checks
// that everything arrived.
func (s signals) check(t *testing.T, r *running) {
	t.Helper()
	uploads := map[string]bool{}
	for _, upload := range r.sandbox.Uploads(t) {
		uploads[upload.Path] = true
	}
	for _, signal := range []string{"traces", "metrics", "logs"} {
		assert.True(t, uploads["/20200101/opentelemetry/v1/"+signal], "uploads of %s: %v", signal, uploads)
	}

	var found []string
	for _, metric := range r.sandbox.Metrics(t) {
		found = append(found, metric.Name)
		assert.NotEmpty(t, metric.DataPoints, metric.Name)
		checkResource(t, r, metric.Resource)
	}
	assert.Subset(t, found, s.metrics)

	var failed []apm.Span
	for _, span := range r.sandbox.Spans(t) {
		if span.Kind == "SERVER" && text(span.Attributes, "http.target", "url.path") == "/error" {
			failed = append(failed, span)
		}
	}
	require.Len(t, failed, shopRounds)
	var expected, logged []string
	for _, span := range failed {
		expected = append(expected, span.TraceID+" "+span.SpanID)
	}
	for _, record := range r.sandbox.Logs(t) {
		checkResource(t, r, record.Resource)
		body, isText := record.Body.(string)
		message := text(record.Attributes, "exception.message")
		if isText && strings.HasPrefix(body, s.failure) && message == "on purpose" {
			logged = append(logged, record.TraceID+" "+record.SpanID)
			assert.Equal(t, s.level, record.Severity)
			assert.NotEmpty(t, text(record.Attributes, "exception.stacktrace"))
		}
	}
	assert.ElementsMatch(t, expected, logged, "the spans of /error, and those of its log records")
}

func checkResource(t *testing.T, r *running, resource map[string]any) {
	t.Helper()
	assert.Equal(t, r.services[0].name, resource["service.name"])
	assert.NotEmpty(t, resource["host.name"], "what the collector adds")
	assert.NotEmpty(t, resource["telemetry.sdk.language"])
}
