// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// Language is the language of a database system's statements.
type Language uint8

const (
	// LanguageUnknown is the language of a product that is not in the table.
	LanguageUnknown Language = iota
	// LanguageOther is a known language other than those below.
	LanguageOther
	// LanguageSQL is SQL and languages like it: CQL, N1QL, InfluxQL.
	LanguageSQL
	// LanguageRedis is the commands of Redis and Valkey.
	LanguageRedis
	// LanguageMemcached is the commands of Memcached.
	LanguageMemcached
	// LanguageMongo is the commands of MongoDB in JSON.
	LanguageMongo
	// LanguageSearch is the JSON of Elasticsearch and OpenSearch.
	LanguageSearch
)

// System is a database product with its names in both generations of the
// conventions. The zero value stands for no product.
type System struct {
	// Legacy is the value of db.system, such as "oracle".
	Legacy string
	// Stable is the value of db.system.name, such as "oracle.db".
	Stable string
	// Language is the language of its statements.
	Language Language
	// Dialect is the dialect of its SQL.
	Dialect sqltext.Dialect
}

// OtherSQL is an unknown SQL database, by the name that the conventions give it.
var OtherSQL = System{Legacy: otherSQL, Stable: otherSQL, Language: LanguageSQL}

const otherSQL = "other_sql"

// Oracle is Oracle Database.
var Oracle = System{Legacy: "oracle", Stable: "oracle.db", Language: LanguageSQL, Dialect: sqltext.Oracle}

// IsZero reports whether s stands for no product.
func (s System) IsZero() bool { return s.Legacy == "" }

// LookupSystem finds a system by its value of db.system or db.system.name, by the
// name of a driver, by a JDBC subprotocol or by a URL scheme, in any case.
func LookupSystem(name string) (System, bool) {
	if s, ok := systems[name]; ok {
		return *s, true
	}
	if len(name) > maxSystemName {
		return System{}, false
	}
	s, ok := systems[strings.ToLower(name)]
	if !ok {
		return System{}, false
	}
	return *s, true
}

// systemOf is LookupSystem, except that it regards an unknown name as a product that is
// not in the table.
func systemOf(name string) System {
	if s, ok := LookupSystem(name); ok {
		return s
	}
	return System{Legacy: name, Stable: name}
}

// maxSystemName is an upper limit for the length of the names in the table in bytes.
const maxSystemName = 64

// systemTable has the products of the conventions, each with the other names that
// instrumentations, drivers and URLs have for it. Source: attribute registry of
// semantic-conventions, db.system and db.system.name.
var systemTable = []struct {
	system  System
	aliases string
	dialect sqltext.Dialect
}{
	{Oracle, "oracledb oracle_db oracle-db ora oracledatabase oci oci8 cx_oracle godror go-ora ojdbc " +
		"oracle.jdbc.oracledriver oracle.jdbc.driver.oracledriver oracle.manageddataaccess oracle.manageddataaccess.core oracle.manageddataaccess.client " +
		"oracle+cx_oracle oracle+oracledb oracle+oracledb_async pdo_oci", sqltext.Oracle},
	{sql("postgresql"), "postgres pg pgx pgsql psql postgis postgre psycopg psycopg2 asyncpg npgsql pdo_pgsql aurora-postgres aurora-postgresql timescaledb " +
		"org.postgresql.driver postgresql+psycopg2 postgresql+psycopg postgresql+asyncpg postgresql+pg8000 postgresql+psycopg_async " +
		"alloydb-postgres cloudsql-postgres", sqltext.PostgreSQL},
	{sql("mysql"), "mysql2 mysqlx mysqli mysqldb pymysql aiomysql mysqlconnector mysql-connector mysqlclient pdo_mysql aurora-mysql trilogy connector-net " +
		"com.mysql.jdbc.driver com.mysql.cj.jdbc.driver mysql+pymysql mysql+mysqldb mysql+mysqlconnector mysql+aiomysql mysql+asyncmy cloudsql-mysql", sqltext.MySQL},
	{sql("mariadb"), "mariadbconnector org.mariadb.jdbc.driver mariadb+mariadbconnector mariadb+pymysql", sqltext.MySQL},
	{named("mssql", "microsoft.sql_server", LanguageSQL), "sqlserver sql_server mssqlserver ms-sql tedious tds jtds sqlclient pymssql pyodbc pdo_sqlsrv sqlsrv pdo_dblib dblib azuresql " +
		"microsoft.data.sqlclient system.data.sqlclient com.microsoft.sqlserver.jdbc.sqlserverdriver net.sourceforge.jtds.jdbc.driver " +
		"mssql+pyodbc mssql+pymssql mssql+aioodbc", sqltext.SQLServer},
	{sql("sqlite"), "sqlite3 better-sqlite3 sqljs pdo_sqlite aiosqlite libsql org.sqlite.jdbc microsoft.data.sqlite sqlite+pysqlite sqlite+aiosqlite", sqltext.SQLite},
	{named("redis", "redis", LanguageRedis), "rediss redis-socket ioredis redis-py jedis lettuce redisson stackexchange.redis", sqltext.Generic},
	{named("valkey", "valkey", LanguageRedis), "valkeys iovalkey", sqltext.Generic},
	{named("memcached", "memcached", LanguageMemcached), "memcache spymemcached pymemcache", sqltext.Generic},
	{named("mongodb", "mongodb", LanguageMongo), "mongo mongodb+srv mongoose pymongo", sqltext.Generic},
	{named("elasticsearch", "elasticsearch", LanguageSearch), "elastic", sqltext.Generic},
	{named("opensearch", "opensearch", LanguageSearch), "", sqltext.Generic},
	{sql("cassandra"), "cassandra-driver scylladb scylla", sqltext.Generic},
	{sql("clickhouse"), "clickhousehttp ch", sqltext.Generic},
	{sql("cockroachdb"), "cockroach crdb", sqltext.PostgreSQL},
	{named("db2", "ibm.db2", LanguageSQL), "ibm_db ibmdb2 as400 db2luw db2zos com.ibm.db2.jcc.db2driver", sqltext.Generic},
	{named("derby", "derby", LanguageSQL), "apache.derby org.apache.derby.jdbc.embeddeddriver", sqltext.Generic},
	{named("h2", "h2database", LanguageSQL), "org.h2.driver", sqltext.Generic},
	{sql("hsqldb"), "hsql org.hsqldb.jdbc.jdbcdriver", sqltext.Generic},
	{named("hanadb", "sap.hana", LanguageSQL), "hana sap hdb sap_hana", sqltext.Generic},
	{named("informix", "ibm.informix", LanguageSQL), "informix-sqli informix-direct", sqltext.Generic},
	{named("ingres", "actian.ingres", LanguageSQL), "", sqltext.Generic},
	{named("intersystems_cache", "intersystems.cache", LanguageSQL), "cache intersystems iris", sqltext.Generic},
	{named("maxdb", "sap.maxdb", LanguageSQL), "sapdb", sqltext.Generic},
	{named("netezza", "ibm.netezza", LanguageSQL), "", sqltext.Generic},
	{named("firebird", "firebirdsql", LanguageSQL), "firebirdsql.driver", sqltext.Generic},
	{named("adabas", "softwareag.adabas", LanguageSQL), "", sqltext.Generic},
	{named("redshift", "aws.redshift", LanguageSQL), "com.amazon.redshift.jdbc.driver redshift+psycopg2", sqltext.PostgreSQL},
	{named("spanner", "gcp.spanner", LanguageSQL), "cloudspanner", sqltext.Generic},
	{named("cosmosdb", "azure.cosmosdb", LanguageSQL), "cosmos documentdb", sqltext.Generic},
	{named("dynamodb", "aws.dynamodb", LanguageOther), "", sqltext.Generic},
	{named("sybase", "sybase", LanguageSQL), "", sqltext.Generic},
	{sql("snowflake"), "net.snowflake.client.jdbc.snowflakedriver", sqltext.Generic},
	{sql("teradata"), "", sqltext.Generic},
	{sql("trino"), "prestosql", sqltext.Generic},
	{sql("presto"), "prestodb", sqltext.Generic},
	{sql("hive"), "hive2 apache.hive apache_hive", sqltext.Generic},
	{sql("vertica"), "", sqltext.Generic},
	{sql("pervasive"), "", sqltext.Generic},
	{sql("pointbase"), "", sqltext.Generic},
	{sql("progress"), "openedge", sqltext.Generic},
	{sql("instantdb"), "", sqltext.Generic},
	{sql("interbase"), "", sqltext.Generic},
	{sql("edb"), "enterprisedb", sqltext.PostgreSQL},
	{sql("filemaker"), "", sqltext.Generic},
	{sql("firstsql"), "", sqltext.Generic},
	{sql("cloudscape"), "", sqltext.Generic},
	{sql("coldfusion"), "", sqltext.Generic},
	{sql("mssqlcompact"), "", sqltext.SQLServer},
	{sql("duckdb"), "", sqltext.Generic},
	{sql("tidb"), "", sqltext.MySQL},
	{sql("yugabytedb"), "yugabyte ysql", sqltext.PostgreSQL},
	{sql("singlestore"), "memsql", sqltext.MySQL},
	{sql("oceanbase"), "", sqltext.MySQL},
	{sql("polardb"), "", sqltext.Generic},
	{sql("databricks"), "", sqltext.Generic},
	{sql("bigquery"), "gcp.bigquery google_bigquery", sqltext.Generic},
	{sql("couchbase"), "couchbases", sqltext.Generic},
	{sql("influxdb"), "influx", sqltext.Generic},
	{named("couchdb", "couchdb", LanguageOther), "", sqltext.Generic},
	{named("neo4j", "neo4j", LanguageOther), "bolt neo4j+s bolt+s", sqltext.Generic},
	{named("hbase", "hbase", LanguageOther), "", sqltext.Generic},
	{named("geode", "geode", LanguageSQL), "", sqltext.Generic},
	{sql("greenplum"), "gpdb", sqltext.PostgreSQL},
	{named("alloydb", "gcp.alloydb", LanguageSQL), "", sqltext.PostgreSQL},
	{sql("opengauss"), "gaussdb gaussdb200", sqltext.PostgreSQL},
	{sql("materialize"), "", sqltext.PostgreSQL},
	{sql("risingwave"), "", sqltext.PostgreSQL},
	{sql("kingbase"), "kingbase8 kingbasees", sqltext.PostgreSQL},
	{sql("questdb"), "", sqltext.PostgreSQL},
	{sql("cratedb"), "crate", sqltext.PostgreSQL},
	{sql("percona"), "percona-server", sqltext.MySQL},
	{sql("vitess"), "", sqltext.MySQL},
	{sql("planetscale"), "", sqltext.MySQL},
	{sql("starrocks"), "", sqltext.MySQL},
	{sql("doris"), "selectdb", sqltext.MySQL},
	{sql("aurora_mysql"), "", sqltext.MySQL},
	{sql("azure_sql"), "azure_synapse synapse", sqltext.SQLServer},
	{sql("turso"), "", sqltext.SQLite},
	{sql("timesten"), "oracle.timesten oracle_timesten", sqltext.Oracle},
	{sql("dameng"), "dm", sqltext.Oracle},
	{named("athena", "aws.athena", LanguageSQL), "awsathena aws_athena amazon_athena", sqltext.Generic},
	{sql("spark"), "sparksql spark_sql spark-sql apache_spark apache.spark", sqltext.Generic},
	{sql("impala"), "apache.impala apache_impala", sqltext.Generic},
	{sql("drill"), "", sqltext.Generic},
	{sql("druid"), "avatica", sqltext.Generic},
	{sql("dremio"), "", sqltext.Generic},
	{sql("exasol"), "exa", sqltext.Generic},
	{sql("firebolt"), "", sqltext.Generic},
	{sql("flink"), "", sqltext.Generic},
	{sql("ignite"), "", sqltext.Generic},
	{sql("kylin"), "", sqltext.Generic},
	{sql("ksqldb"), "ksql", sqltext.Generic},
	{sql("monetdb"), "", sqltext.Generic},
	{sql("nuodb"), "", sqltext.Generic},
	{sql("phoenix"), "", sqltext.Generic},
	{sql("pinot"), "", sqltext.Generic},
	{sql("rockset"), "", sqltext.Generic},
	{sql("tdengine"), "taos taos-rs taos-ws", sqltext.Generic},
	{sql("ydb"), "", sqltext.Generic},
	{OtherSQL, "other-sql", sqltext.Generic},
}

// vague reports whether a value of db.system names no product or is a connection
// string. Other sources are then better.
func vague(name string) bool {
	switch name {
	case otherSQL, "sql", "jdbc", "odbc", "database", "db", "unknown", "other":
		return true
	default:
		return !isPlain(name) && HoldsSecret(name)
	}
}

var systems = indexSystems()

func indexSystems() map[string]*System {
	index := make(map[string]*System, 4*len(systemTable))
	for i := range systemTable {
		row := &systemTable[i]
		row.system.Dialect = row.dialect
		index[row.system.Legacy] = &row.system
		index[row.system.Stable] = &row.system
		for alias := range strings.FieldsSeq(row.aliases) {
			index[alias] = &row.system
		}
	}
	return index
}

func sql(name string) System { return named(name, name, LanguageSQL) }

func named(legacy, stable string, language Language) System {
	return System{Legacy: legacy, Stable: stable, Language: language}
}
