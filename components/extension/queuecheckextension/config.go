// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"

import "go.opentelemetry.io/collector/component"

// Config holds the setting of configurations that are older than queue_storage.
type Config struct {
	// Directory is the directory of the file_storage extension.
	Directory string `mapstructure:"directory"`
}

var _ component.Config = (*Config)(nil)
