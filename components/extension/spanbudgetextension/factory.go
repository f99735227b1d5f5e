// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension/internal/metadata"
)

// NewFactory returns the factory of the span_budget extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		Reserve:       0.03,
		Errors:        ErrorsKeep,
		Slowest:       SlowestConfig{Quantile: 0.99, Share: 0.2},
		Floor:         0.05,
		Fairness:      FairnessOperation,
		MaxOperations: 500,
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newBudget(set, cfg.(*Config))
}
