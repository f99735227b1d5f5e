// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/collector/processor/xprocessor"

	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor/internal/metadata"
)

// NewFactory returns the factory of the db_span_enricher processor.
func NewFactory() processor.Factory {
	return xprocessor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		xprocessor.WithDeprecatedTypeAlias(metadata.DeprecatedType),
		xprocessor.WithTraces(createTraces, metadata.TracesStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Conventions:      ConventionsLegacy,
		QueryText:        QueryTextConfig{Sanitize: SanitizeNever},
		SpanName:         SpanNameKeep,
		APMAttributes:    []string{apmStatement, apmOracleSQLID},
		OracleJDBCDriver: OracleJDBCAny,
		Cache:            CacheConfig{MaxEntries: 10_000, MaxBytes: 16 << 20},
	}
}

func createTraces(
	ctx context.Context,
	set processor.Settings,
	cfg component.Config,
	next consumer.Traces,
) (processor.Traces, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	enricher, err := newEnricher(cfg.(*Config), telemetry)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(
		ctx, set, cfg, next, enricher.processTraces,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
		processorhelper.WithShutdown(enricher.shutdown),
	)
}
