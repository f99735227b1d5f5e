// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"
)

// The table in the README must agree with the golden cases.
func TestReadmeTable(t *testing.T) {
	rows := []goldentest.Row{
		{From: "Oracle, Python dbapi ¹", Case: "python_oracledb", Text: "hotel_id"},
		{From: "Oracle, Python dbapi, data source name ¹", Case: "python_oracledb", Text: "dbhost:1521"},
		{From: "Oracle, Java agent ¹", Case: "java_oracle", Text: "SELECT room"},
		{From: "Oracle, Java agent, stable names ¹", Case: "java_oracle_stable", Text: "BEGIN book_room"},
		{From: "Oracle, Java agent 2.31, an Autonomous Database ¹", Case: "java_oracle_urls_2_31_stable", Text: "AS tcps FROM"},
		{From: "Oracle, Java agent, IPv6, stable names ¹", Case: "java_oracle_urls_stable", Text: "AS ipv6 FROM"},
		{From: "Oracle, Node oracledb ¹", Case: "node_oracledb_statements", Text: "SELECT room"},
		{From: "Oracle JDBC observability provider ²", Case: "transcribed_oracle_jdbc_provider", Text: "SELECT ename"},
		{From: "Oracle, Spring's datasource-micrometer ¹", Case: "spring_boot3", Text: "SELECT room"},
		{From: "PostgreSQL, Node pg", Case: "node_pg", Text: "SELECT room"},
		{From: "PostgreSQL, Java agent", Case: "java_postgresql", Text: "UPDATE stays"},
		{From: "PostgreSQL, Node prisma", Case: "node_prisma", Text: "SELECT name"},
		{From: "PostgreSQL, Go gorm", Case: "go_gorm_postgres", Text: "UPDATE"},
		{From: "PostgreSQL, Go gorm, a data source name on several lines", Case: "go_gorm_postgres", Text: "AS lines"},
		{From: "PostgreSQL, Go otelsql", Case: "go_otelsql_pgx", Text: "SELECT room"},
		{From: "MySQL, Node mysql2", Case: "node_mysql2", Text: "SELECT room"},
		{From: "MySQL, Python mysql-connector", Case: "python_mysql", Text: "ORDER BY price"},
		{From: "SQL Server, Java agent ¹", Case: "java_sqlserver_stable", Text: "SELECT TOP"},
		{From: "SQL Server, Python pymssql ¹", Case: "python_pymssql", Text: "EXEC"},
		{From: "SQLite, Python sqlite3", Case: "python_sqlite3", Text: "ORDER BY price"},
		{From: "Redis, Node ioredis", Case: "node_ioredis", Text: "set session"},
		{From: "Redis, Go redisotel, a pipeline", Case: "go_redisotel", Text: "incr visits"},
		{From: "MongoDB, Java agent", Case: "java_mongo", Text: "find hotel.orders"},
		{From: "MongoDB, Node mongodb", Case: "node_mongodb_reporting", Text: "aggregate"},
		{From: "MongoDB, Python pymongo", Case: "python_pymongo", Text: "hotel.find"},
	}
	goldentest.Table(t, []string{"From", "In", "Added"}, rows, func(in, out pcommon.Map) []string {
		database := func(name string, _ pcommon.Value) bool {
			for _, prefix := range []string{"db.", "server.", "net.peer.", "oracle.", "SQL ", "Original ", "Actual ", "jdbc.query", "jdbc.datasource.driver"} {
				if strings.HasPrefix(name, prefix) {
					return true
				}
			}
			return false
		}
		added := func(name string, _ pcommon.Value) bool {
			_, sent := in.Get(name)
			return !sent
		}
		never := func(string, pcommon.Value) bool { return false }
		// A value that the application sent under another name.
		copied := func(_ string, value pcommon.Value) bool {
			for _, sent := range in.All() {
				if value.Equal(sent) {
					return true
				}
			}
			return false
		}
		return []string{goldentest.Attributes(in, database, never), goldentest.Attributes(out, added, copied)}
	})
}
