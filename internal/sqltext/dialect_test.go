// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDialectOf(t *testing.T) {
	for d, systems := range map[Dialect][]string{
		Oracle:     {"oracle", "oracle.db", "oracledb", "Oracle"},
		PostgreSQL: {"postgresql", "postgres", "cockroachdb", "redshift", "aws.redshift", "yugabytedb"},
		MySQL:      {"mysql", "mysql2", "mariadb", "MariaDB", "tidb"},
		SQLServer:  {"mssql", "microsoft.sql_server", "sqlserver"},
		SQLite:     {"sqlite", "sqlite3"},
		Generic:    {"", "other_sql", "db2", "ibm.db2", "h2", "h2database", "sap.hana", "clickhouse", "mongodb", "nonsense"},
	} {
		for _, s := range systems {
			assert.Equal(t, d, DialectOf(s), s)
		}
	}
}

func TestDialectString(t *testing.T) {
	assert.Equal(t, "oracle", Oracle.String())
	assert.Equal(t, "sqlite", SQLite.String())
	assert.Equal(t, "generic", Dialect(200).String())
	assert.Equal(t, "SELECT ?", Sanitize("SELECT 1", Dialect(200)))
}
