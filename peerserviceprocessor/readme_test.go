// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"
)

// The README's table is generated from golden cases.
func TestReadmeTable(t *testing.T) {
	rows := []goldentest.Row{
		{From: "Oracle, Python dbapi ¹", Case: "python_oracledb", Text: "hotel_id"},
		{From: "Oracle, Python dbapi, data source name ¹", Case: "python_oracledb", Text: "dbhost:1521"},
		{From: "Oracle, Python dbapi, TNS descriptor ¹", Case: "python_oracledb", Text: "(description="},
		{From: "Oracle, Node oracledb ¹", Case: "node_oracledb", Text: "oracledb.Connection.execute:SELECT"},
		{From: "Oracle, Java agent ¹", Case: "java_oracle", Text: "SELECT room"},
		{From: "Oracle, Java agent, alias and wallet ¹", Case: "java_oracle_urls", Text: "AS alias_wallet FROM"},
		{From: "Oracle, Java agent, LDAP, stable names ¹", Case: "java_oracle_urls_stable", Text: "AS ldap FROM"},
		{From: "Oracle, Java agent, an Autonomous Database ¹", Case: "java_oracle_urls", Text: "AS tcps_wallet FROM"},
		{From: "Oracle, Java agent 2.31, an Autonomous Database ¹", Case: "java_oracle_urls_2_31", Text: "AS tcps_wallet FROM"},
		{From: "Oracle, Java agent 2.31, `ldaps:` ¹", Case: "java_oracle_urls_2_31", Text: "AS ldaps FROM"},
		{From: "Oracle, Java agent, two hosts, stable names ¹", Case: "java_oracle_urls_stable", Text: "AS hosts FROM"},
		{From: "Oracle, Java agent 2.31, two hosts ¹", Case: "java_oracle_urls_2_31", Text: "AS hosts FROM"},
		{From: "Oracle, Java agent, IPv6 ¹", Case: "java_oracle_urls", Text: "AS ipv6 FROM"},
		{From: "PostgreSQL, Java agent", Case: "java_postgresql", Text: "UPDATE stays"},
		{From: "PostgreSQL, Node prisma", Case: "node_prisma", Text: "SELECT name"},
		{From: "PostgreSQL, Go gorm", Case: "go_gorm_postgres", Text: "UPDATE"},
		{From: "PostgreSQL, Go gorm, a data source name on several lines", Case: "go_gorm_postgres", Text: "AS lines"},
		{From: "PostgreSQL, Go otelsql", Case: "go_otelsql_pgx", Text: "SELECT room"},
		{From: "MySQL, Node mysql2", Case: "node_mysql2", Text: "SELECT room"},
		{From: "SQL Server, Java agent ¹", Case: "java_sqlserver_stable", Text: "SELECT TOP"},
		{From: "SQL Server, Python pymssql ¹", Case: "python_pymssql", Text: "EXEC"},
		{From: "SQLite, Python sqlite3", Case: "python_sqlite3", Text: "ORDER BY price"},
		{From: "Redis, Node ioredis", Case: "node_ioredis", Text: "set session"},
		{From: "Redis, Python", Case: "python_redis", Text: "GET"},
		{From: "MongoDB, Java agent", Case: "java_mongo", Text: "find hotel.orders"},
		{From: "MongoDB, Python pymongo", Case: "python_pymongo", Text: "hotel.find"},
		{From: "DynamoDB, Python boto3", Case: "python_dynamodb", Text: "GetItem"},
		{From: "any, named by the application ²", Case: "default", Text: "hotel-db"},
		{From: "any, named by the application ²", Case: "default", Text: "my-database"},
		{From: "HTTP ²", Case: "default", Text: "http://api"},
	}
	goldentest.Table(t, []string{"From", "In", "`peer.service`"}, rows, func(in, out pcommon.Map) []string {
		place := func(name string, _ pcommon.Value) bool {
			return slices.Contains([]string{
				"db.system", "db.system.name", "db.name", "db.namespace", "db.redis.database_index", "db.connection_string",
				"server.address", "net.peer.name", "service.peer.name", "peer.service", "http.method",
			}, name)
		}
		never := func(string, pcommon.Value) bool { return false }
		name := "none"
		if peer, found := out.Get("peer.service"); found {
			name = goldentest.Code(peer.Str())
		}
		return []string{goldentest.Attributes(in, place, never), name}
	})
}
