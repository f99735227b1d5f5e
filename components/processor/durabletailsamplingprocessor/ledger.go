// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/cache"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// markAttribute is a resource attribute of spans while they are in
// tail_sampling. Its value identifies the batch and the ResourceSpans that they
// come from.
const markAttribute = "otelcol.durable_tail_sampling.mark"

// ledger tracks which parts of which batches still have to be delivered or
// dropped. A part is the set of spans of one trace in one ResourceSpans of a
// batch. tail_sampling accepts and returns a part as a whole.
type ledger struct {
	// The decisions that tail_sampling remembers. It applies them to late
	// spans: those of a sampled trace are passed on, all others are dropped
	// without notice.
	sampled, notSampled cache.Cache
	// finish is called with the number of a batch that is no longer needed.
	finish func(number uint64)

	// budget decides on late errors of traces that were not kept, if it is set.
	budget spanbudget.Ledger

	// mu guards everything declared below.
	mu     sync.Mutex
	marks  int64 // number of marks in use
	traces map[pcommon.TraceID]*storedTrace

	// queue contains the batches with held parts, in the order in which they
	// are retried.
	queue      []*storedBatch
	heldTraces int
	refused    int // number of held parts that the next component has refused
	// changed contains the batches whose stored held parts are out of date.
	changed map[*storedBatch]struct{}
}

// storedTrace is a trace with parts in the journal.
type storedTrace struct {
	waiting []waitingPart
	held    int // number of held parts
}

// waitingPart is a part that waits in tail_sampling.
type waitingPart struct {
	mark     int64
	resource int
	batch    *storedBatch
}

// heldPart is a part that is sampled and has not been delivered. Its spans are in the
// journal only.
type heldPart struct {
	trace    pcommon.TraceID
	resource int // index of the ResourceSpans in the batch
	verdict  spanbudget.Verdict
	late     bool // a late error, which has not been offered to the next component
}

// storedBatch is a batch of the journal.
type storedBatch struct {
	number  uint64
	waiting int // number of waiting parts
	held    []heldPart
	taken   int // number of parts that are being retried
	queued  bool
}

// markedPart is a part that tail_sampling returns.
type markedPart struct {
	trace pcommon.TraceID
	mark  int64
}

func newLedger(sampled, notSampled cache.Cache, finish func(number uint64)) *ledger {
	return &ledger{
		sampled: sampled, notSampled: notSampled, finish: finish,
		traces: map[pcommon.TraceID]*storedTrace{}, changed: map[*storedBatch]struct{}{},
	}
}

// register records the parts of a batch and marks their spans. It is called
// before tail_sampling receives them.
func (l *ledger) register(number uint64, td ptrace.Traces) {
	batch := &storedBatch{number: number}
	l.mu.Lock()
	defer l.mu.Unlock()
	for resource, spans := range td.ResourceSpans().All() {
		l.marks++
		spans.Resource().Attributes().PutInt(markAttribute, l.marks)
		part := waitingPart{mark: l.marks, resource: resource, batch: batch}
		var late lateSpans
		for _, scope := range spans.ScopeSpans().All() {
			var id pcommon.TraceID
			waits := false
			for n, span := range scope.Spans().All() {
				if next := span.TraceID(); n == 0 || next != id {
					id = next
					waits = l.wait(id, part)
				}
				if !waits && l.budget != nil {
					late.add(id, span)
				}
			}
		}
		l.reconsider(part, spans.Resource(), &late)
	}
	l.review(batch)
}

// wait records that a part waits for its decision, unless it is already recorded. It
// reports false if tail_sampling will drop the part without notice.
func (l *ledger) wait(id pcommon.TraceID, part waitingPart) bool {
	trace := l.traces[id]
	if trace == nil || len(trace.waiting) == 0 {
		if l.isDropped(id) {
			return false
		}
	} else if trace.waiting[len(trace.waiting)-1].mark == part.mark {
		return true
	}
	if trace == nil {
		trace = new(storedTrace)
		l.traces[id] = trace
	}
	trace.waiting = append(trace.waiting, part)
	part.batch.waiting++
	return true
}

// isDropped reports whether tail_sampling drops further spans of a trace.
func (l *ledger) isDropped(id pcommon.TraceID) bool {
	if _, sampled := l.sampled.Get(id); sampled {
		return false
	}
	_, dropped := l.notSampled.Get(id)
	return dropped
}

// delivered records that parts have been delivered.
func (l *ledger) delivered(parts []markedPart) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, part := range parts {
		if taken, ok := l.decided(part); ok {
			l.forget(part.trace)
			l.review(taken.batch)
		}
	}
}

// hold records that parts are sampled, and wait for the next component.
func (l *ledger) hold(parts []markedPart, verdict spanbudget.Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, part := range parts {
		if taken, ok := l.decided(part); ok {
			l.enqueue(taken.batch, heldPart{trace: part.trace, resource: taken.resource, verdict: verdict})
			l.review(taken.batch)
		}
	}
}

// holdStored records the parts of a batch that an earlier process has held. The
// other parts of the batch are not needed.
func (l *ledger) holdStored(number uint64, parts []heldPart) {
	batch := &storedBatch{number: number}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, part := range parts {
		l.sampled.Put(part.trace, cache.DecisionMetadata{})
		if l.traces[part.trace] == nil {
			l.traces[part.trace] = new(storedTrace)
		}
		l.enqueue(batch, part)
	}
}

// decided removes a part from the waiting ones.
func (l *ledger) decided(part markedPart) (waitingPart, bool) {
	trace := l.traces[part.trace]
	if trace == nil {
		return waitingPart{}, false
	}
	for n, waiting := range trace.waiting {
		if waiting.mark != part.mark {
			continue
		}
		// Parts are decided on roughly in the order of their arrival.
		copy(trace.waiting[1:n+1], trace.waiting[:n])
		trace.waiting = trace.waiting[1:]
		waiting.batch.waiting--
		return waiting, true
	}
	return waitingPart{}, false
}

// enqueue adds a held part to a batch, and the batch to the queue.
func (l *ledger) enqueue(batch *storedBatch, part heldPart) {
	trace := l.traces[part.trace]
	trace.held++
	if trace.held == 1 {
		l.heldTraces++
	}
	if !part.late {
		l.refused++
	}
	batch.held = append(batch.held, part)
	l.push(batch)
}

func (l *ledger) push(batch *storedBatch) {
	if !batch.queued {
		batch.queued = true
		l.queue = append(l.queue, batch)
	}
}

// drop removes the waiting parts of a trace that is not sampled. Its later
// spans will be dropped too.
func (l *ledger) drop(id pcommon.TraceID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// tail_sampling records the decision as well, but later: a batch that is
	// registered in between would wait for a decision that has already been
	// made.
	l.notSampled.Put(id, cache.DecisionMetadata{})
	trace := l.traces[id]
	if trace == nil {
		return
	}
	parts := trace.waiting
	trace.waiting = nil
	l.forget(id)
	for _, part := range parts {
		part.batch.waiting--
		l.review(part.batch)
	}
}

// take returns a batch with its held parts, which must be settled or put back.
// It returns nil if no part is held.
func (l *ledger) take() (*storedBatch, []heldPart) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, nil
	}
	batch := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	batch.queued = false
	parts := batch.held
	batch.held = nil
	batch.taken += len(parts)
	return batch, parts
}

// settle records that taken parts are no longer needed.
func (l *ledger) settle(batch *storedBatch, parts []heldPart) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch.taken -= len(parts)
	for _, part := range parts {
		if !part.late {
			l.refused--
		}
		trace := l.traces[part.trace]
		trace.held--
		if trace.held == 0 {
			l.heldTraces--
			l.forget(part.trace)
		}
	}
	l.review(batch)
}

// putBack records that taken parts were refused again. The batch moves to the
// end of the queue, so that it does not block the others if the next component
// never accepts it.
func (l *ledger) putBack(batch *storedBatch, parts []heldPart) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch.taken -= len(parts)
	for _, part := range parts {
		if part.late {
			part.late = false
			l.refused++
		}
		batch.held = append(batch.held, part)
	}
	l.push(batch)
	l.review(batch)
}

// forget removes a trace without any parts left.
func (l *ledger) forget(id pcommon.TraceID) {
	if trace := l.traces[id]; len(trace.waiting) == 0 && trace.held == 0 {
		delete(l.traces, id)
	}
}

// review updates the state of a batch, and finishes it if none of its parts is
// needed any more.
func (l *ledger) review(batch *storedBatch) {
	switch {
	case batch.waiting > 0:
		delete(l.changed, batch)
	case len(batch.held)+batch.taken > 0:
		l.changed[batch] = struct{}{}
	default:
		delete(l.changed, batch)
		l.finish(batch.number)
	}
}

// takeChanged returns the held parts whose stored form is out of date, by batch
// number. It omits batches with parts that wait for a decision: these are read
// back as a whole.
func (l *ledger) takeChanged() map[uint64][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	records := make(map[uint64][]byte, len(l.changed))
	for batch := range l.changed {
		if batch.taken == 0 {
			records[batch.number] = encodeHeld(batch.held)
			delete(l.changed, batch)
		}
	}
	return records
}

// len returns the number of traces in the ledger.
func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.traces)
}

// held returns the number of traces with parts that the next component has
// refused.
func (l *ledger) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heldTraces
}

// isBehind reports whether parts are held that the next component has refused.
func (l *ledger) isBehind() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused > 0
}

// unmark removes the marks from spans that tail_sampling returns, and returns
// their parts.
func unmark(td ptrace.Traces) []markedPart {
	parts := make([]markedPart, 0, td.ResourceSpans().Len())
	for _, spans := range td.ResourceSpans().All() {
		mark, ok := spans.Resource().Attributes().Get(markAttribute)
		if !ok {
			continue
		}
		part := markedPart{mark: mark.Int()}
		spans.Resource().Attributes().Remove(markAttribute)
		for _, scope := range spans.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				part.trace = span.TraceID()
				break
			}
		}
		parts = append(parts, part)
	}
	return parts
}
