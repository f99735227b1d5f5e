// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// Conventions selects the generations of attribute names that every database span
// leaves with.
type Conventions string

const (
	// ConventionsLegacy selects the names from before the database conventions became
	// stable: db.system, db.statement, net.peer.name, ….
	ConventionsLegacy Conventions = "legacy"
	// ConventionsStable selects the stable names, db.system.name, db.query.text,
	// server.address, …, and the three legacy ones that APM's rule reads.
	ConventionsStable Conventions = "stable"
	// ConventionsBoth selects all names of both generations.
	ConventionsBoth Conventions = "both"
)

// Sanitize selects the statements whose literals are replaced by "?".
type Sanitize string

const (
	// SanitizeNever leaves all statements unchanged.
	SanitizeNever Sanitize = "never"
	// SanitizeAuto sanitizes statements without bind variables, as the semantic
	// conventions ask: an application puts its values into the text of such a
	// statement.
	SanitizeAuto Sanitize = "auto"
	// SanitizeAlways sanitizes every statement.
	SanitizeAlways Sanitize = "always"
)

// SpanName selects the names of database spans.
type SpanName string

const (
	// SpanNameKeep leaves the names of spans unchanged.
	SpanNameKeep SpanName = "keep"
	// SpanNameSummary names spans after their query summary, if they have one.
	SpanNameSummary SpanName = "summary"
)

// OracleJDBCDriver is the version of Oracle's JDBC driver that applications use.
type OracleJDBCDriver string

const (
	// OracleJDBCAny is an unknown version.
	OracleJDBCAny OracleJDBCDriver = "any"
	// OracleJDBCUntil21 is version 21 or an earlier one.
	OracleJDBCUntil21 OracleJDBCDriver = "until_21"
	// OracleJDBCFrom23 is version 23 or a later one.
	OracleJDBCFrom23 OracleJDBCDriver = "from_23"
)

// APM's own attributes. Source: Oracle's documentation of APM's dimensions.
const (
	apmStatement   = dbspan.AttrAPMStatement
	apmOracleSQLID = dbspan.AttrAPMOracleSQLID
)

// Config is the configuration of the db_span_enricher processor.
type Config struct {
	// Conventions selects the generations of names that every database span leaves
	// with. The attributes that the application sent stay.
	Conventions Conventions `mapstructure:"conventions"`

	// QueryText configures the text of statements.
	QueryText QueryTextConfig `mapstructure:"query_text"`

	// SpanName selects the names of database spans.
	SpanName SpanName `mapstructure:"span_name"`

	// APMAttributes lists which of APM's own attributes to add: DbStatement,
	// DbOracleSqlId.
	APMAttributes []string `mapstructure:"apm_attributes"`

	// OracleJDBCDriver is the version of Oracle's JDBC driver, which decides how the server
	// receives placeholders, and with it the SQL_ID.
	OracleJDBCDriver OracleJDBCDriver `mapstructure:"oracle_jdbc_driver"`

	// Cache limits the cache of analyzed statements.
	Cache CacheConfig `mapstructure:"cache"`
}

// QueryTextConfig configures the text of statements.
type QueryTextConfig struct {
	// Sanitize selects the statements whose literals are replaced.
	Sanitize Sanitize `mapstructure:"sanitize"`

	// MaxLength is the maximum length of a statement in bytes. A longer one is cut
	// between characters. 0 is no limit.
	MaxLength int `mapstructure:"max_length"`
}

// CacheConfig limits the cache of analyzed statements. The cache is off if either
// limit is 0.
type CacheConfig struct {
	// MaxEntries is the maximum number of statements.
	MaxEntries int `mapstructure:"max_entries"`

	// MaxBytes is the maximum total size of the statements in bytes.
	MaxBytes int `mapstructure:"max_bytes"`
}

// Validate reports all mistakes in the configuration.
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
	switch cfg.OracleJDBCDriver {
	case OracleJDBCAny, OracleJDBCUntil21, OracleJDBCFrom23:
	default:
		errs = append(errs, fmt.Errorf("oracle_jdbc_driver: %q is not known; write any, until_21 or from_23", cfg.OracleJDBCDriver))
	}
	for i, name := range cfg.APMAttributes {
		switch {
		case name != apmStatement && name != apmOracleSQLID:
			errs = append(errs, fmt.Errorf("apm_attributes[%d]: %q is not known; write %s or %s", i, name, apmStatement, apmOracleSQLID))
		case slices.Contains(cfg.APMAttributes[:i], name):
			errs = append(errs, fmt.Errorf("apm_attributes[%d]: %s is listed twice; write it once", i, name))
		}
	}
	return errors.Join(errs...)
}

// Validate reports all mistakes in the configuration.
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

// Validate reports all mistakes in the configuration.
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
