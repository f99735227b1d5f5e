// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
)

// minMaxSize has room for a large request and for what is being removed.
const minMaxSize = 1 << 20

// Config is the configuration of the queue_storage extension.
type Config struct {
	// Directory has a folder for each queue.
	Directory string `mapstructure:"directory"`
	// CreateDirectory makes the directory at the start, for the collector's user
	// alone, if it does not exist.
	CreateDirectory bool `mapstructure:"create_directory"`
	// MaxSize bounds the bytes on the disk of each queue. A queue that has as much
	// refuses new data. 0 is no bound other than the disk.
	MaxSize int64 `mapstructure:"max_size"`
	// FSync has the system write to the disk what a client stores before the client
	// goes on.
	FSync bool `mapstructure:"fsync"`
}

var _ component.Config = (*Config)(nil)

// Validate reports settings that cannot work. Whether the directory can be used is
// seen at the start.
func (cfg *Config) Validate() error {
	var errs []error
	if cfg.Directory == "" {
		errs = append(errs, errors.New("directory: it is empty; write the folder that is to have the queues"))
	}
	if cfg.MaxSize < 0 || cfg.MaxSize > 0 && cfg.MaxSize < minMaxSize {
		errs = append(errs, fmt.Errorf("max_size: %d bytes are too few for a queue; write at least %d, or 0 for no limit", cfg.MaxSize, minMaxSize))
	}
	return errors.Join(errs...)
}
