// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package benchmark

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"
	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor"
)

// pipelines are the measured configurations: testdata/<name>.yaml.
var pipelines = []string{"ociapm", "ociapm-masked", "stock", "stock-masked"}

// factories are the processors in pipeline order.
var factories = []processor.Factory{
	dbspanenricherprocessor.NewFactory(),
	peerserviceprocessor.NewFactory(),
	transformprocessor.NewFactory(),
	redactionprocessor.NewFactory(),
}

// newPipeline starts a configuration's processors as a chain that ends in next.
func newPipeline(t testing.TB, name string, next consumer.Traces) consumer.Traces {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", name+".yaml"))
	require.NoError(t, err)
	var known []string
	for _, factory := range slices.Backward(factories) {
		known = append(known, factory.Type().String())
		if !conf.IsSet(factory.Type().String()) {
			continue
		}
		sub, err := conf.Sub(factory.Type().String())
		require.NoError(t, err)
		cfg := factory.CreateDefaultConfig()
		require.NoError(t, sub.Unmarshal(&cfg))
		require.NoError(t, confmap.Validate(cfg))
		p, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(factory.Type()), cfg, next)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		t.Cleanup(func() { require.NoError(t, p.Shutdown(t.Context())) })
		next = p
	}
	for name := range conf.ToStringMap() {
		require.Contains(t, known, name)
	}
	return next
}
