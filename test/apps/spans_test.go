// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// checkCounts checks that everything that was sent is stored exactly once and unchanged.
func checkCounts(t *testing.T, r *running) {
	t.Helper()
	sent := r.recorder.sent()
	counts := r.sandbox.Counts(t)
	assert.Equal(t, len(sent), counts.Spans.Stored, "spans stored")
	assert.Equal(t, len(sent), counts.Spans.Received, "spans received")
	assert.Zero(t, counts.Spans.Duplicates, "duplicates")
	assert.Zero(t, counts.Uploads.Rejected, "uploads rejected")
	assert.Equal(t, r.recorder.dataPoints(), counts.Metrics.DataPoints, "data points of metrics")
	assert.Equal(t, r.recorder.logRecords(), counts.Logs.Records, "log records")
	stored := r.sandbox.Spans(t)
	assert.Len(t, stored, len(sent), "spans in the stored traces")
	for _, span := range stored {
		original, found := sent[span.TraceID+span.SpanID]
		if assert.True(t, found, "a span that no app sent: %s", span.Name) {
			checkUnchanged(t, original, span)
		}
	}
}

// added are the attributes that the collector may add, and only to database calls.
var added = []string{"db.system", "db.name", "db.statement", "db.operation", "db.sql.table", "peer.service", "net.peer.name", "net.peer.port", "DbStatement", "DbOracleSqlId", "db.query.summary"}

// checkUnchanged checks that a stored span equals the one that the app sent, except for
// the collector's additions.
func checkUnchanged(t *testing.T, sent ptrace.Span, stored apm.Span) {
	t.Helper()
	assert.Equal(t, sent.Name(), stored.Name)
	assert.Equal(t, strings.ToUpper(sent.Kind().String()), stored.Kind)
	assert.Equal(t, sent.ParentSpanID().String(), stored.ParentSpanID)
	assert.Equal(t, sent.StartTimestamp().AsTime(), stored.StartTime)
	assert.Equal(t, sent.EndTimestamp().AsTime(), stored.EndTime)
	assert.Equal(t, strings.ToUpper(sent.Status().Code().String()), stored.Status.Code)
	assert.Equal(t, sent.Status().Message(), stored.Status.Message)
	assert.Len(t, stored.Events, sent.Events().Len())
	assert.Len(t, stored.Links, sent.Links().Len())
	for i, event := range stored.Events {
		assert.Equal(t, sent.Events().At(i).Name(), event.Name)
		for key, value := range sent.Events().At(i).Attributes().AsRaw() {
			assert.EqualValues(t, value, event.Attributes[key], "%s of an event of %s", key, stored.Name)
		}
	}
	attributes := sent.Attributes().AsRaw()
	for key, value := range attributes {
		assert.EqualValues(t, value, stored.Attributes[key], "attribute %s of %s as the app sent it", key, stored.Name)
	}
	database := stored.Kind == "CLIENT" && stored.Attributes["db.system"] != nil
	for key := range stored.Attributes {
		if _, found := attributes[key]; !found {
			assert.True(t, database && slices.Contains(added, key), "attribute %s of %s, which the app did not send", key, stored.Name)
		}
	}
}

// checkTraces checks that there is a trace for every request and no other, that each has
// exactly its route's spans, and that the topology is the sum of them.
func checkTraces(t *testing.T, c *client, routes []route) {
	t.Helper()
	seen := map[string]int{}
	expected := edges{}
	for _, summary := range c.running.sandbox.Traces(t) {
		trace := c.running.sandbox.Trace(t, summary.TraceID)
		root := spanTree(t, trace)
		if c.traces != nil {
			parent, found := c.traces[trace.TraceID]
			assert.True(t, found, "a trace that no request was sent in: %s", root)
			assert.True(t, slices.ContainsFunc(trace.Spans, func(s apm.Span) bool { return s.ParentSpanID == parent }),
				"no span of the trace is below the one that the request named:\n%s", root)
		}
		at := slices.IndexFunc(routes, func(r route) bool { return r.matches(root.attributes) })
		if !assert.GreaterOrEqual(t, at, 0, "no route for\n%s", root) {
			continue
		}
		kind := routes[at]
		seen[kind.String()]++
		tree := kind.tree
		if kind.further != nil {
			tree = kind.further(t, c, root, tree)
		}
		assert.Equal(t, tree.String(), root.String(), "trace of %s", kind)
		expected.add(tree)
	}
	assert.Equal(t, c.counted, seen, "requests, and traces")
	for _, kind := range routes {
		assert.Positive(t, seen[kind.String()], "the traffic leaves out %s", kind)
	}
	assert.Equal(t, expected, edgesOf(t, c.running.sandbox.Topology(t)), "topology")
}
