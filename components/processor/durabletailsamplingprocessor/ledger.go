// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/cache"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// ledger knows which batches of the journal have spans of which traces, and when
// none of a batch's spans is needed any more.
type ledger struct {
	// notSampled has the traces that were decided not to be kept. What still comes
	// of them is dropped by tail_sampling without a word.
	notSampled cache.Cache
	// finish is told the number of a batch that is not needed any more.
	finish func(number uint64)

	mu     sync.Mutex
	traces map[pcommon.TraceID]*storedTrace
}

// storedTrace is a trace whose decision is not carried out for some of its spans.
type storedTrace struct {
	spans   int // that await it
	batches []*storedBatch
}

// storedBatch is a batch of the journal.
type storedBatch struct {
	number uint64
	traces int // that need it
}

func newLedger(notSampled cache.Cache, finish func(number uint64)) *ledger {
	return &ledger{notSampled: notSampled, finish: finish, traces: map[pcommon.TraceID]*storedTrace{}}
}

// register enters the spans of a batch. It comes before tail_sampling gets them.
func (l *ledger) register(number uint64, td ptrace.Traces) {
	batch := &storedBatch{number: number}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, spans := range runs(td) {
		trace := l.traces[id]
		if trace == nil {
			if _, dropped := l.notSampled.Get(id); dropped {
				continue
			}
			trace = new(storedTrace)
			l.traces[id] = trace
		}
		if last := len(trace.batches) - 1; last < 0 || trace.batches[last] != batch {
			trace.batches = append(trace.batches, batch)
			batch.traces++
		}
		trace.spans += spans
	}
	if batch.traces == 0 {
		l.finish(number)
	}
}

// delivered takes spans of a trace off: the decision to keep them is carried out.
func (l *ledger) delivered(id pcommon.TraceID, spans int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	trace := l.traces[id]
	if trace == nil {
		return
	}
	trace.spans -= spans
	if trace.spans <= 0 {
		l.remove(id, trace)
	}
}

// drop takes a trace off that was decided not to be kept, and what comes of it
// from now on.
func (l *ledger) drop(id pcommon.TraceID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// tail_sampling enters it too, but only after this: a batch that is registered
	// in between would wait for a decision that has been made.
	l.notSampled.Put(id, cache.DecisionMetadata{})
	if trace := l.traces[id]; trace != nil {
		l.remove(id, trace)
	}
}

func (l *ledger) remove(id pcommon.TraceID, trace *storedTrace) {
	delete(l.traces, id)
	for _, batch := range trace.batches {
		batch.traces--
		if batch.traces == 0 {
			l.finish(batch.number)
		}
	}
}

// batches returns the numbers of the batches that have spans of a trace.
func (l *ledger) batches(id pcommon.TraceID) []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	trace := l.traces[id]
	if trace == nil {
		return nil
	}
	numbers := make([]uint64, len(trace.batches))
	for i, batch := range trace.batches {
		numbers[i] = batch.number
	}
	return numbers
}

// len returns how many traces are in the ledger.
func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.traces)
}

// runs yields the traces of spans with the number of spans that follow one another.
func runs(td ptrace.Traces) func(yield func(pcommon.TraceID, int) bool) {
	return func(yield func(pcommon.TraceID, int) bool) {
		var id pcommon.TraceID
		spans := 0
		for _, resource := range td.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					if next := span.TraceID(); spans == 0 || next != id {
						if spans > 0 && !yield(id, spans) {
							return
						}
						id, spans = next, 0
					}
					spans++
				}
			}
		}
		if spans > 0 {
			yield(id, spans)
		}
	}
}
