// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"errors"
	"fmt"

	"github.com/ociapm/otelcol-ociapm/internal/memorylimit"
	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

// Config is the configuration of the otlp_guard extension.
type Config struct {
	// MaxDepth is how deep arrays and key-value lists may nest in an attribute's
	// value or a log record's body.
	MaxDepth int `mapstructure:"max_depth"`

	// LimitMiB is the memory that the collector may use, in MiB, like
	// memory_limiter's limit_mib. If it is 0, LimitPercentage applies.
	LimitMiB uint64 `mapstructure:"limit_mib"`

	// LimitPercentage is the same limit as a percentage of the container's
	// memory limit, or of the machine's memory if the container has none, like
	// memory_limiter's limit_percentage. As there, LimitMiB takes precedence if
	// both are set.
	LimitPercentage uint64 `mapstructure:"limit_percentage"`

	// SharePercentage is the percentage of that memory that all requests under
	// way may take together.
	SharePercentage uint64 `mapstructure:"share_percentage"`

	// MaxRequestBodySize limits the size of a compressed HTTP request after
	// decompression, in bytes, like the receiver's max_request_body_size. It
	// applies if the receiver's compression_algorithms is an empty list, which
	// leaves decompression to the guard.
	MaxRequestBodySize int64 `mapstructure:"max_request_body_size"`
}

// Validate reports a depth too small for any array or too large to protect
// anything, and a memory limit that is missing or impossible.
func (cfg *Config) Validate() error {
	var errs []error
	switch {
	case cfg.MaxDepth < 1:
		errs = append(errs, fmt.Errorf("max_depth: %d would reject every array; write 64, or at least 1", cfg.MaxDepth))
	case cfg.MaxDepth > otlpscan.MaxDepth:
		errs = append(errs, fmt.Errorf("max_depth: %d is too deep to guard against anything; write 64, or at most %d", cfg.MaxDepth, otlpscan.MaxDepth))
	}
	switch {
	case cfg.LimitMiB == 0 && cfg.LimitPercentage == 0:
		errs = append(errs, errors.New("limit_mib or limit_percentage: neither is set; write the value of memory_limiter"))
	case cfg.LimitPercentage > 100:
		errs = append(errs, fmt.Errorf("limit_percentage: %d is more than 100; write the value of memory_limiter", cfg.LimitPercentage))
	case cfg.LimitMiB > memorylimit.MaxMiB:
		errs = append(errs, fmt.Errorf("limit_mib: %d is more than any machine has; write the value of memory_limiter", cfg.LimitMiB))
	}
	if cfg.SharePercentage < 1 || cfg.SharePercentage > 80 {
		errs = append(errs, fmt.Errorf("share_percentage: %d leaves too little for requests or for the rest of the collector; write 55, or 1 to 80", cfg.SharePercentage))
	}
	if cfg.MaxRequestBodySize < 1 {
		errs = append(errs, fmt.Errorf("max_request_body_size: %d would reject every compressed request; write 20971520, or the receiver's value", cfg.MaxRequestBodySize))
	}
	return errors.Join(errs...)
}
