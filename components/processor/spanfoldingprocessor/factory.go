// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor/internal/metadata"
)

// NewFactory returns the factory of the span_folding processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig, processor.WithTraces(createTraces, metadata.TracesStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		MinSpans:    5,
		MaxDuration: 50 * time.Millisecond,
		KeepSlowest: 1,
		KeepErrors:  5,
		Key:         KeySummary,
		Kinds:       []Kind{KindDB},
	}
}

func createTraces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	f := newFolder(cfg.(*Config), telemetry)
	return processorhelper.NewTraces(ctx, set, cfg, next, f.processTraces,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
		processorhelper.WithStart(f.start),
		processorhelper.WithShutdown(f.shutdown))
}
