// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLookupSystem(t *testing.T) {
	tests := []struct {
		names          []string
		legacy, stable string
	}{
		{[]string{"oracle", "oracle.db", "oracledb", "ORACLE", "cx_Oracle", "Oracle.ManagedDataAccess.Core", "oracle.jdbc.OracleDriver", "oracle+oracledb"}, "oracle", "oracle.db"},
		{[]string{"postgresql", "postgres", "PostgreSQL", "pg", "psycopg2", "org.postgresql.Driver", "Npgsql"}, "postgresql", "postgresql"},
		{[]string{"mysql", "mysql2", "com.mysql.cj.jdbc.Driver", "mysqli"}, "mysql", "mysql"},
		{[]string{"mariadb"}, "mariadb", "mariadb"},
		{[]string{"mssql", "microsoft.sql_server", "sqlserver", "tedious"}, "mssql", "microsoft.sql_server"},
		{[]string{"sqlite", "sqlite3", "better-sqlite3"}, "sqlite", "sqlite"},
		{[]string{"mongodb", "mongo"}, "mongodb", "mongodb"},
		{[]string{"redis", "ioredis"}, "redis", "redis"},
		// Every value that changed between the generations.
		{[]string{"adabas", "softwareag.adabas"}, "adabas", "softwareag.adabas"},
		{[]string{"cosmosdb", "azure.cosmosdb"}, "cosmosdb", "azure.cosmosdb"},
		{[]string{"db2", "ibm.db2"}, "db2", "ibm.db2"},
		{[]string{"dynamodb", "aws.dynamodb"}, "dynamodb", "aws.dynamodb"},
		{[]string{"firebird", "firebirdsql"}, "firebird", "firebirdsql"},
		{[]string{"h2", "h2database"}, "h2", "h2database"},
		{[]string{"hanadb", "sap.hana"}, "hanadb", "sap.hana"},
		{[]string{"informix", "ibm.informix"}, "informix", "ibm.informix"},
		{[]string{"ingres", "actian.ingres"}, "ingres", "actian.ingres"},
		{[]string{"intersystems_cache", "intersystems.cache"}, "intersystems_cache", "intersystems.cache"},
		{[]string{"maxdb", "sap.maxdb"}, "maxdb", "sap.maxdb"},
		{[]string{"netezza", "ibm.netezza"}, "netezza", "ibm.netezza"},
		{[]string{"redshift", "aws.redshift"}, "redshift", "aws.redshift"},
		{[]string{"spanner", "gcp.spanner"}, "spanner", "gcp.spanner"},
	}
	for _, tt := range tests {
		for _, name := range tt.names {
			t.Run(name, func(t *testing.T) {
				got, ok := LookupSystem(name)
				require.True(t, ok)
				assert.Equal(t, tt.legacy, got.Legacy)
				assert.Equal(t, tt.stable, got.Stable)
			})
		}
	}
	for _, name := range []string{"", "nosuchdb", strings.Repeat("x", 1000)} {
		_, ok := LookupSystem(name)
		assert.False(t, ok, name)
	}
}

// A name must stand for one system only.
func TestSystemTableIsUnambiguous(t *testing.T) {
	owner := map[string]string{}
	for _, row := range systemTable {
		names := append(strings.Fields(row.aliases), row.system.Legacy)
		if row.system.Stable != row.system.Legacy {
			names = append(names, row.system.Stable)
		}
		for _, name := range names {
			assert.Equal(t, strings.ToLower(name), name, "names are looked up in lower case")
			assert.LessOrEqual(t, len(name), maxSystemName)
			assert.NotContains(t, owner, name, "%s is also %s", row.system.Legacy, owner[name])
			owner[name] = row.system.Legacy
		}
	}
}

func TestLookupScope(t *testing.T) {
	tests := []struct {
		name     string
		system   string
		jdbc     bool
		database bool
	}{
		{"io.opentelemetry.jdbc", "", true, true},
		{"io.opentelemetry.oracle-ucp-11.2", "", false, false}, // pool metrics, no spans
		{"io.opentelemetry.mongo-4.0", "mongodb", false, true},
		{"io.opentelemetry.jedis-4.0", "redis", false, true},
		{"io.opentelemetry.lettuce-5.1", "redis", false, true},
		{"io.opentelemetry.cassandra-4.4", "cassandra", false, true},
		{"io.opentelemetry.elasticsearch-rest-7.0", "elasticsearch", false, true},
		{"io.opentelemetry.vertx-sql-client-4.0", "", false, true},
		{"io.opentelemetry.contrib.php.pdo", "", false, true},
		{"io.opentelemetry.contrib.php.mysqli", "mysql", false, true},
		{"opentelemetry.instrumentation.psycopg2", "postgresql", false, true},
		{"opentelemetry.instrumentation.dbapi", "", false, true},
		{"opentelemetry.instrumentation.sqlalchemy", "", false, true},
		{"opentelemetry.instrumentation.pymongo", "mongodb", false, true},
		{"@opentelemetry/instrumentation-pg", "postgresql", false, true},
		{"@opentelemetry/instrumentation-mysql2", "mysql", false, true},
		{"@opentelemetry/instrumentation-oracledb", "oracle", false, true},
		{"@opentelemetry/instrumentation-ioredis", "redis", false, true},
		{"@opentelemetry/instrumentation-redis-4", "redis", false, true},
		{"@opentelemetry/instrumentation-mongodb", "mongodb", false, true},
		{"opentelemetry-instrumentation-typeorm", "", false, true},
		{"github.com/XSAM/otelsql", "", false, true},
		{"go.opentelemetry.io/contrib/instrumentation/go.mongodb.org/mongo-driver/mongo/otelmongo", "mongodb", false, true},
		{"OpenTelemetry.Instrumentation.SqlClient", "mssql", false, true},
		{"OpenTelemetry.Instrumentation.StackExchangeRedis", "redis", false, true},
		{"OpenTelemetry::Instrumentation::PG", "postgresql", false, true},
		{"Oracle.ManagedDataAccess.Core", "oracle", false, true},
		{"oracle.jdbc.provider.observability.tracers.otel.OTelTracer", "oracle", true, true},
		{"", "", false, false},
		{"io.opentelemetry.netty-4.1", "", false, false},
		{"@opentelemetry/instrumentation-http", "", false, false},
		{"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "", false, false},
		{"my.own.tracer", "", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := LookupScope(tt.name)
			assert.Equal(t, tt.database, got.Database)
			assert.Equal(t, tt.jdbc, got.JDBC)
			assert.Equal(t, tt.system, got.System.Legacy)
		})
	}
}
