// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

type tableCase struct {
	d             Dialect
	text, summary string
	collections   []string
}

func runTables(t *testing.T, cases []tableCase) {
	t.Helper()
	for _, tt := range cases {
		a, sanitized := AnalyzeAndSanitize(tt.text, tt.d)
		assert.Equal(t, tt.summary, a.Summary, tt.text)
		assert.Equal(t, tt.collections, a.Collections, tt.text)
		assert.Equal(t, a.Summary, Analyze(sanitized, tt.d).Summary, "sanitized: %s", sanitized)
	}
}

// TestNamesOfWith reads names of WITH that also name tables.
func TestNamesOfWith(t *testing.T) {
	runTables(t, []tableCase{
		{PostgreSQL, "WITH towels AS (SELECT * FROM towels WHERE a = 1) SELECT * FROM towels JOIN sheets ON 1 = 1", "SELECT towels SELECT sheets", []string{"towels", "sheets"}},
		{MySQL, "WITH `towels` AS (SELECT * FROM `towels`), s (a) AS (SELECT a FROM towels, s) SELECT * FROM s", "SELECT `towels` SELECT s SELECT", []string{"`towels`", "s"}},
		{PostgreSQL, "WITH t AS (WITH s AS (SELECT * FROM t) SELECT * FROM s) (SELECT * FROM t, s)", "SELECT t SELECT SELECT s", []string{"t", "s"}},
		{PostgreSQL, "WITH t AS (DELETE FROM t RETURNING *) INSERT INTO s SELECT * FROM t", "DELETE t INSERT s SELECT", []string{"t", "s"}},
		{PostgreSQL, "WITH t AS (SELECT * FROM (SELECT * FROM t) q, s) SELECT * FROM t", "SELECT SELECT s SELECT", []string{"s"}},
		{PostgreSQL, "WITH t AS (TABLE t) TABLE t", "TABLE t TABLE", []string{"t"}},
		{PostgreSQL, "WITH RECURSIVE t AS (SELECT * FROM s UNION ALL SELECT * FROM t) SELECT * FROM t", "SELECT s SELECT SELECT", []string{"s"}},
		// Systems that have recursion without RECURSIVE.
		{Oracle, "WITH t (a) AS (SELECT a FROM s UNION ALL SELECT a FROM t) SELECT a FROM t", "SELECT s SELECT SELECT", []string{"s"}},
		{SQLServer, "WITH t AS (SELECT a FROM s UNION ALL SELECT a FROM t) SELECT a FROM t", "SELECT s SELECT SELECT", []string{"s"}},
		{Generic, "WITH t (a) AS (SELECT a FROM s UNION ALL SELECT a FROM t) SELECT a FROM t", "SELECT s SELECT SELECT", []string{"s"}},
		{Generic, "WITH t AS (SELECT a FROM t) SELECT a FROM t", "SELECT t SELECT", []string{"t"}},
		// The end of a sub-query ends its WITH.
		{SQLServer, "SELECT * FROM (WITH t AS (SELECT * FROM s) SELECT * FROM t) q JOIN t ON 1 = 1", "SELECT SELECT s SELECT t", []string{"s", "t"}},
		{PostgreSQL, "WITH s AS (SELECT 1) SELECT * FROM (WITH t AS (SELECT * FROM s) (SELECT * FROM t)) q, t, s", "SELECT SELECT SELECT SELECT t", []string{"t"}},
	})
}

// TestListsOfTables reads statements that change several tables.
func TestListsOfTables(t *testing.T) {
	runTables(t, []tableCase{
		{PostgreSQL, `TRUNCATE "towels", spa.sheets RESTART IDENTITY CASCADE`, `TRUNCATE "towels" spa.sheets`, []string{`"towels"`, "spa.sheets"}},
		{PostgreSQL, "TRUNCATE TABLE towels, sheets", "TRUNCATE TABLE towels sheets", []string{"towels", "sheets"}},
		{MySQL, "RENAME TABLE towels TO t, spa.sheets TO s", "RENAME TABLE towels spa.sheets", []string{"towels", "spa.sheets"}},
		{Oracle, "RENAME towels TO sheets", "RENAME towels", []string{"towels"}},
	})
}

// TestDatabaseLinks reads Oracle's database links with quotes, blanks and comments.
func TestDatabaseLinks(t *testing.T) {
	runTables(t, []tableCase{
		{Oracle, `SELECT * FROM "Spa"."Towels"@"Far" t, spa.sheets@"Far".x, beds`, `SELECT "Spa"."Towels"@"Far" spa.sheets@"Far".x beds`, []string{`"Spa"."Towels"@"Far"`, `spa.sheets@"Far".x`, "beds"}},
		{Oracle, `INSERT INTO towels @ far (a) SELECT a FROM spa . sheets@ "Far"`, `INSERT towels@far SELECT spa.sheets@"Far"`, []string{"towels@far", `spa.sheets@"Far"`}},
		{Oracle, "DELETE towels /* x */ @far.example WHERE a = 1", "DELETE towels@far.example", []string{"towels@far.example"}},
		{Oracle, "SELECT * FROM towels @", "SELECT towels", []string{"towels"}},
	})
}

// TestJoinedNames reads names with marks that are operators elsewhere.
func TestJoinedNames(t *testing.T) {
	runTables(t, []tableCase{
		{Generic, "SELECT a-b.c FROM my-spa.hotel.towels t JOIN spa-2-x.sheets ON 1-a.b = 1, region-us.INFORMATION_SCHEMA.JOBS", "SELECT my-spa.hotel.towels spa-2-x.sheets region-us.INFORMATION_SCHEMA.JOBS", []string{"my-spa.hotel.towels", "spa-2-x.sheets", "region-us.INFORMATION_SCHEMA.JOBS"}},
		{Generic, "INSERT INTO my-spa.towels (a) VALUES (1); DELETE FROM my-spa.`sheets`; DROP TABLE my-spa.beds", "INSERT my-spa.towels; DELETE my-spa.`sheets`; DROP TABLE my-spa.beds", []string{"my-spa.towels", "my-spa.`sheets`", "my-spa.beds"}},
		{Generic, "SELECT * FROM SPA/TOWELS T JOIN SPA/SHEETS ON A/B = 1", "SELECT SPA/TOWELS SPA/SHEETS", []string{"SPA/TOWELS", "SPA/SHEETS"}},
		{Generic, "SELECT * FROM towels--.b\n, sheets/* x */, beds", "SELECT towels sheets beds", []string{"towels", "sheets", "beds"}},
		{Generic, "SELECT * FROM towels-9021077709, sheets", "SELECT towels sheets", []string{"towels", "sheets"}},
		{PostgreSQL, "SELECT * FROM my-spa.towels", "SELECT my", []string{"my"}},
	})
}

// TestWordsAroundTables reads words before and after a table that are no names.
func TestWordsAroundTables(t *testing.T) {
	runTables(t, []tableCase{
		{Generic, "SELECT * FROM {oj towels t LEFT OUTER JOIN sheets ON 1 = 1}, beds", "SELECT towels sheets beds", []string{"towels", "sheets", "beds"}},
		{Oracle, "SELECT * FROM { OJ towels LEFT OUTER JOIN sheets ON 1 = 1 } WHERE a = 1", "SELECT towels sheets", []string{"towels", "sheets"}},
		{SQLServer, "SELECT * FROM oj, towels", "SELECT oj towels", []string{"oj", "towels"}},
		{SQLServer, "SELECT * FROM towels FOR SYSTEM_TIME AS OF @t, sheets FOR SYSTEM_TIME FROM '1' TO '2' s, beds FOR XML AUTO", "SELECT towels sheets beds", []string{"towels", "sheets", "beds"}},
		{MySQL, "SELECT * FROM towels FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01', sheets", "SELECT towels sheets", []string{"towels", "sheets"}},
		{Generic, "SELECT * FROM towels FOR VERSION AS OF 3, sheets FOR TIMESTAMP AS OF now(), beds", "SELECT towels sheets beds", []string{"towels", "sheets", "beds"}},
		{Generic, "SELECT * FROM towels FOR UPDATE OF a, b", "SELECT towels", []string{"towels"}},
		{Oracle, "CREATE TYPE spa.towel_list AS TABLE OF towel", "CREATE TYPE spa.towel_list", nil},
	})
}
