// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"fmt"

	"github.com/ociapm/otelcol-ociapm/internal/otlpdepth"
)

// Config is the configuration of the otlp_guard extension.
type Config struct {
	// MaxDepth is how deep arrays and key-value lists may nest in an attribute's
	// value or a log record's body.
	MaxDepth int `mapstructure:"max_depth"`
}

// Validate reports a depth that nothing fits into, or that guards nothing.
func (cfg *Config) Validate() error {
	switch {
	case cfg.MaxDepth < 1:
		return fmt.Errorf("max_depth: %d would refuse every array; write 64, or at least 1", cfg.MaxDepth)
	case cfg.MaxDepth > otlpdepth.MaxLimit:
		return fmt.Errorf("max_depth: %d is too deep to guard against anything; write 64, or at most %d", cfg.MaxDepth, otlpdepth.MaxLimit)
	}
	return nil
}
