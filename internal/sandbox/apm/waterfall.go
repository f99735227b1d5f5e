// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxDetail limits the text next to a span's name, in bytes.
const maxDetail = 160

// Waterfall is a trace for display: the spans in order, without the details of
// single spans.
type Waterfall struct {
	TraceID       string    `json:"trace_id"`
	RootService   string    `json:"root_service"`
	RootOperation string    `json:"root_operation"`
	StartTime     time.Time `json:"start_time"`
	DurationNS    int64     `json:"duration_ns"`
	Errors        int       `json:"errors"`
	// MissingParents is the number of spans whose parent is not in the store.
	MissingParents int `json:"missing_parents"`
	// Logs is the number of stored log records of the trace.
	Logs int `json:"logs"`
	// Origins is the number of spans whose origin is known.
	Origins  int      `json:"origins"`
	Services []string `json:"services"`
	// Reason and StandsFor are as in TraceSummary.
	Reason    string  `json:"reason,omitempty"`
	StandsFor float64 `json:"stands_for,omitempty"`
	// Spans are in the order of a walk over the tree: a span is followed by its
	// children, sorted by start.
	Spans []WaterfallSpan `json:"spans"`
}

// WaterfallSpan is a span in a waterfall.
type WaterfallSpan struct {
	SpanID string `json:"span_id"`
	Name   string `json:"name"`
	// Detail is the beginning of the call's statement, URL or peer.
	Detail string `json:"detail,omitempty"`
	// Service is an index into the waterfall's services.
	Service int    `json:"service"`
	Kind    string `json:"kind"`
	// Depth is the number of ancestors in the store.
	Depth int `json:"depth"`
	// Descendants is the number of spans below it, which follow it directly.
	Descendants int `json:"descendants,omitempty"`
	// StartNS is the time since the start of the trace.
	StartNS    int64 `json:"start_ns"`
	DurationNS int64 `json:"duration_ns"`
	Error      bool  `json:"error,omitempty"`
	// Orphan reports that the span's parent is not in the store.
	Orphan bool `json:"orphan,omitempty"`
	Events int  `json:"events,omitempty"`
	Links  int  `json:"links,omitempty"`
	// NPlusOne is the number of calls of one statement below the span, if it is reported
	// as N+1.
	NPlusOne int `json:"n_plus_one,omitempty"`
	// Folded says what a summary of span_folding stands for.
	Folded *Folded `json:"folded,omitempty"`
	// Critical contains the parts of the critical path, as start and end
	// relative to the start of the trace: the times when the trace waited for
	// this span and for none of its children.
	Critical [][2]int64 `json:"critical,omitempty"`
}

// Folded is the number of the spans that are now one, and the sum of their durations.
type Folded struct {
	Spans           int64 `json:"spans"`
	TotalDurationNS int64 `json:"total_duration_ns"`
}

// maxFolded is more spans than any trace has. It limits what one span from outside can do
// to the counts.
const maxFolded = 1_000_000_000

// foldedOf returns what a summary stands for, or nil if the span is none.
func foldedOf(attributes pcommon.Map) *Folded {
	number := func(name string) int64 {
		value, ok := attributes.Get(name)
		if !ok || value.Type() != pcommon.ValueTypeInt {
			return 0
		}
		return value.Int()
	}
	f := Folded{Spans: number("aggregation.span_count"), TotalDurationNS: number("aggregation.duration_total_ns")}
	if f.Spans < 2 || f.Spans > maxFolded || f.TotalDurationNS < 0 {
		return nil
	}
	return &f
}

// spanTree is the tree of a trace's spans.
type spanTree struct {
	spans    []storedSpan // sorted by start
	children [][]int
	roots    []int
	orphans  map[int]bool
}

func treeOf(trace storedTrace) *spanTree {
	tree := &spanTree{spans: slices.SortedStableFunc(slices.Values(trace.spans), byStart), orphans: map[int]bool{}}
	tree.children = make([][]int, len(tree.spans))
	byID := make(map[pcommon.SpanID]int, len(tree.spans))
	for i, s := range tree.spans {
		byID[s.span.SpanID()] = i
	}
	for i, s := range tree.spans {
		parent, ok := byID[s.span.ParentSpanID()]
		switch {
		case ok && parent != i:
			tree.children[parent] = append(tree.children[parent], i)
		default:
			tree.orphans[i] = !s.span.ParentSpanID().IsEmpty()
			tree.roots = append(tree.roots, i)
		}
	}
	tree.breakCycles()
	return tree
}

// breakCycles makes one span of each cycle of parents a root, since no root
// leads to them.
func (t *spanTree) breakCycles() {
	reached := make([]bool, len(t.spans))
	for _, root := range t.roots {
		t.reach(root, reached)
	}
	for i := range t.spans {
		if reached[i] {
			continue
		}
		t.reach(i, reached)
		// The child that leads back to i closes the cycle.
		for parent := range t.children {
			t.children[parent] = slices.DeleteFunc(t.children[parent], func(child int) bool { return child == i })
		}
		t.orphans[i] = true
		t.roots = append(t.roots, i)
	}
}

// reach marks a span and all below it.
func (t *spanTree) reach(from int, reached []bool) {
	stack := []int{from}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if reached[i] {
			continue
		}
		reached[i] = true
		stack = append(stack, t.children[i]...)
	}
}

func waterfallOf(trace storedTrace) Waterfall {
	summary := summarize(trace)
	w := Waterfall{
		TraceID: summary.TraceID, RootService: summary.RootService, RootOperation: summary.RootOperation,
		StartTime: summary.StartTime, DurationNS: summary.DurationNS, Errors: summary.Errors,
		Services: summary.Services, Reason: summary.Reason, StandsFor: summary.StandsFor, Spans: make([]WaterfallSpan, 0, len(trace.spans)),
	}
	services := make(map[string]int, len(w.Services))
	for i, service := range w.Services {
		services[service] = i
	}
	tree := treeOf(trace)
	critical := tree.criticalPath(summary.StartTime)

	type step struct{ span, depth int }
	var stack []step
	for _, root := range slices.Backward(tree.roots) {
		stack = append(stack, step{span: root})
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		s := tree.spans[at.span]
		if tree.orphans[at.span] {
			w.MissingParents++
		}
		w.Spans = append(w.Spans, WaterfallSpan{
			SpanID: s.span.SpanID().String(), Name: firstCharacters(s.span.Name(), maxName), Detail: detailOf(s.span),
			Service: services[s.service], Kind: kindOf(s.span.Kind()), Depth: at.depth,
			StartNS: timeOf(s.span.StartTimestamp()).Sub(summary.StartTime).Nanoseconds(), DurationNS: durationOf(s.span),
			Error: isError(s.span), Orphan: tree.orphans[at.span],
			Events: s.span.Events().Len(), Links: s.span.Links().Len(),
			Folded:   foldedOf(s.span.Attributes()),
			Critical: critical[at.span],
		})
		for _, child := range slices.Backward(tree.children[at.span]) {
			stack = append(stack, step{span: child, depth: at.depth + 1})
		}
	}
	countDescendants(w.Spans)
	return w
}

// markRepetitions marks the parents of repeated statements.
func (w *Waterfall) markRepetitions(trace storedTrace, repetitions []repetition) {
	most := map[string]int{}
	for _, r := range repetitions {
		id := trace.spans[r.parent].span.SpanID().String()
		most[id] = max(most[id], r.calls)
	}
	for i := range w.Spans {
		w.Spans[i].NPlusOne = most[w.Spans[i].SpanID]
	}
}

// countDescendants counts, for each span, the following deeper ones.
func countDescendants(spans []WaterfallSpan) {
	var open []int // the ancestors of the current span
	for i := range spans {
		for len(open) > 0 && spans[open[len(open)-1]].Depth >= spans[i].Depth {
			last := open[len(open)-1]
			spans[last].Descendants = i - last - 1
			open = open[:len(open)-1]
		}
		open = append(open, i)
	}
	for _, i := range open {
		spans[i].Descendants = len(spans) - i - 1
	}
}

// criticalPath returns, for each span, the times when the end of the first root
// waited for it and for none of its children. It goes backwards from the end,
// and always follows the child that ended last.
func (t *spanTree) criticalPath(start time.Time) map[int][][2]int64 {
	path := map[int][][2]int64{}
	if len(t.roots) == 0 {
		return path
	}
	since := func(at pcommon.Timestamp) int64 { return timeOf(at).Sub(start).Nanoseconds() }
	type task struct {
		span int
		end  int64 // the end of the wait
	}
	root := t.mainRoot()
	stack := []task{{span: root, end: since(t.spans[root].span.EndTimestamp())}}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		begin, cursor := since(t.spans[at.span].span.StartTimestamp()), at.end
		children := slices.SortedFunc(slices.Values(t.children[at.span]), func(a, b int) int {
			return cmp.Compare(t.spans[b].span.EndTimestamp(), t.spans[a].span.EndTimestamp())
		})
		for _, child := range children {
			childStart, childEnd := since(t.spans[child].span.StartTimestamp()), since(t.spans[child].span.EndTimestamp())
			// If a child outlives its parent, the parent's end limits the wait.
			childEnd = min(childEnd, at.end)
			if childEnd > cursor || childEnd <= max(childStart, begin) {
				continue // another span was waited for, or the wait took no time
			}
			if cursor > childEnd {
				path[at.span] = append(path[at.span], [2]int64{childEnd, cursor})
			}
			stack = append(stack, task{span: child, end: childEnd})
			cursor = max(begin, childStart)
		}
		if cursor > begin {
			path[at.span] = append(path[at.span], [2]int64{begin, cursor})
		}
		slices.Reverse(path[at.span])
	}
	return path
}

// mainRoot returns the longest root without a parent or, if there is none, the
// longest other root.
func (t *spanTree) mainRoot() int {
	return slices.MaxFunc(t.roots, func(a, b int) int {
		rank := func(i int) int {
			if t.orphans[i] {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(durationOf(t.spans[a].span), durationOf(t.spans[b].span)))
	})
}

// detailOf returns the beginning of the most informative text of a span.
func detailOf(span ptrace.Span) string {
	for _, name := range []string{
		"db.statement", "db.query.text", "http.target", "url.full", "http.url", "url.path", "rpc.method",
		"messaging.destination.name", "peer.service",
	} {
		if text := attribute(span, name); text != "" {
			return firstCharacters(text, maxDetail)
		}
	}
	return ""
}

// firstCharacters returns the complete characters within the first n bytes.
func firstCharacters(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 { // in the middle of a character
		n--
	}
	return text[:n] + "…"
}
