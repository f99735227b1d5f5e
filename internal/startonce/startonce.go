// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package startonce starts a processor once where several pipelines name it.
//
// Each pipeline has an instance of the processors that it names. Those of
// resource_detection share what they detect, but each detects it anew when it starts, one
// after the other. So a collector with three pipelines started three times as late as with
// one: off OCI, each waits until the detector gives up.
//
// Upstream: open-telemetry/opentelemetry-collector-contrib#42697 moved the detection into
// the start of each instance. Before that, it was shared.
package startonce // import "github.com/ociapm/otelcol-ociapm/internal/startonce"

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/xprocessor"
)

// aliased is a factory with a former name. Upstream declares the interface in an internal
// package.
type aliased interface {
	DeprecatedAlias() component.Type
	SetDeprecatedAlias(alias component.Type)
}

// Wrap returns a factory whose processors of one name start once: the first instance
// starts, and the others count as started while it runs. Their state must be shared by
// name. Pipelines of profiles are left as they are. A factory that is not of upstream's
// current form is returned unchanged.
func Wrap(inner processor.Factory) processor.Factory {
	current, ok := inner.(xprocessor.Factory)
	if !ok {
		return inner
	}
	alias, ok := inner.(aliased)
	if !ok {
		return inner
	}
	return &factory{Factory: current, aliased: alias, running: map[component.ID]int{}}
}

type factory struct {
	xprocessor.Factory
	aliased

	mu sync.Mutex
	// running counts the started instances by name. It is guarded by mu.
	running map[component.ID]int
}

// CreateTraces implements processor.Factory.
func (f *factory) CreateTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	inner, err := f.Factory.CreateTraces(ctx, set, cfg, next)
	if err != nil {
		return nil, err
	}
	return &traces{inner, instance{factory: f, id: set.ID}}, nil
}

// CreateMetrics implements processor.Factory.
func (f *factory) CreateMetrics(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	inner, err := f.Factory.CreateMetrics(ctx, set, cfg, next)
	if err != nil {
		return nil, err
	}
	return &metrics{inner, instance{factory: f, id: set.ID}}, nil
}

// CreateLogs implements processor.Factory.
func (f *factory) CreateLogs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	inner, err := f.Factory.CreateLogs(ctx, set, cfg, next)
	if err != nil {
		return nil, err
	}
	return &logs{inner, instance{factory: f, id: set.ID}}, nil
}

// instance is a processor of one pipeline.
type instance struct {
	factory *factory
	id      component.ID
	started bool
}

// start starts the processor unless another instance of its name runs.
func (i *instance) start(ctx context.Context, host component.Host, inner component.Component) error {
	i.factory.mu.Lock()
	defer i.factory.mu.Unlock()
	if i.factory.running[i.id] == 0 {
		if err := inner.Start(ctx, host); err != nil {
			return err
		}
	}
	i.factory.running[i.id]++
	i.started = true
	return nil
}

// shutdown shuts the processor down, which upstream allows for one that never started.
func (i *instance) shutdown(ctx context.Context, inner component.Component) error {
	i.factory.mu.Lock()
	if i.started {
		i.factory.running[i.id]--
		i.started = false
	}
	i.factory.mu.Unlock()
	return inner.Shutdown(ctx)
}

type traces struct {
	processor.Traces
	instance instance
}

// Start implements component.Component.
func (p *traces) Start(ctx context.Context, host component.Host) error {
	return p.instance.start(ctx, host, p.Traces)
}

// Shutdown implements component.Component.
func (p *traces) Shutdown(ctx context.Context) error { return p.instance.shutdown(ctx, p.Traces) }

type metrics struct {
	processor.Metrics
	instance instance
}

// Start implements component.Component.
func (p *metrics) Start(ctx context.Context, host component.Host) error {
	return p.instance.start(ctx, host, p.Metrics)
}

// Shutdown implements component.Component.
func (p *metrics) Shutdown(ctx context.Context) error { return p.instance.shutdown(ctx, p.Metrics) }

type logs struct {
	processor.Logs
	instance instance
}

// Start implements component.Component.
func (p *logs) Start(ctx context.Context, host component.Host) error {
	return p.instance.start(ctx, host, p.Logs)
}

// Shutdown implements component.Component.
func (p *logs) Shutdown(ctx context.Context) error { return p.instance.shutdown(ctx, p.Logs) }
