// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

func TestSQLIDByDriver(t *testing.T) {
	for driver, server := range map[OracleJDBCDriver]string{
		OracleJDBCUntil21: "SELECT size FROM towels WHERE room = :1  AND size = :2 ",
		OracleJDBCFrom23:  "SELECT size FROM towels WHERE room = :1 AND size = :2 ",
	} {
		want, _ := sqltext.OracleSQLID(server)
		assert.Equal(t, sqlIDs{jdbc: want}, oracleSQLIDs("SELECT size FROM towels WHERE room = ? AND size = ?", driver), driver)
	}
}

// A span must not get the SQL_ID of another statement.
func TestSQLIDOfRewrittenText(t *testing.T) {
	list := "DELETE FROM towels WHERE room IN (?)"
	comment := "SELECT size FROM towels WHERE room = ?-- of a floor"
	long := "SELECT size FROM towels WHERE " + strings.Repeat("f(?)+", agentMaxLength)
	blank := "SELECT size FROM towels WHERE room = ? AND size = ?"
	tests := []struct {
		name, language, scope, text string
		driver                      OracleJDBCDriver
		names                       []string
		want                        bool
	}{
		{name: "list of the agent", language: "java", text: list, names: []string{"db.statement"}},
		{name: "list of an unknown SDK", text: list, names: []string{"db.statement"}},
		{name: "list of the agent by its scope", scope: "io.opentelemetry.jdbc", text: list, names: []string{"db.statement"}},
		{name: "list under the stable name", language: "java", text: list, names: []string{"db.query.text"}, want: true},
		{name: "list under both", language: "java", text: list, names: []string{"db.statement", "db.query.text"}, want: true},
		{name: "list of Oracle's provider", language: "java", text: list, names: []string{"Original SQL Text"}, want: true},
		{name: "list of datasource-micrometer", language: "java", text: list, names: []string{"jdbc.query[0]"}, want: true},
		{name: "list of two", language: "java", text: "DELETE FROM towels WHERE room IN (?, ?)", names: []string{"db.statement"}, want: true},
		{name: "folded comment", language: "java", text: comment, names: []string{"db.statement"}},
		{name: "comment at the end of another language's", language: "python", text: "SELECT size FROM towels -- all", names: []string{"db.statement"}, want: true},
		{name: "comment at the end, stable", language: "java", text: comment, names: []string{"db.query.text"}, want: true},
		{name: "cut", language: "java", text: long[:agentMaxLength], names: []string{"db.statement"}},
		{name: "cut within a character of two code units", language: "java", text: long[:agentMaxLength-3] + "😀 ", names: []string{"db.statement"}},
		{name: "shorter", language: "java", text: long[:agentMaxLength-9], names: []string{"db.statement"}, want: true},
		{name: "a placeholder before a blank", language: "java", text: blank, names: []string{"db.query.text"}},
		{name: "a placeholder before a blank, to driver 21", driver: OracleJDBCUntil21, language: "java", text: blank, names: []string{"db.query.text"}, want: true},
		{name: "a placeholder before a blank, to driver 23", driver: OracleJDBCFrom23, language: "java", text: blank, names: []string{"db.query.text"}, want: true},
		{name: "a blank at the beginning", language: "java", text: " SELECT size FROM towels", names: []string{"db.query.text"}},
		{name: "a blank at the beginning of a definition", language: "java", text: " DROP TABLE towels", names: []string{"db.query.text"}},
		{name: "a blank at the beginning of a definition, to driver 21", driver: OracleJDBCUntil21, language: "java", text: " DROP TABLE towels", names: []string{"db.query.text"}, want: true},
		{name: "a blank at the beginning, of another language's", language: "go", text: " SELECT size FROM towels", names: []string{"db.query.text"}, want: true},
		{name: "a blank at the beginning, to driver 23", driver: OracleJDBCFrom23, language: "java", text: " SELECT size FROM towels", names: []string{"db.query.text"}, want: true},
		{name: "masked hint", language: "java", text: "SELECT /*+ INDEX(t) FIRST_ROWS(?) */ size FROM towels t WHERE room = ?", names: []string{"db.query.text"}},
		{name: "hint", language: "java", text: "SELECT /*+ FIRST_ROWS(10) */ size /* ? */ FROM towels WHERE room = ?", names: []string{"db.query.text"}, want: true},
		{name: "masked literal", language: "java", text: "SELECT size FROM towels WHERE bought > DATE ? AND room = ?", names: []string{"db.query.text"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			td := ptrace.NewTraces()
			resource := td.ResourceSpans().AppendEmpty()
			if tt.language != "" {
				resource.Resource().Attributes().PutStr("telemetry.sdk.language", tt.language)
			}
			scoped := resource.ScopeSpans().AppendEmpty()
			scoped.Scope().SetName(tt.scope)
			span := scoped.Spans().AppendEmpty()
			span.SetKind(ptrace.SpanKindClient)
			span.Attributes().PutStr("db.system", "oracle")
			for _, name := range tt.names {
				span.Attributes().PutStr(name, tt.text)
			}
			cfg := createDefaultConfig().(*Config)
			cfg.Conventions = ConventionsBoth
			cfg.OracleJDBCDriver = cmp.Or(tt.driver, cfg.OracleJDBCDriver)
			for range 2 { // the second pass is that of another collector
				_, err := newTestEnricher(t, cfg).processTraces(t.Context(), td)
				require.NoError(t, err)
				_, got := span.Attributes().Get(apmOracleSQLID)
				assert.Equal(t, tt.want, got)
			}
		})
	}
}
