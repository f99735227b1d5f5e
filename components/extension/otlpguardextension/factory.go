// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/memorylimit"
)

const (
	defaultMaxDepth        = 64
	defaultLimitPercentage = 70
	// defaultSharePercentage lets a request of 512 spans with 128 attributes
	// fit into a sidecar of 128 MiB, and keeps the sum of the shares in
	// docs/architecture.md below 100 %.
	defaultSharePercentage = 55
	// defaultMaxRequestBodySize is the default of confighttp.
	defaultMaxRequestBodySize = 20 << 20
)

// NewFactory returns the factory of the otlp_guard extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		MaxDepth:           defaultMaxDepth,
		LimitPercentage:    defaultLimitPercentage,
		SharePercentage:    defaultSharePercentage,
		MaxRequestBodySize: defaultMaxRequestBodySize,
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	config := cfg.(*Config)
	limit, err := memorylimit.Bytes(config.LimitMiB, config.LimitPercentage, memlimit.FromCgroup)
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return newGuard(config, limit, telemetry), nil
}
