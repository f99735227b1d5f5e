// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// Language is what the statements of a database system are written in.
type Language uint8

const (
	// LanguageOther is none of the languages below.
	LanguageOther Language = iota
	// LanguageSQL is SQL, and what reads like it: CQL, N1QL, InfluxQL.
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
}

// OtherSQL is an unknown SQL database, by the name that the conventions give it.
var OtherSQL = System{Legacy: otherSQL, Stable: otherSQL, Language: LanguageSQL}

const otherSQL = "other_sql"

// Oracle is Oracle Database.
var Oracle = System{Legacy: "oracle", Stable: "oracle.db", Language: LanguageSQL}

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

// systemOf is LookupSystem, but takes an unknown name for the name of a product that
// is not in the table.
func systemOf(name string) System {
	if s, ok := LookupSystem(name); ok {
		return s
	}
	return System{Legacy: name, Stable: name}
}

// maxSystemName is a length in bytes that no name in the table exceeds.
const maxSystemName = 64

// systemTable has the products of the conventions, each with the other names that
// instrumentations, drivers and URLs have for it. Source: attribute registry of
// semantic-conventions, db.system and db.system.name.
var systemTable = []struct {
	system  System
	aliases string
}{
	{Oracle, "oracledb oracle_db oracle-db ora oracledatabase oci oci8 cx_oracle godror go-ora ojdbc " +
		"oracle.jdbc.oracledriver oracle.jdbc.driver.oracledriver oracle.manageddataaccess oracle.manageddataaccess.core oracle.manageddataaccess.client " +
		"oracle+cx_oracle oracle+oracledb oracle+oracledb_async pdo_oci"},
	{sql("postgresql"), "postgres pg pgx pgsql psql postgis postgre psycopg psycopg2 asyncpg npgsql pdo_pgsql aurora-postgres aurora-postgresql timescaledb " +
		"org.postgresql.driver postgresql+psycopg2 postgresql+psycopg postgresql+asyncpg postgresql+pg8000 postgresql+psycopg_async " +
		"alloydb-postgres cloudsql-postgres"},
	{sql("mysql"), "mysql2 mysqlx mysqli mysqldb pymysql aiomysql mysqlconnector mysql-connector mysqlclient pdo_mysql aurora-mysql trilogy connector-net " +
		"com.mysql.jdbc.driver com.mysql.cj.jdbc.driver mysql+pymysql mysql+mysqldb mysql+mysqlconnector mysql+aiomysql mysql+asyncmy cloudsql-mysql"},
	{sql("mariadb"), "mariadbconnector org.mariadb.jdbc.driver mariadb+mariadbconnector mariadb+pymysql"},
	{System{"mssql", "microsoft.sql_server", LanguageSQL}, "sqlserver sql_server mssqlserver ms-sql tedious tds jtds sqlclient pymssql pyodbc pdo_sqlsrv sqlsrv pdo_dblib azuresql " +
		"microsoft.data.sqlclient system.data.sqlclient com.microsoft.sqlserver.jdbc.sqlserverdriver net.sourceforge.jtds.jdbc.driver " +
		"mssql+pyodbc mssql+pymssql mssql+aioodbc"},
	{sql("sqlite"), "sqlite3 better-sqlite3 sqljs pdo_sqlite aiosqlite libsql org.sqlite.jdbc microsoft.data.sqlite sqlite+pysqlite sqlite+aiosqlite"},
	{System{"redis", "redis", LanguageRedis}, "rediss ioredis redis-py jedis lettuce redisson stackexchange.redis"},
	{System{"valkey", "valkey", LanguageRedis}, "valkeys iovalkey"},
	{System{"memcached", "memcached", LanguageMemcached}, "memcache spymemcached pymemcache"},
	{System{"mongodb", "mongodb", LanguageMongo}, "mongo mongodb+srv mongoose pymongo"},
	{System{"elasticsearch", "elasticsearch", LanguageSearch}, "elastic"},
	{System{"opensearch", "opensearch", LanguageSearch}, ""},
	{sql("cassandra"), "cassandra-driver scylladb scylla"},
	{sql("clickhouse"), "clickhousehttp"},
	{sql("cockroachdb"), "cockroach crdb"},
	{System{"db2", "ibm.db2", LanguageSQL}, "ibm_db ibmdb2 as400 com.ibm.db2.jcc.db2driver"},
	{System{"derby", "derby", LanguageSQL}, "apache.derby org.apache.derby.jdbc.embeddeddriver"},
	{System{"h2", "h2database", LanguageSQL}, "org.h2.driver"},
	{sql("hsqldb"), "hsql org.hsqldb.jdbc.jdbcdriver"},
	{System{"hanadb", "sap.hana", LanguageSQL}, "hana sap hdb"},
	{System{"informix", "ibm.informix", LanguageSQL}, "informix-sqli informix-direct"},
	{System{"ingres", "actian.ingres", LanguageSQL}, ""},
	{System{"intersystems_cache", "intersystems.cache", LanguageSQL}, "cache intersystems iris"},
	{System{"maxdb", "sap.maxdb", LanguageSQL}, "sapdb"},
	{System{"netezza", "ibm.netezza", LanguageSQL}, ""},
	{System{"firebird", "firebirdsql", LanguageSQL}, "firebirdsql.driver"},
	{System{"adabas", "softwareag.adabas", LanguageSQL}, ""},
	{System{"redshift", "aws.redshift", LanguageSQL}, "com.amazon.redshift.jdbc.driver redshift+psycopg2"},
	{System{"spanner", "gcp.spanner", LanguageSQL}, "cloudspanner"},
	{System{"cosmosdb", "azure.cosmosdb", LanguageSQL}, "cosmos documentdb"},
	{System{"dynamodb", "aws.dynamodb", LanguageOther}, ""},
	{System{"sybase", "sybase", LanguageSQL}, ""},
	{sql("snowflake"), "net.snowflake.client.jdbc.snowflakedriver"},
	{sql("teradata"), ""},
	{sql("trino"), "prestosql"},
	{sql("presto"), "prestodb"},
	{sql("hive"), "hive2"},
	{sql("vertica"), ""},
	{sql("pervasive"), ""},
	{sql("pointbase"), ""},
	{sql("progress"), "openedge"},
	{sql("instantdb"), ""},
	{sql("interbase"), ""},
	{sql("edb"), "enterprisedb"},
	{sql("filemaker"), ""},
	{sql("firstsql"), ""},
	{sql("cloudscape"), ""},
	{sql("coldfusion"), ""},
	{sql("mssqlcompact"), ""},
	{sql("duckdb"), ""},
	{sql("tidb"), ""},
	{sql("yugabytedb"), "yugabyte ysql"},
	{sql("singlestore"), "memsql"},
	{sql("oceanbase"), ""},
	{sql("polardb"), ""},
	{sql("databricks"), ""},
	{sql("bigquery"), ""},
	{sql("couchbase"), ""},
	{sql("influxdb"), "influx"},
	{System{"couchdb", "couchdb", LanguageOther}, ""},
	{System{"neo4j", "neo4j", LanguageOther}, "bolt neo4j+s bolt+s"},
	{System{"hbase", "hbase", LanguageOther}, ""},
	{System{"geode", "geode", LanguageSQL}, ""},
	{OtherSQL, "other-sql"},
}

// vague reports whether a value of db.system tells no more than that there is a
// database. Other sources are then better.
func vague(name string) bool {
	switch name {
	case otherSQL, "sql", "jdbc", "odbc", "database", "db", "unknown", "other":
		return true
	default:
		return false
	}
}

var systems = indexSystems()

func indexSystems() map[string]*System {
	index := make(map[string]*System, 4*len(systemTable))
	for i := range systemTable {
		row := &systemTable[i]
		index[row.system.Legacy] = &row.system
		index[row.system.Stable] = &row.system
		for alias := range strings.FieldsSeq(row.aliases) {
			index[alias] = &row.system
		}
	}
	return index
}

func sql(name string) System {
	return System{Legacy: name, Stable: name, Language: LanguageSQL}
}
