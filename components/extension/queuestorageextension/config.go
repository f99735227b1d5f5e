// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/ociapm/otelcol-ociapm/internal/startup"
)

// minMaxSize leaves room for a large request and for items that are being
// removed.
const minMaxSize = 1 << 20

// Config is the configuration of the queue_storage extension.
type Config struct {
	// Directory contains a folder for each queue.
	Directory string `mapstructure:"directory"`
	// CreateDirectory creates the directory on startup if it does not exist,
	// with access for the collector's user only.
	CreateDirectory bool `mapstructure:"create_directory"`
	// MaxSize limits the disk space of each queue, in bytes. A queue that
	// reaches it refuses new data. 0 sets no limit other than the disk.
	MaxSize int64 `mapstructure:"max_size"`
	// FSync makes the system write stored data to the disk before the operation
	// returns.
	FSync bool `mapstructure:"fsync"`
}

var _ component.Config = (*Config)(nil)

// Validate reports settings that cannot work, and a directory that this process
// may not write to.
func (cfg *Config) Validate() error {
	var errs []error
	if cfg.Directory == "" {
		errs = append(errs, errors.New("directory: it is empty; write the path of the folder for the queues"))
	} else if err := startup.CheckFolder(cfg.Directory, cfg.CreateDirectory); err != nil {
		errs = append(errs, fmt.Errorf("directory: %w", err))
	}
	if cfg.MaxSize < 0 || cfg.MaxSize > 0 && cfg.MaxSize < minMaxSize {
		errs = append(errs, fmt.Errorf("max_size: %d bytes are too few for a queue; write at least %d, or 0 for no limit", cfg.MaxSize, minMaxSize))
	}
	return errors.Join(errs...)
}
