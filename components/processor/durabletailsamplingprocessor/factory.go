// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/apmcost"
)

// defaultCacheSize is the number of decisions of each kind that are remembered
// for late spans: 100 seconds' worth at a thousand traces a second.
const defaultCacheSize = 100_000

// NewFactory returns the factory of the durable_tail_sampling processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		processor.WithTraces(createTraces, metadata.TracesStability),
	)
}

func createDefaultConfig() component.Config {
	sampling := *tailsamplingprocessor.NewFactory().CreateDefaultConfig().(*tailsamplingprocessor.Config)
	sampling.BlockOnOverflow = true
	sampling.DecisionCache.SampledCacheSize = defaultCacheSize
	sampling.DecisionCache.NonSampledCacheSize = defaultCacheSize
	return &Config{Sampling: sampling, AdjustedCountAttribute: apmcost.AttrAdjustedCount, ReasonAttribute: apmcost.AttrReason}
}

func createTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	return newDurable(ctx, set, *cfg.(*Config), next)
}
