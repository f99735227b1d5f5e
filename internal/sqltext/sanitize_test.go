// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestSanitizeEverywhere sanitizes texts that mean the same in every dialect.
func TestSanitizeEverywhere(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"numbers", "SELECT 1, -2, +3.5, .5, 6e7, 8.9E-10, 0xFF, 0b01", "SELECT ?, ?, ?, ?, ?, ?, ?, ?"},
		{"long number", "SELECT 12345678901234567890123456789012345678901234567890", "SELECT ?"},
		{"operators", "a=1 AND b>=-2 AND c<3 AND d<>4 AND e!=5 AND f*6>7/8", "a=? AND b>=? AND c<? AND d<>? AND e!=? AND f*?>?/?"},
		{"UUID of CQL", "SELECT a FROM t WHERE id = 123e4567-e89b-12d3-a456-426614174000 AND b=2", "SELECT a FROM t WHERE id = ? AND b=?"},
		{"UUID that begins with a letter", "DELETE FROM t WHERE id IN (Feedbeef-cafe-babe-f00d-0123456789AB,00000000-0000-0000-0000-000000000000)", "DELETE FROM t WHERE id IN (?)"},
		{"no UUID", "SELECT feedbeef-cafe-babe-food-a FROM t", "SELECT feedbeef-cafe-babe-food-a FROM t"},
		{"sign belongs to the number", "SELECT -1, +2, 3 - -4", "SELECT ?, ?, ? - ?"},
		{"operator behind a name", "SET floor=floor+1, size=size-2", "SET floor=floor+?, size=size-?"},
		{"names", "SELECT t1.c2, a_3, é4 FROM db5.t6", "SELECT t1.c2, a_3, é4 FROM db5.t6"},
		{"number before a keyword", "WHERE a=1AND b=2OR c=3", "WHERE a=?AND b=?OR c=?"},
		{"words that stay", "a IS NULL OR b IS TRUE OR c IS NOT FALSE", "a IS NULL OR b IS TRUE OR c IS NOT FALSE"},
		{"boolean literals", "SELECT true WHERE b = TRUE OR c IN (FALSE, True) AND f(false)", "SELECT ? WHERE b = ? OR c IN (?) AND f(?)"},
		{"names with boolean words", "SELECT true_size, t.false FROM is_true", "SELECT true_size, t.false FROM is_true"},
		{"strings", "SELECT 'a', '', 'it''s', 'a\nb'", "SELECT ?, ?, ?, ?"},
		{"touching", "WHERE a LIKE'x%'AND b='y'", "WHERE a LIKE?AND b=?"},
		{"prefixes", "SELECT N'a', n'b', X'1F', x'1f', B'01'", "SELECT ?, ?, ?, ?, ?"},
		{"dates", "SELECT DATE '2026-01-01', TIMESTAMP'2026-01-01 10:00', INTERVAL '1' DAY", "SELECT DATE ?, TIMESTAMP?, INTERVAL ? DAY"},
		{"dates of ODBC", "WHERE a > {ts '2026-01-01 10:00:00'}", "WHERE a > {ts ?}"},
		{"types", "CREATE TABLE a (b VARCHAR(20), c DECIMAL(10,2))", "CREATE TABLE a (b VARCHAR(?), c DECIMAL(?,?))"},
		{"list", "a IN (1, 2,3)", "a IN (?)"},
		{"list of strings", "a NOT IN('b','c' , 'd' )", "a NOT IN(?)"},
		{"list over lines", "a IN (\n\t1,\n\t2\n)", "a IN (?)"},
		{"list with a comment", "a IN (1, /* don't */ 2, -- )\n3)", "a IN (?)"},
		{"list with a parenthesis in a literal", "a IN ('b)', 'c')", "a IN (?)"},
		{"list with a column", "a IN (b, 1)", "a IN (b, ?)"},
		{"list with an expression", "a IN (1, (2))", "a IN (?, (?))"},
		{"list of binds", "a IN (?, ?)", "a IN (?, ?)"},
		{"list of binds and literals", "a IN (?, 1)", "a IN (?)"},
		{"list without an end", "a IN (1, 2", "a IN (?, ?"},
		{"list of a query", "a IN (SELECT 1 FROM b)", "a IN (SELECT ? FROM b)"},
		{"rows", "VALUES (1, 'a'), (2, 'b')", "VALUES (?, ?), (?, ?)"},
		{"space stays", "SELECT  1 ,\r\n\t'a'  ", "SELECT  ? ,\r\n\t?  "},
		{"comments go", "SELECT a -- b\nFROM /* c */ d", "SELECT a \nFROM  d"},
		{"comment with a carriage return", "SELECT a -- b\r\nFROM d", "SELECT a \r\nFROM d"},
		{"hints go", "SELECT /*+ FULL(a) */ * FROM a", "SELECT  * FROM a"},
		{"comment between words", "SELECT/**/a/*'*/FROM/**/b", "SELECT a FROM b"},
		{"comment at the ends", "/* a */SELECT 1/* b */", "SELECT ?"},
		{"comment that hides a quote", "SELECT a -- don't\nFROM b WHERE c = 'd'", "SELECT a \nFROM b WHERE c = ?"},
		{"marks of comments in a literal", "SELECT '--', '/*', '*/', '#'", "SELECT ?, ?, ?, ?"},
		{"open literal", "SELECT a FROM b WHERE c = 'd", "SELECT a FROM b WHERE c = ?"},
		{"open comment", "SELECT a /* b", "SELECT a ?"},
		{"escape", `a LIKE 'b!_%' ESCAPE '!'`, `a LIKE ? ESCAPE ?`},
		{"escape with a backslash pair", `a = 'b\\' AND c = 'd'`, `a = ? AND c = ?`},
		{"password of Oracle", "ALTER USER a IDENTIFIED BY b REPLACE c", "ALTER USER a IDENTIFIED BY ?"},
		{"quoted password of Oracle", `CREATE USER a IDENTIFIED BY "b c" QUOTA 1M ON d`, "CREATE USER a IDENTIFIED BY ?"},
		{"password with dashes", "CREATE USER a IDENTIFIED BY b--c", "CREATE USER a IDENTIFIED BY ?"},
		{"password of a link", "CREATE DATABASE LINK a CONNECT TO b IDENTIFIED BY c USING 'd'", "CREATE DATABASE LINK a CONNECT TO b IDENTIFIED BY ?"},
		{"password and another statement", "GRANT a TO b IDENTIFIED BY c ; SELECT 1", "GRANT a TO b IDENTIFIED BY ? ; SELECT ?"},
		{"password as a literal", "CREATE USER a IDENTIFIED BY 'b' REQUIRE SSL", "CREATE USER a IDENTIFIED BY ? REQUIRE SSL"},
		{"password of HANA", "CREATE USER a PASSWORD b", "CREATE USER a PASSWORD ?"},
		{"user with the name password", "ALTER USER password PASSWORD b", "ALTER USER password PASSWORD ?"},
		{"password settings", "ALTER USER a PASSWORD EXPIRE", "ALTER USER a PASSWORD EXPIRE"},
		{"password columns", "CREATE TABLE a (password VARCHAR(9))", "CREATE TABLE a (password VARCHAR(?))"},
		{"password assigned", "ALTER ROLE a WITH PASSWORD = b", "ALTER ROLE a WITH PASSWORD = ?"},
		{"connect", "CONNECT scott/tiger@db", "CONNECT scott/?"},
		{"identified column", "SELECT identified_by, password FROM a ORDER BY b", "SELECT identified_by, password FROM a ORDER BY b"},
		{"brackets without partner", "SELECT (((1", "SELECT (((?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for d := range Dialect(len(dialectNames)) {
				got := Sanitize(tt.text, d)
				assert.Equal(t, tt.want, got, d)
				assert.Equal(t, got, Sanitize(got, d), d)
			}
		})
	}
}

func TestSanitizeDialect(t *testing.T) {
	tests := []struct {
		d          Dialect
		text, want string
	}{
		{Oracle, `SELECT q'[it's]', Q'{a}b}', nq'(c)', Nq'<d>', q'!e'f!', q'éxé', q'"g"' FROM dual`, `SELECT ?, ?, ?, ?, ?, ?, ? FROM dual`},
		{Oracle, `SELECT "O'Brien", 'C:\' FROM "a b"`, `SELECT "O'Brien", ? FROM "a b"`},
		{Oracle, `SELECT 1f, 2.5D, 1e5f FROM a@b.c WHERE d = :1 AND e = :name`, `SELECT ?, ?, ? FROM a@b.c WHERE d = :1 AND e = :name`},
		{Oracle, `FOR i IN 1..10 LOOP`, `FOR i IN ?..? LOOP`},
		{Oracle, `SELECT a#1, v$b FROM v$c /* /* */ WHERE d = 'e'`, `SELECT a#1, v$b FROM v$c  WHERE d = ?`},
		{Oracle, `SELECT $$PLSQL_UNIT, 'a' FROM dual`, `SELECT $$PLSQL_UNIT, ? FROM dual`},

		{PostgreSQL, `SELECT $$it's$$, $a$ $b$ '$a$, E'a\'b', e'\\', U&'\0061', 'C:\'`, `SELECT ?, ?, ?, ?, ?, ?`},
		{PostgreSQL, `SELECT a->'b', a->>'c', a#>'{d}', a->1, a->-2, a[3:4], a::numeric(5,2)`, `SELECT a->?, a->>?, a#>?, a->?, a->?, a[?:?], a::numeric(?,?)`},
		{PostgreSQL, `SELECT a WHERE b ? 'c' AND d ?| array['e'] AND f @> '{"g": 1}' AND h = $1`, `SELECT a WHERE b ? ? AND d ?| array[?] AND f @> ? AND h = $1`},
		{PostgreSQL, `SELECT 1 /* a /* 'b' */ c' */, 'd'`, `SELECT ? , ?`},
		{PostgreSQL, `SELECT "it's", 'a' FROM "b\"`, `SELECT "it's", ? FROM "b\"`},
		{PostgreSQL, `SELECT 1_000, 0o17, foo$bar$baz`, `SELECT ?, ?, foo$bar$baz`},
		{PostgreSQL, `SELECT 'it\'s', 'b' FROM c`, `SELECT ?, ? FROM c`}, // standard_conforming_strings off, Redshift

		{MySQL, `SELECT 'it\'s', "say \"x\"", "a""b", _utf8mb4'c', N'd', 0x1F, b'01' FROM e`, `SELECT ?, ?, ?, ?, ?, ?, ? FROM e`},
		{MySQL, "SELECT `it's`, `a``b`, 'c' FROM `d`.`e`", "SELECT `it's`, `a``b`, ? FROM `d`.`e`"},
		{MySQL, "SELECT 1 # it's\n, 'a' -- it's\n, 2--3, 'b'", "SELECT ? \n, ? \n, ?-?, ?"},
		{MySQL, "SELECT /*!40001 SQL_NO_CACHE, 'a' */ b, 1 /* 'c' */", "SELECT /*!40001 SQL_NO_CACHE, ? */ b, ? "},
		{MySQL, "SELECT 5 FROM 2020_sales WHERE 1st = 1e5", "SELECT ? FROM 2020_sales WHERE 1st = ?"},
		{MySQL, `SELECT 'C:\', 'a' FROM b`, `SELECT ?, ? FROM b`}, // NO_BACKSLASH_ESCAPES
		{MySQL, `SELECT "a"."b" FROM "c" WHERE d = "e"`, `SELECT "a"."b" FROM ? WHERE d = ?`},
		{MySQL, "GRANT ALL ON a.* TO 'b'@'c'", "GRANT ALL ON a.* TO ?@?"},
		{MySQL, "CREATE PROCEDURE a() LANGUAGE JAVASCRIPT AS $$ 'b' $$", "CREATE PROCEDURE a() LANGUAGE JAVASCRIPT AS ?"},

		{SQLServer, `SELECT [O'Brien], [a]]'b], 'c' FROM [d].[e f]`, `SELECT [O'Brien], [a]]'b], ? FROM [d].[e f]`},
		{SQLServer, "SELECT TOP (10) $5.00, $-6, £7, 0xAB, @p1, @@ROWCOUNT, $action FROM ##a", "SELECT TOP (?) ?, ?, £?, ?, @p1, @@ROWCOUNT, $action FROM ##a"},
		{SQLServer, `SELECT "a" FROM "b" WHERE "c"."d" = 'e' AND f = "g"`, `SELECT "a" FROM "b" WHERE "c"."d" = ? AND f = ?`},
		{SQLServer, `EXEC a "b", 'c', @d = "e"`, `EXEC a ?, ?, @d = ?`},
		{SQLServer, `INSERT INTO a VALUES ("b", 'c')`, `INSERT INTO a VALUES (?, ?)`},
		{SQLServer, "SELECT [a WHERE b = 'c' AND d = 5", "SELECT [a WHERE b = ? AND d = ?"},
		{SQLServer, "SELECT 1 /* a /* b */ 'c' */, 'd'", "SELECT ? , ?"},

		{SQLite, `SELECT [a 'b], "c", x'1F', ?1, :d, @e, $f FROM "g" WHERE "h" = 'i' AND j = "k"`, `SELECT [a 'b], "c", ?, ?1, :d, @e, $f FROM "g" WHERE "h" = ? AND j = ?`},

		{Generic, `SELECT "a", "b"."c", 'd' FROM "e" WHERE "f" = "g"`, `SELECT ?, "b"."c", ? FROM "e" WHERE ? = ?`},
		{Generic, `SELECT q'[it's]', $$it's$$, E'a\'b', 'c'`, `SELECT ?, ?, ?, ?`},
		{Generic, `SELECT 'it\'s', 'b' FROM c`, `SELECT ?, ? FROM c`},
		{Generic, `SELECT 'C:\', 'b' FROM c`, `SELECT ?, ? FROM c`},
		{Generic, `SELECT 'a\' , 'b\' , 'c`, `SELECT ?`},
		{Generic, `SELECT 'a' LIKE 'b' ESCAPE '\' AND c = 'd'`, `SELECT ? LIKE ? ESCAPE ? AND c = ?`},
		{Generic, "SELECT 1 # it's\n, 'a'", "SELECT ? ?"},
		{Generic, "SELECT 1 # 2\n, 'a'", "SELECT ? # ?\n, ?"},
		{Generic, "SELECT /* a /* b */ c */ 'd'", "SELECT  ?"},
		{Generic, "SELECT /* a /* b */ it's */ 'd'", "SELECT ?"},
		{Generic, "SELECT a[1], b['c'], ARRAY[2, 'd'], [e f], [3]", "SELECT a[?], b[?], ARRAY[?, ?], [e f], [?]"},
		{Generic, "SELECT '''it's''', 'b'", "SELECT ?"},
		{Generic, "SELECT '''a''', '''', 'b'", "SELECT ?, ?, ?"},
		{Generic, "SELECT [O'Brien], 'a', [N'b', DATE'c']", "SELECT [O'Brien], ?, [?, DATE?]"},
		{Generic, "SELECT [$$]a$$, b, v], [$a$ c]$a$], [v$d]", "SELECT [?, b, v], [?], [v$d]"},
		{Generic, `SELECT a FROM b WHERE c =~ /^it's \/d$/ AND e !~ /f/ AND g = h / 2 / i`, `SELECT a FROM b WHERE c =~ ? AND e !~ ? AND g = h / ? / i`},
		{Generic, "SELECT a FROM b WHERE c =~ /d", "SELECT a FROM b WHERE c =~ ?"},
		{Generic, "SELECT it's, 'a'", "SELECT it?"},
		{Generic, "SELECT $1, $123456, :1, :123456", "SELECT $1, ?, :1, ?"},
	}
	for _, tt := range tests {
		t.Run(tt.d.String()+"/"+tt.text, func(t *testing.T) {
			got := Sanitize(tt.text, tt.d)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, got, Sanitize(got, tt.d))
		})
	}
}
