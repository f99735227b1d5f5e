// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// Conventions names the generations of attribute names that every database
// span leaves with.
type Conventions string

const (
	// ConventionsLegacy is the names of before the database conventions became
	// stable: db.system, db.statement, net.peer.name, ….
	ConventionsLegacy Conventions = "legacy"
	// ConventionsStable is the stable names: db.system.name, db.query.text,
	// server.address, …, beside the three legacy ones that APM's rule reads.
	ConventionsStable Conventions = "stable"
	// ConventionsBoth is all names of both generations.
	ConventionsBoth Conventions = "both"
)

// Sanitize says when literals in statement text are replaced by "?".
type Sanitize string

const (
	// SanitizeNever leaves statement text as the application sent it.
	SanitizeNever Sanitize = "never"
	// SanitizeAuto sanitizes text that has no bind variables: such text is where
	// an application puts its values, and the semantic conventions ask for it.
	SanitizeAuto Sanitize = "auto"
	// SanitizeAlways sanitizes every statement.
	SanitizeAlways Sanitize = "always"
)

// SpanName says what a database span is called when it leaves.
type SpanName string

const (
	// SpanNameKeep leaves span names alone.
	SpanNameKeep SpanName = "keep"
	// SpanNameSummary names spans by their query summary, where there is one.
	SpanNameSummary SpanName = "summary"
)

// Attributes that only APM reads. Source: Oracle's documentation of APM's
// dimensions.
const (
	apmStatement   = dbspan.AttrAPMStatement
	apmOracleSQLID = dbspan.AttrAPMOracleSQLID
)

// Config is the configuration of the db_span_enricher processor.
type Config struct {
	// Conventions is the generations of names that every database span leaves
	// with. What the application sent stays.
	Conventions Conventions `mapstructure:"conventions"`

	// QueryText says what becomes of statement text.
	QueryText QueryTextConfig `mapstructure:"query_text"`

	// SpanName says what a database span is called when it leaves.
	SpanName SpanName `mapstructure:"span_name"`

	// APMAttributes is the attributes of APM's own that are added: any of
	// DbStatement and DbOracleSqlId.
	APMAttributes []string `mapstructure:"apm_attributes"`

	// Cache bounds the memory that remembers analyzed statements.
	Cache CacheConfig `mapstructure:"cache"`
}

// QueryTextConfig says what becomes of statement text.
type QueryTextConfig struct {
	// Sanitize says when literals are replaced.
	Sanitize Sanitize `mapstructure:"sanitize"`

	// MaxLength is the bytes that a statement may have; longer text is cut
	// between characters. 0 is no limit.
	MaxLength int `mapstructure:"max_length"`
}

// CacheConfig bounds the cache of analyzed statements. The cache is off if
// either bound is 0.
type CacheConfig struct {
	// MaxEntries is the statements that it may hold.
	MaxEntries int `mapstructure:"max_entries"`

	// MaxBytes is the bytes that they may take together.
	MaxBytes int `mapstructure:"max_bytes"`
}

// Validate reports everything that is wrong with the configuration.
func (cfg *Config) Validate() error {
	var errs []error
	switch cfg.Conventions {
	case ConventionsLegacy, ConventionsStable, ConventionsBoth:
	default:
		errs = append(errs, fmt.Errorf("conventions: %q is not known; write legacy, stable or both", cfg.Conventions))
	}
	switch cfg.SpanName {
	case SpanNameKeep, SpanNameSummary:
	default:
		errs = append(errs, fmt.Errorf("span_name: %q is not known; write keep or summary", cfg.SpanName))
	}
	for i, name := range cfg.APMAttributes {
		switch {
		case name != apmStatement && name != apmOracleSQLID:
			errs = append(errs, fmt.Errorf("apm_attributes[%d]: %q is not known; write %s or %s", i, name, apmStatement, apmOracleSQLID))
		case slices.Contains(cfg.APMAttributes[:i], name):
			errs = append(errs, fmt.Errorf("apm_attributes[%d]: %s is there twice; write it once", i, name))
		}
	}
	return errors.Join(errs...)
}

// Validate reports everything that is wrong with the configuration.
func (cfg *QueryTextConfig) Validate() error {
	var errs []error
	switch cfg.Sanitize {
	case SanitizeNever, SanitizeAuto, SanitizeAlways:
	default:
		errs = append(errs, fmt.Errorf("sanitize: %q is not known; write never, auto or always", cfg.Sanitize))
	}
	if cfg.MaxLength < 0 {
		errs = append(errs, fmt.Errorf("max_length: %d is negative; write a number of bytes, or 0 for no limit", cfg.MaxLength))
	}
	return errors.Join(errs...)
}

// Validate reports everything that is wrong with the configuration.
func (cfg *CacheConfig) Validate() error {
	var errs []error
	if cfg.MaxEntries < 0 {
		errs = append(errs, fmt.Errorf("max_entries: %d is negative; write a number of statements, or 0 for no cache", cfg.MaxEntries))
	}
	if cfg.MaxBytes < 0 {
		errs = append(errs, fmt.Errorf("max_bytes: %d is negative; write a number of bytes, or 0 for no cache", cfg.MaxBytes))
	}
	return errors.Join(errs...)
}
