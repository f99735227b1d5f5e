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

	// LimitMiB is the memory that the collector may use, as memory_limiter's
	// limit_mib, in MiB. 0 leaves it to LimitPercentage.
	LimitMiB uint64 `mapstructure:"limit_mib"`

	// LimitPercentage is the same in percent of the container's memory limit,
	// or of the machine's memory where there is none, as memory_limiter's
	// limit_percentage. Where both are set, LimitMiB counts, as there.
	LimitPercentage uint64 `mapstructure:"limit_percentage"`

	// SharePercentage is how much of that memory the requests under way may take
	// together, in percent.
	SharePercentage uint64 `mapstructure:"share_percentage"`

	// MaxRequestBodySize is how large a compressed HTTP request may be once it is
	// decompressed, in bytes, as the receiver's max_request_body_size. It counts
	// where the receiver's compression_algorithms is an empty list, which leaves
	// decompression to the guard.
	MaxRequestBodySize int64 `mapstructure:"max_request_body_size"`
}

// Validate reports a depth that nothing fits into, or that guards nothing, and a
// limit that is missing or impossible.
func (cfg *Config) Validate() error {
	var errs []error
	switch {
	case cfg.MaxDepth < 1:
		errs = append(errs, fmt.Errorf("max_depth: %d would refuse every array; write 64, or at least 1", cfg.MaxDepth))
	case cfg.MaxDepth > otlpscan.MaxDepth:
		errs = append(errs, fmt.Errorf("max_depth: %d is too deep to guard against anything; write 64, or at most %d", cfg.MaxDepth, otlpscan.MaxDepth))
	}
	switch {
	case cfg.LimitMiB == 0 && cfg.LimitPercentage == 0:
		errs = append(errs, errors.New("limit_mib or limit_percentage: neither is set; write what memory_limiter has"))
	case cfg.LimitPercentage > 100:
		errs = append(errs, fmt.Errorf("limit_percentage: %d is more than 100; write what memory_limiter has", cfg.LimitPercentage))
	case cfg.LimitMiB > memorylimit.MaxMiB:
		errs = append(errs, fmt.Errorf("limit_mib: %d is more than any machine has; write what memory_limiter has", cfg.LimitMiB))
	}
	if cfg.SharePercentage < 1 || cfg.SharePercentage > 80 {
		errs = append(errs, fmt.Errorf("share_percentage: %d leaves too little for requests or for the rest of the collector; write 55, or 1 to 80", cfg.SharePercentage))
	}
	if cfg.MaxRequestBodySize < 1 {
		errs = append(errs, fmt.Errorf("max_request_body_size: %d would refuse every compressed request; write 20971520, or what the receiver has", cfg.MaxRequestBodySize))
	}
	return errors.Join(errs...)
}
