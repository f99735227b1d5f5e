// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

var errNoDirectory = errors.New("directory: it is empty; write the directory of file_storage")

// Config says where the queue files are.
type Config struct {
	// Directory is the directory of the file_storage extension. It need not
	// exist yet.
	Directory string `mapstructure:"directory"`
}

var _ component.Config = (*Config)(nil)

// Validate reports a missing directory.
func (cfg *Config) Validate() error {
	if cfg.Directory == "" {
		return errNoDirectory
	}
	return nil
}
