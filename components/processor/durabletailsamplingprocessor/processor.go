// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/cache"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
)

const (
	// tidyInterval is how often held traces are offered again, and batches that are
	// finished deleted where no new one comes.
	tidyInterval = time.Second

	// redeliveredTraces is how many held traces are read from the storage at a time.
	redeliveredTraces = 256
)

var errHeld = errors.New("the next component does not take the traces that were kept; send the spans again later")

// durable has a tail_sampling processor decide, and keeps the spans in a journal
// until their decision is carried out.
type durable struct {
	cfg       Config
	id        component.ID
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	sampling  processor.Traces
	next      consumer.Traces
	ledger    *ledger

	host    component.Host
	client  storage.Client
	journal *journal
	stop    chan struct{}
	stopped chan struct{}

	// held is the traces, or parts of them, that were decided to be kept and that
	// next has refused. Their spans are in the journal only.
	heldMu sync.Mutex
	held   []heldTrace
}

type heldTrace struct {
	id    pcommon.TraceID
	spans int
}

func newDurable(ctx context.Context, set processor.Settings, cfg Config, next consumer.Traces) (*durable, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	sampled, err := cache.NewLRUDecisionCache(cfg.Sampling.DecisionCache.SampledCacheSize)
	if err != nil {
		return nil, err
	}
	notSampled, err := cache.NewLRUDecisionCache(cfg.Sampling.DecisionCache.NonSampledCacheSize)
	if err != nil {
		return nil, err
	}
	d := &durable{cfg: cfg, id: set.ID, logger: set.Logger, telemetry: telemetry, next: next}
	d.ledger = newLedger(notSampled, func(number uint64) { d.journal.finish(number) })
	deliver, err := consumer.NewTraces(d.deliver, consumer.WithCapabilities(next.Capabilities()))
	if err != nil {
		return nil, err
	}
	cfg.Sampling.Options = append(slices.Clone(cfg.Sampling.Options),
		tailsamplingprocessor.WithSampledDecisionCache(sampled),
		tailsamplingprocessor.WithNonSampledDecisionCache(notSampled),
		tailsamplingprocessor.WithNonSampledHooks(func(_ context.Context, id pcommon.TraceID, _ *tailsamplingprocessor.TraceData) {
			d.ledger.drop(id)
		}),
	)
	factory := tailsamplingprocessor.NewFactory()
	set.ID = component.NewIDWithName(factory.Type(), set.ID.Name())
	d.sampling, err = factory.CreateTraces(ctx, set, &cfg.Sampling, deliver)
	if err != nil {
		return nil, err
	}
	if err := d.observe(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *durable) observe() error {
	return errors.Join(
		d.telemetry.RegisterProcessorDurableTailSamplingWaitingTracesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(d.ledger.len()))
			return nil
		}),
		d.telemetry.RegisterProcessorDurableTailSamplingHeldTracesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(d.heldTraces()))
			return nil
		}),
	)
}

// Capabilities tells that the spans are not changed: tail_sampling copies them.
func (*durable) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{}
}

// Start reads the spans back that a former process had not decided on.
func (d *durable) Start(ctx context.Context, host component.Host) error {
	d.host = host
	extension, found := host.GetExtensions()[*d.cfg.StorageID]
	if !found {
		return fmt.Errorf("storage: there is no extension %s; list it in service::extensions", d.cfg.StorageID)
	}
	store, ok := extension.(storage.Extension)
	if !ok {
		return fmt.Errorf("storage: the extension %s stores nothing; name a storage extension such as file_storage", d.cfg.StorageID)
	}
	var err error
	d.client, err = store.GetClient(ctx, component.KindProcessor, d.id, "traces")
	if err != nil {
		return fmt.Errorf("open the storage: %w (a second pipeline needs a processor of its own, %s/second for one)", err, d.id.Type())
	}
	d.journal, err = openJournal(ctx, d.client)
	if err != nil {
		return fmt.Errorf("read the storage: %w", err)
	}
	if err := d.sampling.Start(ctx, host); err != nil {
		return err
	}
	if err := d.recover(ctx); err != nil {
		return fmt.Errorf("read the storage: %w", err)
	}
	d.stop, d.stopped = make(chan struct{}), make(chan struct{})
	go d.tidy(context.WithoutCancel(ctx))
	return nil
}

// recover gives tail_sampling what a former process has left in the journal.
func (d *durable) recover(ctx context.Context) error {
	spans := 0
	err := d.journal.recover(ctx, func(number uint64, data []byte) error {
		td, ok := d.decode(data)
		if !ok {
			d.journal.finish(number)
			return nil
		}
		spans += td.SpanCount()
		d.ledger.register(number, td)
		return d.sampling.ConsumeTraces(ctx, td)
	})
	if spans > 0 {
		d.telemetry.ProcessorDurableTailSamplingRecoveredSpans.Add(ctx, int64(spans))
		d.logger.Info("Spans that waited for a decision are read back", zap.Int("spans", spans))
	}
	return err
}

// decode returns a stored batch, if it is not damaged.
func (d *durable) decode(data []byte) (ptrace.Traces, bool) {
	td, err := decode(data)
	if err != nil {
		d.logger.Error("A stored batch of spans cannot be read and is left out", zap.Error(err), zap.Int("bytes", len(data)))
	}
	return td, err == nil
}

// ConsumeTraces stores spans, and has tail_sampling decide on them. It returns an
// error, on which the sender keeps them, when they are not stored.
func (d *durable) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if td.SpanCount() == 0 {
		return nil
	}
	if d.heldTraces() > 0 {
		return errHeld
	}
	if waiting := d.ledger.len(); uint64(waiting) >= d.cfg.Sampling.NumTraces { //nolint:gosec // a count
		return fmt.Errorf("%d traces wait for a decision, which is all that num_traces allows; send the spans again later", waiting)
	}
	data, err := encode(td)
	if err != nil {
		return err
	}
	number, err := d.journal.add(ctx, data)
	if err != nil {
		return fmt.Errorf("store the spans: %w", err)
	}
	d.ledger.register(number, td)
	return d.sampling.ConsumeTraces(ctx, td)
}

// deliver gets from tail_sampling what is kept of one trace. It never returns an
// error: tail_sampling would drop the spans.
func (d *durable) deliver(ctx context.Context, td ptrace.Traces) error {
	var kept []heldTrace
	for id, spans := range runs(td) {
		kept = append(kept, heldTrace{id: id, spans: spans})
	}
	if d.heldTraces() > 0 {
		d.hold(kept)
		return nil
	}
	if err := d.offer(ctx, td); err != nil {
		d.hold(kept)
		d.logger.Warn("The next component refuses spans that were kept; they stay in the storage until it takes them, and senders are asked to wait", zap.Error(err))
		componentstatus.ReportStatus(d.host, componentstatus.NewRecoverableErrorEvent(err))
		return nil
	}
	d.settle(kept)
	return nil
}

// settle enters that traces have been delivered.
func (d *durable) settle(kept []heldTrace) {
	for _, trace := range kept {
		d.ledger.delivered(trace.id, trace.spans)
	}
}

// offer returns the error of the next component, unless it is for good.
func (d *durable) offer(ctx context.Context, td ptrace.Traces) error {
	spans := td.SpanCount() // before others have it
	err := d.next.ConsumeTraces(ctx, td)
	if consumererror.IsPermanent(err) {
		d.telemetry.ProcessorDurableTailSamplingDroppedSpans.Add(ctx, int64(spans))
		d.logger.Error("The next component refuses spans for good; they are dropped", zap.Error(err), zap.Int("spans", spans))
		return nil
	}
	return err
}

func (d *durable) hold(kept []heldTrace) {
	d.heldMu.Lock()
	defer d.heldMu.Unlock()
	d.held = append(d.held, kept...)
}

func (d *durable) heldTraces() int {
	d.heldMu.Lock()
	defer d.heldMu.Unlock()
	return len(d.held)
}

// tidy offers held traces again and deletes batches that are finished, until the
// processor stops.
func (d *durable) tidy(ctx context.Context) {
	defer close(d.stopped)
	ticker := time.NewTicker(tidyInterval)
	defer ticker.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-ticker.C:
		}
		if d.heldTraces() > 0 {
			if err := d.redeliver(ctx); err != nil {
				d.logger.Debug("The next component still refuses spans", zap.Error(err))
			} else {
				d.logger.Info("The next component takes spans again")
				componentstatus.ReportStatus(d.host, componentstatus.NewEvent(componentstatus.StatusOK))
			}
		}
		if err := d.journal.flush(ctx); err != nil {
			d.logger.Warn("Spans that are decided on cannot be deleted from the storage; this is tried again", zap.Error(err))
		}
	}
}

// redeliver offers the held traces, until the next component refuses.
func (d *durable) redeliver(ctx context.Context) error {
	for {
		d.heldMu.Lock()
		held := d.held[:min(len(d.held), redeliveredTraces)]
		d.heldMu.Unlock()
		if len(held) == 0 {
			return nil
		}
		if err := d.offerStored(ctx, held); err != nil {
			return err
		}
		d.settle(held)
		d.heldMu.Lock()
		d.held = slices.Clone(d.held[len(held):])
		d.heldMu.Unlock()
	}
}

// offerStored reads traces from the journal and offers them, a batch of the journal
// at a time.
func (d *durable) offerStored(ctx context.Context, traces []heldTrace) error {
	ids := map[pcommon.TraceID]struct{}{}
	var numbers []uint64
	for _, trace := range traces {
		ids[trace.id] = struct{}{}
		numbers = append(numbers, d.ledger.batches(trace.id)...)
	}
	slices.Sort(numbers)
	for _, number := range slices.Compact(numbers) {
		data, err := d.journal.read(ctx, number)
		if err != nil {
			return err
		}
		if data == nil { // it is finished meanwhile
			continue
		}
		td, ok := d.decode(data)
		if !ok {
			continue
		}
		retain(td, ids)
		if td.SpanCount() == 0 {
			continue
		}
		if err := d.offer(ctx, td); err != nil {
			return err
		}
	}
	return nil
}

// retain removes the spans of other traces.
func retain(td ptrace.Traces, ids map[pcommon.TraceID]struct{}) {
	td.ResourceSpans().RemoveIf(func(resource ptrace.ResourceSpans) bool {
		resource.ScopeSpans().RemoveIf(func(scope ptrace.ScopeSpans) bool {
			scope.Spans().RemoveIf(func(span ptrace.Span) bool {
				_, wanted := ids[span.TraceID()]
				return !wanted
			})
			return scope.Spans().Len() == 0
		})
		return resource.ScopeSpans().Len() == 0
	})
}

// Shutdown has tail_sampling decide on what it has, unless it is set to drop that:
// then the spans stay in the storage for the next start.
func (d *durable) Shutdown(ctx context.Context) error {
	if d.stop != nil {
		close(d.stop)
		<-d.stopped
	}
	err := d.sampling.Shutdown(ctx)
	if d.journal != nil {
		err = errors.Join(err, d.journal.flush(ctx))
	}
	if d.client != nil {
		err = errors.Join(err, d.client.Close(ctx))
	}
	if stored := d.ledger.len(); stored > 0 {
		d.logger.Info("Traces stay in the storage for the next start", zap.Int("traces", stored))
	}
	d.telemetry.Shutdown()
	return err
}
