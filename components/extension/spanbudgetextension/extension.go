// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/pkg/samplingpolicy"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// budget is a sampling policy that keeps traces as long as a clock hour's number of spans
// has room for them.
type budget struct {
	cfg       *Config
	id        component.ID
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder

	client storage.Client // nil without a storage
	stop   context.CancelFunc
	lookup func(ctx context.Context, name string) ([]string, error) // the addresses of a name
	tasks  sync.WaitGroup

	// mu guards everything declared below.
	mu         sync.Mutex
	controller *controller
	kept       *keptTraces

	reservedHour int64 // the hour of the last record of what was spent
	reserved     int64 // what may be spent in it without another record

	deliveries    int64 // calls of Delivered
	lastInstances int   // the number of instances in the ledger; 0: unknown
	reported      int64 // the last hour that the log has a line about
	notices       notices
}

var (
	_ samplingpolicy.Extension          = (*budget)(nil)
	_ spanbudget.Ledger                 = (*budget)(nil)
	_ extensioncapabilities.Dependent   = (*budget)(nil)
	_ samplingpolicy.ThresholdEvaluator = (*budget)(nil)
	_ extension.Extension               = (*budget)(nil)
)

func newBudget(set extension.Settings, cfg *Config) (*budget, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	b := &budget{
		cfg: cfg, id: set.ID, logger: set.Logger, telemetry: telemetry,
		stop: func() {}, lookup: net.DefaultResolver.LookupHost, kept: newKeptTraces(),
	}
	now := time.Now()
	ops := newOperations(cfg.Fairness == FairnessOperation, cfg.MaxOperations, quantile{value: cfg.Slowest.Quantile, least: cfg.Slowest.MinDuration})
	b.controller = newController(cfg.plan(), ops, now)
	b.reported = b.controller.hours.current.Number - 1
	if err := b.observe(); err != nil {
		return nil, err
	}
	return b, nil
}

// Dependencies makes the storage start earlier, and shut down later.
func (b *budget) Dependencies() []component.ID {
	if b.cfg.StorageID == nil {
		return nil
	}
	return []component.ID{*b.cfg.StorageID}
}

// Start reads what an earlier process has spent.
func (b *budget) Start(ctx context.Context, host component.Host) error {
	b.mu.Lock()
	now := time.Now()
	err := b.openStore(ctx, host, now)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	if name := b.cfg.instancesName(); name != "" {
		b.mu.Lock()
		if b.lastInstances > 0 {
			b.controller.setInstances(b.lastInstances, now)
		}
		b.mu.Unlock()
		b.tasks.Go(func() { b.followInstances(ctx, name) })
	}
	b.tasks.Go(func() { b.keep(ctx) })
	return nil
}

// keep stores everything regularly, and lets time pass while no traces come.
func (b *budget) keep(ctx context.Context) {
	timer := time.NewTicker(saveInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		b.report(time.Now())
		if err := b.saveAll(ctx, true); err != nil && ctx.Err() == nil {
			b.mu.Lock()
			b.cannotStore(time.Now(), err)
			b.mu.Unlock()
		}
	}
}

// Shutdown stores what is spent.
func (b *budget) Shutdown(ctx context.Context) error {
	b.stop()
	b.tasks.Wait()
	defer b.telemetry.Shutdown()
	if b.client == nil {
		return nil
	}
	if err := b.saveAll(ctx, false); err != nil {
		b.logger.Warn("What was spent cannot be stored; the next start will estimate it", zap.Error(err))
	}
	return b.client.Close(ctx)
}

// NewEvaluator returns the policy. All policies of one extension share its budget.
func (b *budget) NewEvaluator(name string, cfg map[string]any) (samplingpolicy.Evaluator, error) {
	if len(cfg) > 0 {
		return nil, fmt.Errorf("policy %s has settings of its own; write them under extensions::%s", name, b.id)
	}
	return b, nil
}

// IsStateful reports that decisions depend on earlier ones.
func (*budget) IsStateful() bool { return true }

// Evaluate decides on a trace.
func (b *budget) Evaluate(ctx context.Context, id pcommon.TraceID, trace *samplingpolicy.TraceData) (samplingpolicy.Decision, error) {
	decision, _, err := b.EvaluateWithThreshold(ctx, id, trace)
	return decision, err
}

// EvaluateWithThreshold decides on a trace, and returns its sampling threshold.
func (b *budget) EvaluateWithThreshold(ctx context.Context, id pcommon.TraceID, trace *samplingpolicy.TraceData) (samplingpolicy.Decision, sampling.Threshold, error) {
	f := examine(id, trace.ReceivedBatches)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if known := b.kept.get(id); known != nil {
		// A restart forgot that these are late spans.
		b.controller.advance(now)
		if !b.controller.late(known.verdict.Class, f.spans) {
			return samplingpolicy.NotSampled, known.verdict.Threshold, nil
		}
		known.pending += int32(f.spans) //nolint:gosec // the spans of a trace in memory
		b.spent(ctx, now)
		return samplingpolicy.Sampled, known.verdict.Threshold, nil
	}
	d := b.controller.decide(now, f)
	if d.cutOff {
		b.noticeCutOff(now, f.spans, d.farAhead)
	}
	if !d.kept {
		return samplingpolicy.NotSampled, d.verdict.Threshold, nil
	}
	b.kept.put(keptTrace{id: id, verdict: d.verdict, pending: int32(f.spans)}) //nolint:gosec // the spans of a trace in memory
	b.spent(ctx, now)
	return samplingpolicy.Sampled, d.verdict.Threshold, nil
}

// Delivered implements spanbudget.Ledger.
func (b *budget) Delivered(id pcommon.TraceID, spans int) (spanbudget.Verdict, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deliveries++
	now := time.Now()
	b.controller.advance(now)
	class, late := spanbudget.ClassOrdinary, spans
	known := b.kept.get(id)
	if known != nil {
		class = known.verdict.Class
		decided := min(late, int(known.pending))
		known.pending -= int32(decided) //nolint:gosec // at most pending
		late -= decided
	}
	if late > 0 {
		if !b.controller.late(class, late) {
			b.noticeCutOff(now, late, false)
			return b.verdictOf(known), false
		}
		b.spent(context.Background(), now)
	}
	return b.verdictOf(known), true
}

// LateError implements spanbudget.Ledger.
func (b *budget) LateError(id pcommon.TraceID, resource pcommon.Resource, spans []ptrace.Span) (spanbudget.Verdict, bool) {
	f := examineLate(id, resource, spans)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.controller.advance(now)
	d := b.controller.decideAs(spanbudget.ClassError, b.controller.ops.find(f.operation), f)
	if d.cutOff {
		b.noticeCutOff(now, f.spans, d.farAhead)
	}
	if d.kept {
		b.spent(context.Background(), now)
	}
	return d.verdict, d.kept
}

// Folded implements spanbudget.Ledger.
func (b *budget) Folded(id pcommon.TraceID, spans int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.controller.advance(time.Now())
	class := b.verdictOf(b.kept.get(id)).Class
	if class == 0 {
		class = spanbudget.ClassOrdinary
	}
	b.controller.folded(class, spans)
}
