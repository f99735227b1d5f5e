// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// found returns the ids of the traces that a search finds, in the order of their start.
func (s *sandbox) found(parameters ...string) string {
	s.t.Helper()
	query := url.Values{}
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		query.Add(name, value)
	}
	var list TraceList
	s.get("/api/v1/traces?"+query.Encode(), &list)
	ids := ""
	for _, trace := range list.Traces {
		ids = strings.TrimLeft(trace.TraceID, "0") + ids
	}
	return ids
}

// An attribute is found by the names of either generation of the conventions.
func TestAttributeOfBothGenerations(t *testing.T) {
	s := start(t)
	s.uploadTraces(tracesOf(t,
		spanSpec{trace: 1, id: 1, start: 1, end: 2, attributes: map[string]any{
			"db.system": "oracle", "db.statement": "SELECT 1 FROM dual", "db.name": "ORCL", "http.status_code": 503, "http.method": "GET", "net.peer.name": "db1", "DbOracleSqlId": "89camvzd2vfu8",
		}},
		spanSpec{trace: 2, id: 1, start: 2, end: 3, attributes: map[string]any{
			"db.system.name": "oracle.db", "db.query.text": "SELECT 1 FROM dual", "db.namespace": "ORCL", "http.response.status_code": 503, "http.request.method": "GET", "server.address": "db1", "oracle.db.query.sql.id": "89camvzd2vfu8",
		}},
		spanSpec{trace: 3, id: 1, start: 3, end: 4, attributes: map[string]any{"db.system": "mysql", "http.status_code": 200}},
	))
	for filter, want := range map[string]string{
		"db.system":                          "123",
		"db.system.name":                     "123",
		"DB.SYSTEM.NAME":                     "123",
		"db.system=oracle":                   "12",
		"db.system.name=oracle.db":           "12",
		"db.system=mysql":                    "3",
		"db.statement~from DUAL":             "12",
		"db.query.text~from DUAL":            "12",
		"DbStatement~dual":                   "12",
		"db.name=ORCL":                       "12",
		"db.namespace=orcl":                  "",
		"http.status_code=503":               "12",
		"http.response.status_code=503":      "12",
		"http.request.method=GET":            "12",
		"net.peer.name=db1":                  "12",
		"DbOracleSqlId=89camvzd2vfu8":        "12",
		"SQL ID=89camvzd2vfu8":               "12",
		"http.response.status_code~5":        "12",
		"http.response.status_code.anything": "",
	} {
		assert.Equal(t, want, s.found("attribute="+filter), filter)
	}
}

func TestSearchByText(t *testing.T) {
	s := start(t)
	td := tracesOf(t,
		spanSpec{trace: 1, id: 1, service: "shop", name: "POST /Bookings", start: 1, end: 2},
		spanSpec{trace: 2, id: 2, service: "shop", name: "SELECT", start: 2, end: 3, attributes: map[string]any{
			"db.statement": "SELECT name FROM guests WHERE id = :1", "DbOracleSqlId": "89camvzd2vfu8", "rows": 4711,
		}},
		spanSpec{trace: 3, id: 3, service: "mail", name: "send", start: 3, end: 4, failed: true},
	)
	span := td.ResourceSpans().At(2).ScopeSpans().At(0).Spans().At(0)
	span.Status().SetMessage("refused by smtp.example.com")
	span.Events().AppendEmpty().Attributes().PutStr("exception.message", "Größe überschritten")
	// A second span of the same resource, which is read once.
	second := td.ResourceSpans().At(2).ScopeSpans().At(0).Spans().AppendEmpty()
	span.CopyTo(second)
	second.SetSpanID(spanID(4))
	s.uploadTraces(td)
	for text, want := range map[string]string{
		"bookings":                       "1",
		"from guests":                    "2",
		"89CAMVZD2VFU8":                  "2",
		"4711":                           "2",
		"smtp.EXAMPLE":                   "3",
		"größe ÜBER":                     "3",
		"Überschritten":                  "3",
		" mail ":                         "3",
		"shop":                           "12",
		traceID(2).String():              "2",
		spanID(3).String():               "3",
		strings.Repeat("0", 15) + "9":    "",
		"nothing":                        "",
		"":                               "123",
		"SELECT name FROM guests WHEREx": "",
	} {
		assert.Equal(t, want, s.found("text="+text), text)
	}
	assert.Empty(t, s.found("text=guests", "operation=send"), "both in one span")
	assert.Equal(t, "2", s.found("text=guests", "operation=SELECT", "service=shop", "attribute=rows"))
}

func TestContainsFold(t *testing.T) {
	for _, tc := range []struct {
		text, part string
		want       bool
	}{
		{"", "", true},
		{"a", "", true},
		{"", "a", false},
		{"abc", "BC", true},
		{"ABC", "bc", true},
		{"abc", "cd", false},
		{"aab", "ab", true},
		{"[x]", "[X", true},
		{"über", "ÜB", true},
		{"1é2", "É2", true},
		{"ab", "abc", false},
	} {
		assert.Equal(t, tc.want, containsFold(tc.text, tc.part), "%q in %q", tc.part, tc.text)
	}
}

func TestParseMilliseconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"100": 100 * time.Millisecond, "0": 0, "1.5": 1500 * time.Microsecond, "2s": 2 * time.Second, "1m30s": 90 * time.Second, "100 ms": 100 * time.Millisecond,
	} {
		d, ok := parseMilliseconds(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, d, text)
	}
	for _, text := range []string{"-1", "x", "1x", "inf", "NaN", ""} {
		_, ok := parseMilliseconds(text)
		assert.False(t, ok, text)
	}
}

func BenchmarkTextSearch(b *testing.B) {
	s := newStore(100_000, 1<<30)
	s.put(batch{signal: SignalTraces, items: 100_000, traces: consoleSpans(100_000, 10)}, false, 0)
	for b.Loop() {
		listTraces(s, traceQuery{text: newTextFilter("nothing has this"), order: "start", limit: 100, buckets: 60})
	}
}
