// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startonce

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/processor/xprocessor"
)

var (
	detectType  = component.MustNewType("detect")
	formerType  = component.MustNewType("formerly")
	errDetected = errors.New("nothing is detected")
)

// detector is a processor that counts its starts.
type detector struct {
	component.ShutdownFunc
	consumertest.Consumer
	starts *int
	fails  *bool
}

// Start implements component.Component.
func (d detector) Start(context.Context, component.Host) error {
	*d.starts++
	if *d.fails {
		return errDetected
	}
	return nil
}

// wrapped returns a factory of detectors, the number of their starts, and whether they fail.
func wrapped(t *testing.T) (f processor.Factory, starts *int, fails *bool) {
	t.Helper()
	starts, fails = new(int), new(bool)
	created := detector{Consumer: consumertest.NewNop(), starts: starts, fails: fails}
	inner := xprocessor.NewFactory(detectType, func() component.Config { return &struct{}{} },
		xprocessor.WithDeprecatedTypeAlias(formerType),
		xprocessor.WithTraces(func(context.Context, processor.Settings, component.Config, consumer.Traces) (processor.Traces, error) {
			return created, nil
		}, component.StabilityLevelBeta),
		xprocessor.WithMetrics(func(context.Context, processor.Settings, component.Config, consumer.Metrics) (processor.Metrics, error) {
			return created, nil
		}, component.StabilityLevelBeta),
		xprocessor.WithLogs(func(context.Context, processor.Settings, component.Config, consumer.Logs) (processor.Logs, error) {
			return created, nil
		}, component.StabilityLevelBeta))
	return Wrap(inner), starts, fails
}

// pipelines returns an instance for each signal.
func pipelines(t *testing.T, f processor.Factory, name string) []component.Component {
	t.Helper()
	set := processortest.NewNopSettings(detectType)
	set.ID = component.NewIDWithName(detectType, name)
	forTraces, err := f.CreateTraces(t.Context(), set, f.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	forMetrics, err := f.CreateMetrics(t.Context(), set, f.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	forLogs, err := f.CreateLogs(t.Context(), set, f.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	return []component.Component{forTraces, forMetrics, forLogs}
}

func start(t *testing.T, components []component.Component) {
	t.Helper()
	for _, c := range components {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	}
}

func shutdown(t *testing.T, components []component.Component) {
	t.Helper()
	for _, c := range components {
		require.NoError(t, c.Shutdown(t.Context()))
	}
}

func TestInstancesOfANameStartOnce(t *testing.T) {
	f, starts, _ := wrapped(t)
	one, other := pipelines(t, f, "one"), pipelines(t, f, "other")
	start(t, one)
	assert.Equal(t, 1, *starts)
	start(t, other)
	assert.Equal(t, 2, *starts, "another name has another state")

	// A reload shuts all instances down before it starts new ones.
	shutdown(t, one)
	start(t, pipelines(t, f, "one"))
	assert.Equal(t, 3, *starts)
}

func TestAFailedStartIsRepeated(t *testing.T) {
	f, starts, fails := wrapped(t)
	instances := pipelines(t, f, "")
	*fails = true
	require.ErrorIs(t, instances[0].Start(t.Context(), componenttest.NewNopHost()), errDetected)
	shutdown(t, instances)
	*fails = false
	start(t, pipelines(t, f, ""))
	assert.Equal(t, 2, *starts)
}

func TestTheFactoryKeepsWhatUpstreamAsksFor(t *testing.T) {
	f, _, _ := wrapped(t)
	assert.Equal(t, detectType, f.Type())
	assert.Equal(t, component.StabilityLevelBeta, f.TracesStability())
	assert.Equal(t, formerType, f.(aliased).DeprecatedAlias())
	assert.Implements(t, (*xprocessor.Factory)(nil), f)

	plain := processor.NewFactory(detectType, nil)
	assert.Implements(t, (*processor.Factory)(nil), Wrap(plain))
}
