// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"

import (
	"context"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension/internal/metadata"
)

// NewFactory returns the factory of the gc_tuner extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{Percent: 400, ReleaseStartupMemoryAfter: 10 * time.Second, ReleaseIdleMemoryAfter: 5 * time.Second}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &tuner{
		config: cfg.(*Config), logger: set.Logger, cgroup: memlimit.FromCgroup, memory: readMemory, release: releaseMemory, stop: func() {},
	}, nil
}
