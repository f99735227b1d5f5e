// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmpathsextension // import "github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension"

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension/internal/metadata"
)

// NewFactory returns the factory of the apm_paths extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config { return &Config{} }

func create(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
	return apmPaths{}, nil
}
