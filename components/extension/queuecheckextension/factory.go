// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension/internal/metadata"
)

// NewFactory returns the factory of the queue_check extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config { return &Config{} }

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &queueCheck{directory: cfg.(*Config).Directory, logger: set.Logger}, nil
}
