// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config sets which spans are folded.
type Config struct {
	// MinSpans is the number of equal spans from which on they are folded.
	MinSpans int `mapstructure:"min_spans"`

	// MaxDuration is the duration of the longest span that may be folded.
	MaxDuration time.Duration `mapstructure:"max_duration"`

	// KeepSlowest is the number of the slowest spans of a group that stay as they are,
	// beside the summary of the rest.
	KeepSlowest int `mapstructure:"keep_slowest"`

	// KeepErrors is the number of the earliest failed spans of a group that stay as they
	// are. The rest becomes a summary with status ERROR. 0 keeps all.
	KeepErrors int `mapstructure:"keep_errors"`

	// Key decides which database calls are equal: "summary" for the same
	// db.query.summary, "statement" for the same SQL_ID or text.
	Key Key `mapstructure:"key"`

	// Kinds has the kinds of spans that are folded: "db" and "internal".
	Kinds []Kind `mapstructure:"kinds"`

	// Budget names a span_budget extension that counted the spans before they come
	// here, and is told how many are folded.
	Budget *component.ID `mapstructure:"budget"`
}

// Key is what equal database calls have in common.
type Key string

const (
	// KeySummary is the summary of the statement, without literals and columns.
	KeySummary Key = "summary"
	// KeyStatement is Oracle's SQL_ID, or else the text of the statement.
	KeyStatement Key = "statement"
)

// Kind is a kind of span that can be folded.
type Kind string

const (
	// KindDB is a CLIENT span of a database call.
	KindDB Kind = "db"
	// KindInternal is an INTERNAL span.
	KindInternal Kind = "internal"
)

var _ component.Config = (*Config)(nil)

// Validate reports numbers that are out of range, and unknown words.
func (cfg *Config) Validate() error {
	var errs []error
	if cfg.MinSpans < minGroup {
		errs = append(errs, fmt.Errorf("min_spans: %d is less than %d; write 5", cfg.MinSpans, minGroup))
	}
	if cfg.MaxDuration <= 0 {
		errs = append(errs, fmt.Errorf("max_duration: %v is not positive; write 50ms", cfg.MaxDuration))
	}
	if cfg.KeepSlowest < 0 {
		errs = append(errs, fmt.Errorf("keep_slowest: %d is negative; write 1, or 0 to keep none", cfg.KeepSlowest))
	}
	if cfg.KeepErrors < 0 {
		errs = append(errs, fmt.Errorf("keep_errors: %d is negative; write 5, or 0 to keep all", cfg.KeepErrors))
	}
	if cfg.Key != KeySummary && cfg.Key != KeyStatement {
		errs = append(errs, fmt.Errorf("key: %q is not a key; write summary or statement", cfg.Key))
	}
	if len(cfg.Kinds) == 0 {
		errs = append(errs, errors.New("kinds: the list is empty; write [db], or leave the setting out"))
	}
	for _, kind := range cfg.Kinds {
		if kind != KindDB && kind != KindInternal {
			errs = append(errs, fmt.Errorf("kinds: %q is not a kind; write db or internal", kind))
		}
	}
	return errors.Join(errs...)
}

// minGroup is the smallest number of spans that a summary can replace.
const minGroup = 2
