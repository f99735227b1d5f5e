// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// drawn formats a waterfall: a line for each span with its depth, id, number of
// descendants, and its part of the critical path in milliseconds.
func drawn(w Waterfall) []string {
	var lines []string
	for _, span := range w.Spans {
		var line strings.Builder
		line.WriteString(strings.Repeat("  ", span.Depth) + span.SpanID[15:])
		if span.Descendants > 0 {
			fmt.Fprintf(&line, " +%d", span.Descendants)
		}
		if span.Orphan {
			line.WriteString(" orphan")
		}
		for _, part := range span.Critical {
			fmt.Fprintf(&line, " [%d %d]", part[0]/ms(1), part[1]/ms(1))
		}
		lines = append(lines, line.String())
	}
	return lines
}

func TestWaterfall(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spans []spanSpec
		want  []string
	}{
		{
			name: "one after the other",
			spans: []spanSpec{
				{id: 3, parent: 1, start: 50, end: 90}, {id: 2, parent: 1, start: 10, end: 40}, {id: 1, end: 100},
			},
			want: []string{"1 +2 [0 10] [40 50] [90 100]", "  2 [10 40]", "  3 [50 90]"},
		},
		{
			name: "at the same time",
			spans: []spanSpec{
				{id: 1, end: 100}, {id: 2, parent: 1, start: 10, end: 60}, {id: 3, parent: 1, start: 20, end: 90},
			},
			want: []string{"1 +2 [0 20] [90 100]", "  2", "  3 [20 90]"},
		},
		{
			name: "a grandchild",
			spans: []spanSpec{
				{id: 1, end: 100}, {id: 2, parent: 1, start: 10, end: 90}, {id: 3, parent: 2, start: 20, end: 80}, {id: 4, parent: 1, start: 5, end: 8},
			},
			want: []string{"1 +3 [0 5] [8 10] [90 100]", "  4 [5 8]", "  2 +1 [10 20] [80 90]", "    3 [20 80]"},
		},
		{
			name:  "a child that outlives its parent",
			spans: []spanSpec{{id: 1, end: 100}, {id: 2, parent: 1, start: 50, end: 150}},
			want:  []string{"1 +1 [0 50]", "  2 [50 100]"},
		},
		{
			name:  "a child that starts before its parent",
			spans: []spanSpec{{id: 1, start: 10, end: 100}, {id: 2, parent: 1, start: 0, end: 50}},
			want:  []string{"1 +1 [50 100]", "  2 [0 50]"},
		},
		{
			name:  "a parent that is missing",
			spans: []spanSpec{{id: 2, parent: 1, start: 0, end: 50}, {id: 3, parent: 2, start: 10, end: 20}},
			want:  []string{"2 +1 orphan [0 10] [20 50]", "  3 [10 20]"},
		},
		{
			name:  "the root is more than a longer orphan",
			spans: []spanSpec{{id: 3, parent: 9, start: 0, end: 500}, {id: 1, start: 10, end: 20}},
			want:  []string{"3 orphan", "1 [10 20]"},
		},
		{
			name:  "a span that is its own parent",
			spans: []spanSpec{{id: 1, parent: 1, end: 10}},
			want:  []string{"1 orphan [0 10]"},
		},
		{
			name:  "a ring",
			spans: []spanSpec{{id: 1, parent: 2, end: 10}, {id: 2, parent: 1, start: 1, end: 9}},
			want:  []string{"1 +1 orphan [0 1] [9 10]", "  2 [1 9]"},
		},
		{
			name:  "a ring beside a root",
			spans: []spanSpec{{id: 1, end: 10}, {id: 2, parent: 3, start: 1, end: 9}, {id: 3, parent: 2, start: 2, end: 8}, {id: 4, parent: 3, start: 3, end: 4}},
			want:  []string{"1 [0 10]", "2 +2 orphan", "  3 +1", "    4"},
		},
		{
			name:  "spans without a duration, and one that ends before it starts",
			spans: []spanSpec{{id: 1, end: 10}, {id: 2, parent: 1, start: 5, end: 5}, {id: 3, parent: 1, start: 7, end: 6}},
			want:  []string{"1 +2 [0 10]", "  2", "  3"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore(1000, DefaultMaxBytes)
			for i := range tc.spans {
				tc.spans[i].trace = 1
			}
			s.putSpans(t, tc.spans...)
			assert.Equal(t, tc.want, drawn(waterfallOf(s.snapshot()[0])))
		})
	}
}

func TestWaterfallAPI(t *testing.T) {
	s := start(t)
	td := tracesOf(
		t,
		spanSpec{trace: 1, id: 1, service: "web", name: "GET /", kind: server, end: 50, attributes: map[string]any{"http.target": "/?a=1"}},
		spanSpec{trace: 1, id: 2, parent: 1, service: "app", name: "SELECT", kind: client, start: 10, end: 30, failed: true, attributes: map[string]any{"db.statement": "SELECT 1"}},
		spanSpec{trace: 1, id: 3, parent: 9, service: "app", name: "lost", start: 20, end: 40},
	)
	span := td.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0)
	span.Events().AppendEmpty().SetName("exception")
	span.Links().AppendEmpty()
	s.uploadTraces(td)
	s.upload(LogsPath, protoOf(t, someLogs()))
	var w Waterfall
	s.get("/api/v1/traces/"+traceID(1).String()+"/waterfall", &w)
	assert.Equal(t, Waterfall{
		TraceID: traceID(1).String(), RootService: "web", RootOperation: "GET /", StartTime: millis(0).AsTime(), DurationNS: ms(50),
		Errors: 1, MissingParents: 1, Logs: 1, Services: []string{"app", "web"},
		Spans: []WaterfallSpan{
			{
				SpanID: spanID(1).String(), Name: "GET /", Detail: "/?a=1", Service: 1, Kind: "SERVER", Descendants: 1, DurationNS: ms(50),
				Critical: [][2]int64{{0, ms(10)}, {ms(30), ms(50)}},
			},
			{
				SpanID: spanID(2).String(), Name: "SELECT", Detail: "SELECT 1", Kind: "CLIENT", Depth: 1, StartNS: ms(10), DurationNS: ms(20),
				Error: true, Events: 1, Links: 1, Critical: [][2]int64{{ms(10), ms(30)}},
			},
			{SpanID: spanID(3).String(), Name: "lost", Kind: "UNSPECIFIED", StartNS: ms(20), DurationNS: ms(20), Orphan: true},
		},
	}, w)
}

// A chain as long as the store allows must neither overflow the stack nor take
// long.
func TestWaterfallOfADeepChain(t *testing.T) {
	td := consoleSpans(50_000, 50_000)
	previous := spanID(0)
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.SetParentSpanID(previous)
		previous = span.SpanID()
	}
	s := newStore(100_000, 1<<30)
	s.put(batch{signal: SignalTraces, items: 50_000, traces: td}, false, 0)
	w := waterfallOf(s.snapshot()[0])
	require.Len(t, w.Spans, 50_000)
	assert.Equal(t, 49_999, w.Spans[0].Descendants)
	assert.Equal(t, 49_999, w.Spans[49_999].Depth)
}

func TestFoldedSpans(t *testing.T) {
	for name, test := range map[string]struct {
		attributes map[string]any
		want       *Folded
	}{
		"summary":           {map[string]any{"aggregation.span_count": 198, "aggregation.duration_total_ns": 5_000}, &Folded{Spans: 198, TotalDurationNS: 5_000}},
		"a single span":     {map[string]any{"aggregation.span_count": 1, "aggregation.duration_total_ns": 5_000}, nil},
		"count is a text":   {map[string]any{"aggregation.span_count": "198", "aggregation.duration_total_ns": 5_000}, nil},
		"negative duration": {map[string]any{"aggregation.span_count": 198, "aggregation.duration_total_ns": -1}, nil},
		"another attribute": {map[string]any{"db.system": "oracle"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			attributes := pcommon.NewMap()
			require.NoError(t, attributes.FromRaw(test.attributes))
			assert.Equal(t, test.want, foldedOf(attributes))
		})
	}
}
