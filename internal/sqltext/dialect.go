// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "strings"

// Dialect says by whose lexical rules a text is read. The rules differ in what a
// quote, a bracket, a backslash or a number sign means, which decides where a
// literal ends.
type Dialect uint8

const (
	// Generic is for a system that is not known. What the known systems read
	// differently is read so that no literal can survive; see the package
	// documentation for what that costs.
	Generic Dialect = iota
	// Oracle is Oracle Database, SQL and PL/SQL.
	Oracle
	// PostgreSQL is also for the systems that speak its language, such as
	// CockroachDB, Redshift and YugabyteDB.
	PostgreSQL
	// MySQL is also for MariaDB, TiDB and the others of the family.
	MySQL
	// SQLServer is Microsoft SQL Server and Azure SQL, Transact-SQL.
	SQLServer
	// SQLite is also for libSQL.
	SQLite
)

var dialectNames = [...]string{"generic", "oracle", "postgresql", "mysql", "sqlserver", "sqlite"}

// String returns the dialect's name in lower case.
func (d Dialect) String() string {
	return dialectNames[d.known()]
}

// known maps a value outside the constants to Generic.
func (d Dialect) known() Dialect {
	if int(d) < len(dialectNames) {
		return d
	}
	return Generic
}

// DialectOf returns the dialect for a value of db.system (semantic conventions
// 1.24 and older) or db.system.name (1.33 and newer), also for the product and
// driver names that applications send in their place. What is not known is
// Generic.
func DialectOf(system string) Dialect {
	switch strings.ToLower(system) {
	case "oracle", "oracle.db", "oracledb", "oracle_db":
		return Oracle
	case "postgresql", "postgres", "pg", "pgsql", "cockroachdb", "cockroach",
		"redshift", "aws.redshift", "yugabytedb", "yugabyte", "timescaledb", "greenplum",
		"edb", "enterprisedb", "alloydb", "gcp.alloydb", "opengauss", "materialize":
		return PostgreSQL
	case "mysql", "mysql2", "mariadb", "tidb", "singlestore", "memsql", "oceanbase",
		"percona", "vitess", "planetscale", "starrocks", "doris", "aurora_mysql":
		return MySQL
	case "mssql", "sqlserver", "sql_server", "microsoft.sql_server", "mssqlcompact", "azure_sql":
		return SQLServer
	case "sqlite", "sqlite3", "libsql", "turso":
		return SQLite
	}
	return Generic
}

// escapes says what a backslash in a quoted literal does.
type escapes uint8

const (
	escapesOpen    escapes = iota // not known: decided at the first backslash that matters
	escapesNone                   // nothing
	escapesApply                  // takes the next character's meaning away
	escapesUnknown                // cannot be known: everything from there on is taken for a literal
)

// rules are a dialect's lexical rules.
type rules struct {
	escapes       escapes // in '…'
	backtick      bool    // `…` is an identifier
	bracket       bool    // […] is an identifier
	dollarQuote   bool    // $tag$…$tag$ is a literal
	qQuote        bool    // q'[…]' is a literal
	eQuote        bool    // E'…' is a literal with backslash escapes
	nestedComment bool    // /* /* */ */
	numberSign    bool    // # starts a comment
	blankDashes   bool    // -- starts a comment only before a blank
	dbLink        bool    // table@link
	strictDouble  bool    // "…" is an identifier wherever it stands
}

var dialectRules = [...]rules{
	Generic:    {backtick: true, dollarQuote: true, qQuote: true, eQuote: true, dbLink: true},
	Oracle:     {escapes: escapesNone, qQuote: true, dbLink: true, strictDouble: true},
	PostgreSQL: {dollarQuote: true, eQuote: true, nestedComment: true, strictDouble: true},
	MySQL:      {backtick: true, numberSign: true, blankDashes: true},
	SQLServer:  {escapes: escapesNone, bracket: true, nestedComment: true},
	SQLite:     {escapes: escapesNone, backtick: true, bracket: true},
}
