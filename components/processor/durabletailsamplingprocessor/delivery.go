// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

const (
	// tidyInterval is how often finished batches are deleted while no new ones
	// arrive, and the longest time between two attempts to deliver held spans.
	tidyInterval = time.Second

	// minRetry is the time until held spans are retried if the next component
	// has accepted some of them. It doubles while the component accepts none.
	minRetry = 50 * time.Millisecond

	// redeliveredBatches is how many batches are redelivered before the
	// finished ones are deleted. A crash in between delivers them twice.
	redeliveredBatches = 32
)

var errGone = errors.New("the storage no longer has it")

// deliver receives the sampled spans of one trace from tail_sampling. It never
// returns an error, since tail_sampling would drop the spans.
func (d *durable) deliver(ctx context.Context, td ptrace.Traces) error {
	parts := unmark(td)
	verdict, room := d.account(td, parts)
	if !room {
		d.ledger.delivered(parts)
		return nil
	}
	// Held spans are delivered first. Otherwise new spans would use up the
	// capacity of a slow next component, and old ones would wait forever.
	if d.ledger.isBehind() {
		d.ledger.hold(parts, verdict)
		return nil
	}
	d.annotator.annotate(td, verdict)
	if err := d.offer(ctx, td); err != nil {
		d.ledger.hold(parts, verdict)
		d.refused(err)
		return nil
	}
	d.ledger.delivered(parts)
	return nil
}

// account tells the budget of spans of a trace that is sampled. It returns what was
// decided on the trace, and whether the spans may be delivered.
func (d *durable) account(td ptrace.Traces, parts []markedPart) (verdict spanbudget.Verdict, room bool) {
	if d.ledger.budget == nil || len(parts) == 0 {
		return verdict, true
	}
	return d.ledger.budget.Delivered(parts[0].trace, td.SpanCount())
}

// offer passes spans to the next component and returns its error, unless it is
// permanent.
func (d *durable) offer(ctx context.Context, td ptrace.Traces) error {
	spans := td.SpanCount() // counted before the next component owns the spans
	err := d.next.ConsumeTraces(ctx, td)
	if consumererror.IsPermanent(err) {
		d.telemetry.ProcessorDurableTailSamplingDroppedSpans.Add(ctx, int64(spans))
		d.logger.Error("The next component rejects sampled spans permanently; they are dropped", zap.Error(err), zap.Int("spans", spans))
		return nil
	}
	return err
}

// refused logs once that the next component refuses spans.
func (d *durable) refused(err error) {
	if !d.refusing.CompareAndSwap(false, true) {
		d.logger.Debug("The next component still refuses sampled spans, will retry", zap.Error(err))
		return
	}
	d.logger.Warn("The next component refuses sampled spans; they stay in the storage and are retried until it accepts them", zap.Error(err))
	componentstatus.ReportStatus(d.host, componentstatus.NewRecoverableErrorEvent(err))
}

// tidyUntilStopped calls tidy regularly, until the processor stops.
func (d *durable) tidyUntilStopped(ctx context.Context) {
	defer close(d.stopped)
	defer d.putDown()
	timer := time.NewTimer(tidyInterval)
	defer timer.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-timer.C:
		}
		timer.Reset(d.tidy(ctx))
	}
}

// tidy retries held spans, and brings the storage up to date. It returns the
// time until the next call.
func (d *durable) tidy(ctx context.Context) time.Duration {
	again := tidyInterval
	if d.ledger.held() > 0 {
		d.calm = false
		again = d.redeliver(ctx)
	} else if d.refusing.Load() {
		// A next component at its limit refuses spans every now and then. It
		// has recovered once a whole interval passes without a refusal.
		if d.calm {
			d.refusing.Store(false)
			d.logger.Info("The next component accepts sampled spans again")
			componentstatus.ReportStatus(d.host, componentstatus.NewEvent(componentstatus.StatusOK))
		}
		d.calm = true
	}
	if err := d.persist(ctx); err != nil {
		d.logger.Warn("The storage cannot be written, so spans that are no longer needed stay in it; will retry", zap.Error(err))
	}
	return again
}

// persist brings the storage up to date: it deletes finished batches, and
// stores which spans are sampled and held.
func (d *durable) persist(ctx context.Context) error {
	for number, record := range d.ledger.takeChanged() {
		d.journal.hold(number, record)
	}
	return d.journal.flush(ctx)
}

// redeliver retries held spans, one batch of the journal at a time and trace by
// trace as tail_sampling does, until the next component refuses some or
// redeliveredBatches are done. Each trace that is accepted is settled at once.
// It returns the time until the next attempt.
func (d *durable) redeliver(ctx context.Context) time.Duration {
	progress := false
	for range redeliveredBatches {
		if len(d.hand) == 0 {
			batch, parts := d.ledger.take()
			if batch == nil {
				return tidyInterval
			}
			if err := d.load(ctx, batch, parts); err != nil {
				d.ledger.putBack(batch, parts)
				return d.backOff(progress)
			}
			d.handBatch = batch
		}
		for len(d.hand) > 0 {
			next := d.hand[0]
			d.hand = d.hand[1:]
			d.annotator.annotate(next.spans, next.parts[0].verdict)
			if err := d.offer(ctx, next.spans); err != nil {
				d.refused(err)
				if !progress { // the next attempt may be long after this: do not keep the others in memory
					d.putDown()
				}
				d.ledger.putBack(d.handBatch, next.parts)
				return d.backOff(progress)
			}
			d.ledger.settle(d.handBatch, next.parts)
			progress = true
		}
	}
	return 0
}

// backOff returns the time until the next attempt to deliver held spans.
func (d *durable) backOff(progress bool) time.Duration {
	if progress {
		d.retry = minRetry
	} else {
		d.retry = min(max(2*d.retry, minRetry), tidyInterval)
	}
	return d.retry
}

// load reads held parts of a batch into memory. Parts that cannot be read are
// settled. An error means that the parts stay held.
func (d *durable) load(ctx context.Context, batch *storedBatch, parts []heldPart) error {
	data, err := d.journal.read(ctx, batch.number)
	if err != nil {
		d.logger.Warn("Sampled spans cannot be read from the storage; will retry", zap.Error(err))
		return err
	}
	err = errGone
	var td ptrace.Traces
	if data != nil {
		td, err = decode(data)
	}
	if err != nil {
		if stays := d.setAside(ctx, data, err); stays != nil {
			return stays
		}
		d.ledger.settle(batch, parts)
		return nil
	}
	pieces, missing := split(td, parts)
	d.ledger.settle(batch, missing)
	d.hand = pieces
	return nil
}

// putDown releases the spans in memory, which stay held in the journal.
func (d *durable) putDown() {
	for _, rest := range d.hand {
		d.ledger.putBack(d.handBatch, rest.parts)
	}
	d.hand = nil
}

// piece holds the held parts of one trace in a batch.
type piece struct {
	parts []heldPart
	spans ptrace.Traces

	scope int              // index of the scope of the last span that was added
	last  ptrace.SpanSlice // the spans of that scope
}

// split moves the spans of held parts out of a batch, into one piece for each
// trace, in the order of the parts. It also returns the parts without spans in
// the batch.
func split(td ptrace.Traces, parts []heldPart) (pieces []*piece, missing []heldPart) {
	type place struct {
		trace    pcommon.TraceID
		resource int
	}
	held := make(map[place]heldPart, len(parts))
	found := make(map[place]bool, len(parts))
	for _, part := range parts {
		held[place{part.trace, part.resource}] = part
	}
	byTrace := map[pcommon.TraceID]*piece{}
	for resource, spans := range td.ResourceSpans().All() {
		for scope, scopeSpans := range spans.ScopeSpans().All() {
			for _, span := range scopeSpans.Spans().All() {
				at := place{span.TraceID(), resource}
				part, wanted := held[at]
				if !wanted {
					continue
				}
				seen := found[at]
				p := byTrace[part.trace]
				if p == nil {
					p = &piece{spans: ptrace.NewTraces()}
					byTrace[part.trace] = p
				}
				if !seen {
					found[at] = true
					p.parts = append(p.parts, part)
					to := p.spans.ResourceSpans().AppendEmpty()
					spans.Resource().CopyTo(to.Resource())
					to.SetSchemaUrl(spans.SchemaUrl())
				}
				if !seen || p.scope != scope {
					p.scope = scope
					to := p.spans.ResourceSpans().At(len(p.parts) - 1).ScopeSpans().AppendEmpty()
					scopeSpans.Scope().CopyTo(to.Scope())
					to.SetSchemaUrl(scopeSpans.SchemaUrl())
					p.last = to.Spans()
				}
				span.MoveTo(p.last.AppendEmpty())
			}
		}
	}
	for _, part := range parts {
		if !found[place{part.trace, part.resource}] {
			missing = append(missing, part)
		} else if p := byTrace[part.trace]; p != nil {
			pieces = append(pieces, p)
			delete(byTrace, part.trace)
		}
	}
	return pieces, missing
}
