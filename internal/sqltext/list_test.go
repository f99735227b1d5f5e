// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEndOfTables reads commas that no other table follows, and those that one does.
func TestEndOfTables(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"arrays and objects": {
			{Generic, `SELECT a FROM towels USE KEYS ["k1", "k2"], sheets`, "SELECT", "SELECT towels sheets", ""},
			{Generic, `SELECT a FROM towels JOIN sheets ON KEYS ['k1', 'k2']`, "SELECT", "SELECT towels sheets", ""},
			{Generic, `SELECT a FROM towels JOIN sheets ON a IN ["p", ["q", "r"], "s"] JOIN beds`, "SELECT", "SELECT towels sheets beds", ""},
			{Generic, `SELECT a FROM towels UNNEST ["p", "q"] AS u`, "SELECT", "SELECT towels", ""},
			{Generic, `SELECT a FROM towels LET b = ["p", "q"], c = "r", d = 1`, "SELECT", "SELECT towels", ""},
			{Generic, `SELECT a FROM towels JOIN sheets ON a = {"p": "q", "r": {"s": "t", "u": "v"}, "w": "x"}`, "SELECT", "SELECT towels sheets", ""},
			{Generic, `SELECT a FROM towels, ["p", "q"], {"r": "s", "t": "u"}`, "SELECT", "SELECT towels", ""},
			{Generic, `SELECT a FROM towels, {N'p': nq'[q]', U&'r': 's'}, {oj sheets LEFT JOIN beds ON b = c}, robes`, "SELECT", "SELECT towels sheets beds robes", ""},
			{Generic, `WITH ["p", "q"] AS a SELECT a FROM towels`, "SELECT", "SELECT towels", ""},
			{PostgreSQL, "SELECT a FROM towels JOIN sheets ON tags @> ARRAY[t1, t2], beds", "SELECT", "SELECT towels sheets beds", ""},
			{Oracle, "SELECT a FROM towels JOIN sheets ON b = JSON[t1, t2] JOIN beds ON 1 = 1", "SELECT", "SELECT towels sheets beds", ""},
			{SQLServer, "SELECT a FROM [big towels] t, [sheets], beds", "SELECT", "SELECT [big towels] [sheets] beds", ""},
			{Generic, "SELECT a FROM [big towels] t, [sheets], beds", "SELECT", "SELECT [big towels] [sheets] beds", ""},
			{Generic, "SELECT a FROM towels WHERE b > {d '2026-01-01'}; {call spa.fold(?, {ts '2026-01-01 10:00:00'})}", "SELECT", "SELECT towels; call spa.fold", "spa.fold"},
		},
		"clauses": {
			{Generic, `FROM towels |> EXTEND "p" AS a, "q" AS b |> JOIN sheets ON a = b`, "SELECT", "SELECT towels sheets", ""},
			{Generic, "FROM towels |> AGGREGATE COUNT(*) AS n, SUM(a) AS s", "SELECT", "SELECT towels", ""},
			{Generic, "SELECT a FROM towels DISTRIBUTE BY a, b SORT BY c, d", "SELECT", "SELECT towels", ""},
			{Generic, `SELECT a FROM towels CLUSTER BY a, "b"`, "SELECT", "SELECT towels", ""},
			{Generic, "SELECT a FROM towels LATEST ON ts PARTITION BY a, b", "SELECT", "SELECT towels", ""},
			{MySQL, "SELECT a, b FROM towels INTO @c, d", "SELECT", "SELECT towels", ""},
			{MySQL, "SELECT a FROM towels USE INDEX FOR ORDER BY (i), sheets FORCE INDEX FOR GROUP BY (j), beds", "SELECT", "SELECT towels sheets beds", ""},
			{Oracle, "SELECT a FROM towels PARTITION BY (b) RIGHT OUTER JOIN sheets ON (c = d), beds", "SELECT", "SELECT towels sheets beds", ""},
			{Generic, "CREATE COLLECTION towels", "CREATE", "CREATE COLLECTION", ""},
			{Generic, "DO BEGIN INSERT INTO towels VALUES (1); DELETE FROM sheets; END", "DO", "DO; DELETE sheets", ""},
			{PostgreSQL, "SELECT a FROM towels JOIN sheets ON b |>> c, beds", "SELECT", "SELECT towels sheets beds", ""},
		},
		"aliases of collections": {
			{Generic, "SELECT t FROM c JOIN t IN c.towels JOIN s IN t.sheets WHERE s.a = 1", "SELECT", "SELECT c", ""},
			{PostgreSQL, "SELECT t FROM Room r, IN (r.towels) t, Bed b", "SELECT", "SELECT Room Bed", ""},
			{Generic, "SELECT a FROM towels WHERE a IN (1, 2)", "SELECT", "SELECT towels", ""},
		},
		"names in quotes": {
			{
				Generic, `SELECT 1 FROM "a" x, b AS y, f("c") z, (SELECT 1 FROM "d", "e" w) v, "g" (h, i), ?, "k" . l, TABLE(m) u, role, "n"`, "SELECT",
				`SELECT "a" b f SELECT "d" "e" "g" "k".l TABLE role "n"`, "",
			},
			{Generic, `SELECT a FROM ("towels", "sheets")`, "SELECT", `SELECT "towels" "sheets"`, ""},
			{Generic, `SELECT a FROM towels SOME CLAUSE b, "p", ("q"), 'r' JOIN "sheets" ON 1 = 1`, "SELECT", `SELECT towels "sheets"`, ""},
			{Generic, `SELECT a FROM towels JOIN sheets ON b = c, "p"`, "SELECT", "SELECT towels sheets", ""},
		},
	})
}

func TestSanitizeLists(t *testing.T) {
	for _, tt := range []struct {
		d                   Dialect
		text, want, summary string
	}{
		{Generic, `SELECT a FROM towels USE KEYS ["p","q"], "sheets"`, `SELECT a FROM towels USE KEYS [?,?], ?`, "SELECT towels"},
		{Generic, `SELECT a FROM "towels" t, "sheets" JOIN "beds" b ON c = {"p":"q","r":"s"}`, `SELECT a FROM "towels" t, "sheets" JOIN "beds" b ON c = {?:?,?:?}`, `SELECT "towels" "sheets" "beds"`},
		{Generic, `FROM towels |> EXTEND "p" AS a, "q" AS b`, `FROM towels |> EXTEND ? AS a, ? AS b`, "SELECT towels"},
		{Generic, `SELECT a FROM towels SOME CLAUSE b, ("p", "q"), "r"`, `SELECT a FROM towels SOME CLAUSE b, (?, ?), ?`, "SELECT towels"},
		{Generic, `DROP TABLE IF EXISTS a, "b", "c" CASCADE`, `DROP TABLE IF EXISTS a, "b", "c" CASCADE`, `DROP TABLE a "b" "c"`},
		{Generic, `SELECT a FROM 'towels', "sheets"`, `SELECT a FROM ?, "sheets"`, `SELECT 'towels' "sheets"`},
		{Generic, `WITH ["p","q"] AS a SELECT a`, `WITH [?,?] AS a SELECT a`, "SELECT"},
		{MySQL, `SELECT a FROM "towels" t, "sheets" s JOIN beds ON b = c, "p"`, `SELECT a FROM ? t, ? s JOIN beds ON b = c, ?`, `SELECT "towels" "sheets" beds`},
		{MySQL, `UPDATE "towels" SET a = "p"`, `UPDATE ? SET a = ?`, `UPDATE "towels"`},
		{MySQL, `INSERT INTO "towels" (a) VALUES ("p")`, `INSERT INTO ? (a) VALUES (?)`, `INSERT "towels"`},
		{MySQL, `REPLACE "towels" VALUES ("p"); DELETE FROM "sheets" WHERE a = "p"`, `REPLACE ? VALUES (?); DELETE FROM ? WHERE a = ?`, `REPLACE "towels"; DELETE "sheets"`},
		{MySQL, `CREATE TABLE "towels" (a TEXT DEFAULT "p"); DROP TABLE "sheets", "beds"`, `CREATE TABLE ? (a TEXT DEFAULT ?); DROP TABLE ?, ?`, `CREATE TABLE "towels"; DROP TABLE "sheets" "beds"`},
		{MySQL, `LOAD DATA INFILE "p" INTO TABLE "towels"; CREATE USER "p"@"q"`, `LOAD DATA INFILE ? INTO TABLE ?; CREATE USER ?@?`, `LOAD "towels"; CREATE USER`},
		{MySQL, `INSERT INTO towels SELECT "p", "q"`, `INSERT INTO towels SELECT ?, ?`, "INSERT towels SELECT"},
	} {
		a, got := AnalyzeAndSanitize(tt.text, tt.d)
		assert.Equal(t, tt.want, got)
		assert.Equal(t, tt.summary, a.Summary)
		assert.Equal(t, tt.want, Sanitize(tt.want, tt.d), "twice")
	}
}

// A name in brackets that begins with $ is not a bind variable.
func TestDollarInBrackets(t *testing.T) {
	a := Analyze("SELECT [$id] FROM [$towels] WHERE b = 'p'", Generic)
	assert.Equal(t, "SELECT [$towels]", a.Summary)
	assert.False(t, a.HasBinds)
}

// The lists in nested parentheses are not read again for each level.
func TestDeepLists(t *testing.T) {
	text := func(depth int) string {
		return "SELECT a FROM " + strings.Repeat("(", depth) + "b" + strings.Repeat(`, "c")`, depth)
	}
	a := Analyze(text(maxListDepth-1), Generic)
	assert.Equal(t, maxListDepth-1, strings.Count(a.Summary, `"c"`))
	a, sanitized := AnalyzeAndSanitize(text(10*maxListDepth), Generic)
	assert.Less(t, strings.Count(a.Summary, `"c"`), maxListDepth)
	assert.Contains(t, sanitized, ", ?)")
}
