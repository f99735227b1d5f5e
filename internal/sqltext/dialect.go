// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// Dialect is a set of lexical rules. The dialects differ in the meaning of a quote, a
// bracket, a backslash and a number sign, which determines where a literal ends.
type Dialect uint8

const (
	// Generic is for an unknown system. Text that the known systems read differently is
	// read so that no literal can survive. The package documentation describes the cost.
	Generic Dialect = iota
	// Oracle is the SQL and PL/SQL of Oracle Database.
	Oracle
	// PostgreSQL also covers compatible systems, such as CockroachDB, Redshift and
	// YugabyteDB.
	PostgreSQL
	// MySQL also covers MariaDB, TiDB and other compatible systems.
	MySQL
	// SQLServer is the Transact-SQL of Microsoft SQL Server and Azure SQL.
	SQLServer
	// SQLite also covers libSQL.
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

// escapes is the meaning of a backslash in a quoted literal.
type escapes uint8

const (
	escapesOpen    escapes = iota // undecided until the first backslash that matters
	escapesNone                   // a plain character
	escapesApply                  // escapes the next character
	escapesUnknown                // cannot be determined: the rest of the text counts as a literal
)

// rules are the lexical rules of a dialect.
type rules struct {
	escapes       escapes // the meaning of a backslash in '…'
	backtick      bool    // `…` is an identifier
	bracket       bool    // […] is an identifier
	dollarQuote   bool    // $tag$…$tag$ is a literal
	qQuote        bool    // q'[…]' is a literal
	eQuote        bool    // E'…' is a literal with backslash escapes
	nestedComment bool    // comments nest: /* /* */ */
	numberSign    bool    // # starts a comment
	blankDashes   bool    // -- starts a comment only before white space
	dbLink        bool    // table@link is a name
	strictDouble  bool    // "…" is always an identifier
}

var dialectRules = [...]rules{
	Generic:    {backtick: true, dollarQuote: true, qQuote: true, eQuote: true, dbLink: true},
	Oracle:     {escapes: escapesNone, qQuote: true, dbLink: true, strictDouble: true},
	PostgreSQL: {dollarQuote: true, eQuote: true, nestedComment: true, strictDouble: true},
	MySQL:      {backtick: true, numberSign: true, blankDashes: true},
	SQLServer:  {escapes: escapesNone, bracket: true, nestedComment: true},
	SQLite:     {escapes: escapesNone, backtick: true, bracket: true},
}
