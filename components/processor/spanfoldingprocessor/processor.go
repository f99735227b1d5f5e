// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// folder folds the spans of each batch. It keeps no span back.
type folder struct {
	cfg          *Config
	db, internal bool
	telemetry    *metadata.TelemetryBuilder
	budget       spanbudget.Ledger // nil if none is configured

	batches sync.Pool // of *batch

	mu     sync.Mutex // guards memory, and keeps two batches from folding parent and child
	memory memory
}

// reason is why a span was not folded, as the metric names it.
type reason string

const (
	reasonSlow   = reason("slow")    // longer than max_duration, or not ended
	reasonError  = reason("error")   // one of keep_errors
	reasonChild  = reason("child")   // another span names it as its parent
	reasonLink   = reason("link")    // it has links
	reasonEvent  = reason("event")   // it did not fail, but has an exception or a message
	reasonRoot   = reason("root")    // it has no parent
	reasonRemote = reason("remote")  // it is also a call of HTTP, RPC or messaging
	reasonFew    = reason("too_few") // fewer than min_spans are equal
	reasonKept   = reason("kept")    // one of keep_slowest, or the app asks to keep it
)

func newFolder(cfg *Config, telemetry *metadata.TelemetryBuilder) *folder {
	return &folder{
		cfg:       cfg,
		db:        slices.Contains(cfg.Kinds, KindDB),
		internal:  slices.Contains(cfg.Kinds, KindInternal),
		telemetry: telemetry,
		batches:   sync.Pool{New: func() any { return newBatch() }},
		memory:    newMemory(),
	}
}

// batch is what was found in one batch.
type batch struct {
	spans   int
	parents []spanKey // neighbors differ
	groups  groups
	reasons map[reason]int64

	folds []fold
	moved map[spanKey]pcommon.SpanID // the summaries of parents that were folded earlier
}

func newBatch() *batch {
	return &batch{groups: groups{seed: maphash.MakeSeed()}, reasons: map[reason]int64{}}
}

// reset forgets everything but its memory.
func (b *batch) reset() {
	b.groups.reset()
	clear(b.reasons)
	clear(b.folds)
	parents := b.parents[:0]
	if cap(parents) > maxReused {
		parents = nil
	}
	*b = batch{parents: parents, groups: b.groups, reasons: b.reasons, folds: b.folds[:0]}
}

// fold is a summary to make.
type fold struct {
	into candidate
	rest []candidate
}

func (f *folder) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	b := f.batches.Get().(*batch)
	f.read(td, b)
	f.decide(b)
	reparented := reparent(td, b.moved)
	folded := f.apply(td, b)
	f.count(ctx, b, folded, reparented)
	b.reset()
	f.batches.Put(b)
	return td, nil
}

// read finds the candidates of a batch, and the spans that are parents.
func (f *folder) read(td ptrace.Traces, b *batch) {
	var last spanKey
	for r, resource := range td.ResourceSpans().All() {
		for s, scoped := range resource.ScopeSpans().All() {
			for _, span := range scoped.Spans().All() {
				position := b.spans
				b.spans++
				if parent := (spanKey{span.TraceID(), span.ParentSpanID()}); parent != last && !parent.span.IsEmpty() {
					last = parent
					b.parents = append(b.parents, parent)
				}
				c, g, why, applies := f.examine(span)
				switch {
				case !applies:
				case why != "":
					b.reasons[why]++
				default:
					g.resource, g.scope, c.position = r, s, position
					b.groups.add(&g, &c)
				}
			}
		}
	}
}

// decide chooses the spans to fold, and records them.
func (f *folder) decide(b *batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &f.memory
	for _, parent := range b.parents {
		m.addParent(parent)
	}
	if !m.folded.isEmpty() {
		for _, parent := range b.parents {
			if summary, ok := m.folded.get(parent); ok {
				if b.moved == nil {
					b.moved = map[spanKey]pcommon.SpanID{}
				}
				b.moved[parent] = summary
			}
		}
	}
	for i := range b.groups.list {
		found := &b.groups.list[i]
		if found.represented < int64(f.cfg.MinSpans) || found.count < minGroup {
			b.reasons[reasonFew] += int64(found.count)
			continue
		}
		trace := found.group.trace
		all := b.groups.appendTo(make([]candidate, 0, found.count), found)
		list := slices.DeleteFunc(all, func(c candidate) bool { return m.isParent(spanKey{trace, c.span.SpanID()}) })
		if n := len(all) - len(list); n > 0 {
			b.reasons[reasonChild] += int64(n)
		}
		rest := f.choose(list, b.reasons)
		if len(rest) < minGroup {
			continue
		}
		folded := fold{into: rest[0], rest: rest[1:]}
		for _, c := range folded.rest {
			m.folded.put(spanKey{trace, c.span.SpanID()}, folded.into.span.SpanID())
		}
		b.folds = append(b.folds, folded)
	}
}

// choose returns the members of a group that become a summary, the slowest first, or
// none.
func (f *folder) choose(members []candidate, reasons map[reason]int64) []candidate {
	var represented int64
	for _, c := range members {
		represented = saturated(represented, c.totals.count)
	}
	if len(members) < minGroup || represented < int64(f.cfg.MinSpans) {
		reasons[reasonFew] += int64(len(members))
		return nil
	}
	keep, order, why := f.cfg.KeepSlowest, slowestFirst, reasonKept
	if members[0].failed {
		keep, order, why = f.cfg.KeepErrors, earliestFirst, reasonError
		if keep == 0 {
			reasons[why] += int64(len(members))
			return nil
		}
	}
	slices.SortFunc(members, order)
	kept := int64(0)
	rest := slices.DeleteFunc(members, func(c candidate) bool {
		if c.totals.isSummary || kept == int64(keep) {
			return false
		}
		kept++
		return true
	})
	reasons[why] += kept
	if len(rest) < minGroup {
		reasons[reasonFew] += int64(len(rest))
		return nil
	}
	slices.SortFunc(rest, slowestFirst)
	return rest
}

// reparent makes spans whose parent was folded in an earlier batch children of the
// summary.
func reparent(td ptrace.Traces, moved map[spanKey]pcommon.SpanID) (n int64) {
	if len(moved) == 0 {
		return 0
	}
	for _, resource := range td.ResourceSpans().All() {
		for _, scoped := range resource.ScopeSpans().All() {
			for _, span := range scoped.Spans().All() {
				if summary, ok := moved[spanKey{span.TraceID(), span.ParentSpanID()}]; ok {
					span.SetParentSpanID(summary)
					n++
				}
			}
		}
	}
	return n
}

// apply writes the summaries, removes the other spans, and returns their number.
func (f *folder) apply(td ptrace.Traces, b *batch) (folded int64) {
	if len(b.folds) == 0 {
		return 0
	}
	removed := make([]bool, b.spans)
	for _, fold := range b.folds {
		summarize(fold)
		if f.budget != nil {
			f.budget.Folded(fold.into.span.TraceID(), len(fold.rest))
		}
		for _, c := range fold.rest {
			removed[c.position] = true
		}
		folded += int64(len(fold.rest))
	}
	position := -1
	for _, resource := range td.ResourceSpans().All() {
		for _, scoped := range resource.ScopeSpans().All() {
			scoped.Spans().RemoveIf(func(ptrace.Span) bool {
				position++
				return removed[position]
			})
		}
	}
	return folded
}

func (f *folder) count(ctx context.Context, b *batch, folded, reparented int64) {
	t := f.telemetry
	if folded > 0 {
		t.ProcessorSpanFoldingFoldedSpans.Add(ctx, folded)
		t.ProcessorSpanFoldingSummaries.Add(ctx, int64(len(b.folds)))
	}
	if reparented > 0 {
		t.ProcessorSpanFoldingReparentedSpans.Add(ctx, reparented)
	}
	for why, n := range b.reasons {
		t.ProcessorSpanFoldingNotFoldedSpans.Add(ctx, n, metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", string(why)))))
	}
}

func (f *folder) start(_ context.Context, host component.Host) (err error) {
	if f.cfg.Budget != nil {
		f.budget, err = spanbudget.Find(host, "budget", *f.cfg.Budget)
	}
	return err
}

func (f *folder) shutdown(context.Context) error {
	f.telemetry.Shutdown()
	return nil
}
