// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

func ofClass(class spanbudget.Class) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("class", class.String())))
}

func ofDecision(class spanbudget.Class, kept bool) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("class", class.String()), attribute.Bool("kept", kept)))
}

// observeDecided observes decisions by class and outcome.
func (c *controller) observeDecided(o metric.Int64Observer, value func(tally) int64) {
	for _, class := range spanbudget.Classes {
		kept, seen := value(c.since.Kept[class]), value(c.since.Seen[class])
		o.Observe(kept, ofDecision(class, true))
		o.Observe(seen-kept, ofDecision(class, false))
	}
}

// observe registers the metrics.
func (b *budget) observe() error {
	t := b.telemetry
	ints := func(observe func(c *controller, o metric.Int64Observer)) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.controller.advance(time.Now())
			observe(b.controller, o)
			return nil
		}
	}
	return errors.Join(
		t.RegisterExtensionSpanBudgetAssumedSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(c.hours.current.Assumed)
		})),
		t.RegisterExtensionSpanBudgetLimitSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(int64(c.hours.current.Limit))
		})),
		t.RegisterExtensionSpanBudgetInstancesCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(int64(c.plan.instances))
		})),
		t.RegisterExtensionSpanBudgetProjectedSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(int64(c.projected(time.Now(), true)))
		})),
		t.RegisterExtensionSpanBudgetSpentSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			for _, class := range spanbudget.Classes {
				o.Observe(c.hours.current.Spent[class], ofClass(class))
			}
		})),
		t.RegisterExtensionSpanBudgetDecidedSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			c.observeDecided(o, func(t tally) int64 { return t.Spans })
		})),
		t.RegisterExtensionSpanBudgetDecidedTracesCallback(ints(func(c *controller, o metric.Int64Observer) {
			c.observeDecided(o, func(t tally) int64 { return t.Traces })
		})),
		t.RegisterExtensionSpanBudgetLateSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(c.since.Late)
		})),
		t.RegisterExtensionSpanBudgetCutOffSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(c.since.CutOff)
		})),
		t.RegisterExtensionSpanBudgetFoldedSpansCallback(ints(func(c *controller, o metric.Int64Observer) {
			o.Observe(c.since.Folded)
		})),
		t.RegisterExtensionSpanBudgetProbabilityCallback(func(_ context.Context, o metric.Float64Observer) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			c := b.controller
			c.advance(time.Now())
			o.Observe(c.error.p, ofClass(spanbudget.ClassError))
			o.Observe(c.slow.p, ofClass(spanbudget.ClassSlow))
			o.Observe(c.ops.busiest().chance.p, ofClass(spanbudget.ClassOrdinary))
			return nil
		}),
	)
}
