// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/cache"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/hostextension"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
	"github.com/ociapm/otelcol-ociapm/internal/unreadable"
)

// clientName distinguishes this processor's data in a storage from other data
// of a component with the same ID.
const clientName = "traces"

// durable lets a tail_sampling processor decide, and keeps the spans in a
// journal until the decision is carried out.
type durable struct {
	cfg       Config
	id        component.ID
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	sampling  processor.Traces
	next      consumer.Traces
	ledger    *ledger
	annotator annotator

	host    component.Host
	keeper  unreadable.Keeper // nil if the storage extension keeps no unreadable items
	client  storage.Client
	journal *journal
	stop    chan struct{}
	stopped chan struct{}

	refusing atomic.Bool // the next component has refused spans, and the log says so

	// The state of tidy, which only its goroutine uses.
	calm      bool          // no spans were held at the last call
	retry     time.Duration // the time before held spans are retried
	hand      []*piece      // held spans in memory that are to be retried
	handBatch *storedBatch  // the batch of hand
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
	d := &durable{
		cfg: cfg, id: set.ID, logger: set.Logger, telemetry: telemetry, next: next,
		annotator: annotator{countAttribute: cfg.AdjustedCountAttribute, reasonAttribute: cfg.ReasonAttribute},
	}
	d.ledger = newLedger(sampled, notSampled, func(number uint64) { d.journal.finish(number) })
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
			o.Observe(int64(d.ledger.held()))
			return nil
		}),
	)
}

// Capabilities reports that the spans are changed: they are marked.
func (*durable) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// Start reads back the spans that an earlier process had not decided on.
func (d *durable) Start(ctx context.Context, host component.Host) error {
	d.host = host
	store, err := hostextension.Storage(host, *d.cfg.StorageID)
	if err != nil {
		return err
	}
	d.keeper, _ = store.(unreadable.Keeper)
	if id, ok := d.cfg.budget(); ok {
		if d.ledger.budget, err = spanbudget.Find(host, "policies", id); err != nil {
			return err
		}
	}
	d.client, err = store.GetClient(ctx, component.KindProcessor, d.id, clientName)
	if err != nil {
		return fmt.Errorf("open the storage: %w (a second pipeline needs its own processor, such as %s/second)", err, d.id.Type())
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
	go d.tidyUntilStopped(context.WithoutCancel(ctx))
	return nil
}

// recover continues with the journal of an earlier process: held spans stay
// there and are held again, all others are given to tail_sampling.
func (d *durable) recover(ctx context.Context) error {
	spans := 0
	err := d.journal.recover(ctx, func(number uint64, record []byte) bool {
		parts, err := decodeHeld(record)
		if err != nil {
			d.logger.Warn("The record of sampled spans of a stored batch cannot be read; the batch is sampled again", zap.Error(err))
			return false
		}
		d.ledger.holdStored(number, parts)
		return true
	}, func(number uint64, data []byte) error {
		td, err := decode(data)
		if err != nil {
			if d.setAside(ctx, data, err) == nil {
				d.journal.finish(number)
			}
			return nil
		}
		spans += td.SpanCount()
		d.ledger.register(number, td)
		return d.sampling.ConsumeTraces(ctx, td)
	})
	if spans > 0 {
		d.telemetry.ProcessorDurableTailSamplingRecoveredSpans.Add(ctx, int64(spans))
		d.logger.Info("Spans that waited for a decision are read back from the storage", zap.Int("spans", spans))
	}
	if held := d.ledger.held(); held > 0 {
		d.logger.Info("Sampled traces are in the storage; their delivery will be retried", zap.Int("traces", held))
	}
	return err
}

// setAside lets the storage extension keep a record that cannot be read. An
// error means that the record must stay where it is.
func (d *durable) setAside(ctx context.Context, data []byte, reason error) error {
	var err error
	becomes := "is dropped"
	switch {
	case data == nil:
		becomes = "is skipped"
	case d.keeper != nil:
		becomes = "is moved aside"
		if err = d.keeper.KeepUnreadable(ctx, component.KindProcessor, d.id, clientName, data, reason); err != nil {
			becomes = "stays in the storage, since it cannot be moved aside"
		}
	case errors.Is(reason, errVersion):
		err = reason
		becomes = "stays in the storage for the version of the collector that wrote it"
	}
	d.telemetry.ProcessorDurableTailSamplingUnreadableBatches.Add(ctx, 1)
	d.logger.Warn("A stored batch of spans cannot be read and "+becomes, zap.NamedError("reason", reason), zap.Error(err), zap.Int("bytes", len(data)))
	return err
}

// ConsumeTraces stores spans, and passes them to tail_sampling. If they cannot
// be stored it returns an error, so that the sender keeps them.
func (d *durable) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if td.SpanCount() == 0 {
		return nil
	}
	if traces := d.ledger.len(); uint64(traces) >= d.cfg.Sampling.NumTraces { //nolint:gosec // a count
		return fmt.Errorf("%d traces wait for a decision or for the next component, the maximum of num_traces; retry later", traces)
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

// Shutdown lets tail_sampling decide on all spans that it holds. If it is
// configured to drop them, they stay in the storage for the next start.
func (d *durable) Shutdown(ctx context.Context) error {
	if d.stop != nil {
		close(d.stop)
		<-d.stopped
	}
	err := d.sampling.Shutdown(ctx)
	if d.journal != nil {
		err = errors.Join(err, d.persist(ctx))
	}
	if d.client != nil {
		err = errors.Join(err, d.client.Close(ctx))
	}
	if stored := d.ledger.len(); stored > 0 {
		d.logger.Info("Traces are retained in the storage for the next start", zap.Int("traces", stored))
	}
	d.telemetry.Shutdown()
	return err
}
