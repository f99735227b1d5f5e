// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// randomTraces returns spans of some traces in no order: requests with repeated
// statements, some of which fail, are slow, or have children of their own.
func randomTraces(random *rand.Rand, traces int) []ptrace.Span {
	var spans []ptrace.Span
	next := 0
	add := func(trace int, parent pcommon.SpanID, kind ptrace.SpanKind, name string) ptrace.Span {
		span := ptrace.NewSpan()
		next++
		id := pcommon.SpanID{}
		binary.BigEndian.PutUint64(id[:], uint64(next))         //nolint:gosec // a count
		span.SetTraceID(pcommon.TraceID{0: 1, 15: byte(trace)}) //nolint:gosec // a few
		span.SetSpanID(id)
		span.SetParentSpanID(parent)
		span.SetKind(kind)
		span.SetName(name)
		start := time.Unix(1_700_000_000, int64(next)*1_000_000)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(random.IntN(60_000)) * time.Microsecond)))
		spans = append(spans, span)
		return span
	}
	for trace := range traces {
		root := add(trace, pcommon.SpanID{}, ptrace.SpanKindServer, "GET /rooms")
		for range 1 + random.IntN(4) {
			parent := add(trace, root.SpanID(), ptrace.SpanKindInternal, "work")
			name := fmt.Sprintf("SELECT t%d", random.IntN(3))
			for range random.IntN(40) {
				statement := add(trace, parent.SpanID(), ptrace.SpanKindClient, name)
				statement.Attributes().PutStr("db.system", "oracle")
				statement.Attributes().PutStr("db.query.summary", name)
				statement.Attributes().PutInt("thread.id", int64(random.IntN(2)))
				if random.IntN(9) == 0 {
					statement.Attributes().PutBool("retried", true)
				}
				if random.IntN(8) == 0 {
					statement.Status().SetCode(ptrace.StatusCodeError)
				}
				if random.IntN(10) == 0 { // the database continues the trace
					add(trace, statement.SpanID(), ptrace.SpanKindServer, "in the database")
				}
			}
		}
	}
	random.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

// batches returns spans in batches of a size. Each batch is a copy.
func batches(spans []ptrace.Span, size int) (list []ptrace.Traces) {
	for i, span := range spans {
		if i%size == 0 {
			td := ptrace.NewTraces()
			td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			list = append(list, td)
		}
		span.CopyTo(list[len(list)-1].ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty())
	}
	return list
}

// represented returns how many spans are there, counting those in summaries.
func represented(spans []ptrace.Span) (n int64) {
	for _, span := range spans {
		n += max(1, numberOf(span, attrSpanCount))
	}
	return n
}

// TestNothingIsOrphaned checks, in batches of any size and order, that no span names a
// parent that was folded, and that every span is there or in a summary.
func TestNothingIsOrphaned(t *testing.T) {
	reparented := 0
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		sent := randomTraces(random, 5)
		parents := map[spanKey]pcommon.SpanID{}
		for _, span := range sent {
			parents[spanKey{span.TraceID(), span.SpanID()}] = span.ParentSpanID()
		}
		for _, size := range []int{1, 7, 60, 512, len(sent)} {
			k := start(t, nil)
			var received []ptrace.Span
			for _, td := range batches(sent, size) {
				received = append(received, spansOf(k.fold(t, td))...)
			}
			require.Equal(t, int64(len(sent)), represented(received), "seed %d, batches of %d", seed, size)
			ids := map[spanKey]bool{}
			for _, span := range received {
				ids[spanKey{span.TraceID(), span.SpanID()}] = true
			}
			for _, span := range received {
				if !span.ParentSpanID().IsEmpty() {
					require.True(t, ids[spanKey{span.TraceID(), span.ParentSpanID()}], "seed %d, batches of %d: the parent of %s is missing", seed, size, span.SpanID())
				}
				if before, moved := parents[spanKey{span.TraceID(), span.SpanID()}]; moved && before != span.ParentSpanID() {
					reparented++
				}
			}
		}
	}
	assert.Positive(t, reparented, "a parent was folded before its child came")
}

// TestOnlyLeavesAreFolded checks that errors, links and slow spans stay when a whole trace
// is in one batch.
func TestOnlyLeavesAreFolded(t *testing.T) {
	for seed := range uint64(40) {
		sent := randomTraces(rand.New(rand.NewPCG(seed, 1)), 5)
		parents := map[spanKey]bool{}
		for _, span := range sent {
			parents[spanKey{span.TraceID(), span.ParentSpanID()}] = true
		}
		there := map[spanKey]bool{}
		for _, span := range spansOf(start(t, nil).fold(t, batches(sent, len(sent))[0])) {
			there[spanKey{span.TraceID(), span.SpanID()}] = true
		}
		for _, span := range sent {
			key := spanKey{span.TraceID(), span.SpanID()}
			duration, _ := durationOf(span)
			if parents[key] || span.Kind() != ptrace.SpanKindClient || duration > 50*time.Millisecond {
				require.True(t, there[key], "seed %d: %s %s", seed, span.Name(), duration)
			}
		}
	}
}

// foldedTotals returns the totals of the summaries by parent, name and status.
func foldedTotals(t *testing.T, spans []ptrace.Span) map[string]totals {
	t.Helper()
	found := map[string]totals{}
	for _, span := range spans {
		if numberOf(span, attrSpanCount) == 0 {
			continue
		}
		name := fmt.Sprint(span.TraceID(), span.ParentSpanID(), span.Name(), span.Status().Code())
		require.NotContains(t, found, name)
		sum, ok := readTotals(span)
		require.True(t, ok)
		found[name] = sum
	}
	return found
}

// TestFoldOfFolds folds in small batches and then all together, which gives what folding
// all at once does.
func TestFoldOfFolds(t *testing.T) {
	folds := 0
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 2))
		sent := randomTraces(random, 3)
		once := spansOf(start(t, nil).fold(t, batches(sent, len(sent))[0]))
		for _, size := range []int{20, 50, 200} {
			// One processor each, as at several agents: with one memory, a parent that
			// comes later would be known in one case and not in the other.
			var parts []ptrace.Span
			k := start(t, nil)
			for _, span := range sent { // all parents are known before
				if !span.ParentSpanID().IsEmpty() {
					k.fold(t, batches([]ptrace.Span{span}, 1)[0])
				}
			}
			for _, td := range batches(sent, size) {
				parts = append(parts, spansOf(k.fold(t, td))...)
			}
			twice := spansOf(start(t, nil).fold(t, batches(parts, len(parts))[0]))
			want := foldedTotals(t, once)
			assert.Equal(t, want, foldedTotals(t, twice), "seed %d, batches of %d", seed, size)
			assert.Len(t, twice, len(once))
			folds += len(want)
		}
	}
	assert.Positive(t, folds)
}

// TestAtOnce folds batches in parallel, for the race detector, and loses nothing.
func TestAtOnce(t *testing.T) {
	sent := randomTraces(rand.New(rand.NewPCG(3, 3)), 50)
	k := start(t, nil)
	var senders sync.WaitGroup
	for _, td := range batches(sent, 100) {
		senders.Go(func() { assert.NoError(t, k.processor.ConsumeTraces(t.Context(), td)) })
	}
	senders.Wait()
	var received []ptrace.Span
	for _, td := range k.sink.AllTraces() {
		received = append(received, spansOf(td)...)
	}
	assert.Equal(t, int64(len(sent)), represented(received))
}

// TestMemoryIsLimited puts more keys than are remembered.
func TestMemoryIsLimited(t *testing.T) {
	l := newLatest[int, int](10)
	for i := range 1000 {
		l.put(i, -i)
		require.LessOrEqual(t, len(l.current)+len(l.previous), 20)
		for j := max(0, i-9); j <= i; j++ {
			value, ok := l.get(j)
			require.True(t, ok, "%d after %d", j, i)
			require.Equal(t, -j, value)
		}
	}
	_, ok := l.get(900)
	assert.False(t, ok)
	assert.False(t, l.isEmpty())
}

// TestForeignSummaries have numbers that contradict each other, and stay unchanged.
func TestForeignSummaries(t *testing.T) {
	valid := map[string]int64{attrSpanCount: 4, attrErrors: 0, attrTotal: 10, attrMin: 1, attrMax: 4}
	for name, change := range map[string]func(pcommon.Map){
		"no mark":          func(m pcommon.Map) { m.PutBool(attrIsSummary, false) },
		"mark is a number": func(m pcommon.Map) { m.PutInt(attrIsSummary, 1) },
		"no count":         func(m pcommon.Map) { m.Remove(attrSpanCount) },
		"count is a text":  func(m pcommon.Map) { m.PutStr(attrSpanCount, "4") },
		"one span":         func(m pcommon.Map) { m.PutInt(attrSpanCount, 1) },
		"negative errors":  func(m pcommon.Map) { m.PutInt(attrErrors, -1) },
		"more errors":      func(m pcommon.Map) { m.PutInt(attrErrors, 5) },
		"negative minimum": func(m pcommon.Map) { m.PutInt(attrMin, -1) },
		"minimum above":    func(m pcommon.Map) { m.PutInt(attrMin, 5) },
		"maximum above":    func(m pcommon.Map) { m.PutInt(attrMax, 11) },
	} {
		t.Run(name, func(t *testing.T) {
			fill := func(_ int, span ptrace.Span) {
				span.Attributes().PutBool(attrIsSummary, true)
				for key, n := range valid {
					span.Attributes().PutInt(key, n)
				}
			}
			require.Equal(t, 2, start(t, nil).fold(t, request(3, fill)).SpanCount(), "valid")
			assert.Equal(t, 4, start(t, nil).fold(t, request(3, func(i int, span ptrace.Span) {
				fill(i, span)
				change(span.Attributes())
			})).SpanCount())
		})
	}
}

// TestSumsDoNotOverflow adds up summaries with the largest numbers.
func TestSumsDoNotOverflow(t *testing.T) {
	folded := start(t, nil).fold(t, request(3, func(_ int, span ptrace.Span) {
		span.Attributes().PutBool(attrIsSummary, true)
		for name, n := range map[string]int64{attrSpanCount: 1<<63 - 1, attrErrors: 1<<63 - 1, attrTotal: 1<<63 - 1, attrMin: 1, attrMax: 4} {
			span.Attributes().PutInt(name, n)
		}
	}))
	require.Equal(t, 2, folded.SpanCount())
	summary := summaries(folded)[0]
	assert.Equal(t, int64(1<<63-1), numberOf(summary, attrSpanCount))
	assert.Equal(t, int64(1<<63-1), numberOf(summary, attrTotal))
	assert.Equal(t, int64(1), numberOf(summary, attrAverage))
}
