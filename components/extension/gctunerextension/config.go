// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ociapm/otelcol-ociapm/internal/memorylimit"
)

// Config sets how much memory the garbage collector may use to save CPU time.
type Config struct {
	// Percent is the growth of the heap between collections, as a percentage of
	// what was alive after the last one: GOGC.
	Percent int `mapstructure:"percent"`

	// LimitMiB is the memory that the collector may use, in MiB, like
	// memory_limiter's limit_mib. If it is 0, LimitPercentage applies.
	LimitMiB uint64 `mapstructure:"limit_mib"`

	// LimitPercentage is the same limit as a percentage of the container's
	// memory limit, or of the machine's memory if the container has none, like
	// memory_limiter's limit_percentage. As there, LimitMiB takes precedence if
	// both are set.
	LimitPercentage uint64 `mapstructure:"limit_percentage"`

	// ReleaseStartupMemoryAfter is the time between the start of the pipelines
	// and the release of memory that was only needed on startup. 0 disables the
	// release.
	ReleaseStartupMemoryAfter time.Duration `mapstructure:"release_startup_memory_after"`

	// ReleaseIdleMemoryAfter is the time for which the collector must have been
	// idle before the memory that a load needed is released. 0 disables the
	// release.
	ReleaseIdleMemoryAfter time.Duration `mapstructure:"release_idle_memory_after"`
}

var errNoLimit = errors.New("limit_mib or limit_percentage: neither is set; write the value of memory_limiter")

var _ component.Config = (*Config)(nil)

// Validate reports a limit that is missing or impossible.
func (cfg *Config) Validate() error {
	var errs []error
	if cfg.Percent < 1 {
		errs = append(errs, fmt.Errorf("percent: %d is less than 1; write 400, or 100 for Go's default", cfg.Percent))
	}
	if cfg.ReleaseStartupMemoryAfter < 0 {
		errs = append(errs, fmt.Errorf("release_startup_memory_after: %v is negative; write 10s, or 0 for never", cfg.ReleaseStartupMemoryAfter))
	}
	if cfg.ReleaseIdleMemoryAfter < 0 {
		errs = append(errs, fmt.Errorf("release_idle_memory_after: %v is negative; write 5s, or 0 for never", cfg.ReleaseIdleMemoryAfter))
	}
	switch {
	case cfg.LimitMiB == 0 && cfg.LimitPercentage == 0:
		errs = append(errs, errNoLimit)
	case cfg.LimitPercentage > 100:
		errs = append(errs, fmt.Errorf("limit_percentage: %d is more than 100", cfg.LimitPercentage))
	case cfg.LimitMiB > memorylimit.MaxMiB:
		errs = append(errs, fmt.Errorf("limit_mib: %d is more than any machine has", cfg.LimitMiB))
	}
	return errors.Join(errs...)
}
