// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"testing"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"
)

func TestConfig(t *testing.T) {
	configtest.Run(t, NewFactory(), []configtest.Case{
		{Name: "", Want: createDefaultConfig().(*Config)},
		{Name: "all", Want: &Config{
			Conventions:      ConventionsBoth,
			QueryText:        QueryTextConfig{Sanitize: SanitizeAuto, MaxLength: 4096},
			SpanName:         SpanNameSummary,
			APMAttributes:    []string{"DbOracleSqlId"},
			OracleJDBCDriver: OracleJDBCFrom23,
			Cache:            CacheConfig{MaxEntries: 100, MaxBytes: 1 << 20},
		}},
		{Name: "none", Want: &Config{
			Conventions:      ConventionsLegacy,
			QueryText:        QueryTextConfig{Sanitize: SanitizeNever},
			SpanName:         SpanNameKeep,
			APMAttributes:    []string{},
			OracleJDBCDriver: OracleJDBCAny,
			Cache:            CacheConfig{MaxEntries: 0, MaxBytes: 16 << 20},
		}},
		{Name: "conventions", Errors: []string{`conventions: "new" is not known; write legacy, stable or both`}},
		{Name: "sanitize", Errors: []string{`query_text: sanitize: "sometimes" is not known; write never, auto or always`}},
		{Name: "max_length", Errors: []string{`query_text: max_length: -1 is negative`}},
		{Name: "span_name", Errors: []string{`span_name: "short" is not known; write keep or summary`}},
		{Name: "oracle_jdbc_driver", Errors: []string{`oracle_jdbc_driver: "23" is not known; write any, until_21 or from_23`}},
		{Name: "apm_attribute", Errors: []string{`apm_attributes[1]: "DbType" is not known; write DbStatement or DbOracleSqlId`}},
		{Name: "apm_attribute_twice", Errors: []string{`apm_attributes[1]: DbStatement is listed twice`}},
		{Name: "cache", Errors: []string{`cache: max_entries: -1 is negative`, `max_bytes: -1 is negative`}},
	})
}
