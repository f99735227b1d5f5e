// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sequenceconnector // import "github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector"

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector/internal/metadata"
)

// NewFactory returns the factory of the sequence connector.
func NewFactory() connector.Factory {
	return connector.NewFactory(
		metadata.Type,
		createDefaultConfig,
		connector.WithTracesToTraces(createTracesToTraces, metadata.TracesToTracesStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{ThenKinds: []string{"server", "consumer", "client"}}
}

func createTracesToTraces(_ context.Context, set connector.Settings, config component.Config, next consumer.Traces) (connector.Traces, error) {
	cfg := config.(*Config)
	router := next.(connector.TracesRouterAndConsumer)
	first, err := consumerOf(router, "first", cfg.First)
	if err != nil {
		return nil, err
	}
	then, err := consumerOf(router, "then", cfg.Then)
	if err != nil {
		return nil, err
	}
	err = cfg.unlisted(router.PipelineIDs())
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return newSequence(cfg, set.Logger, telemetry, first, then), nil
}

// consumerOf returns the consumer of the pipelines of a list.
func consumerOf(router connector.TracesRouterAndConsumer, list string, ids []pipeline.ID) (consumer.Traces, error) {
	next, err := router.Consumer(ids...)
	if err != nil {
		return nil, fmt.Errorf("%s: each pipeline needs this connector in its receivers: %w", list, err)
	}
	return next, nil
}
