// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSummary reads texts that mean the same in every dialect.
func TestSummary(t *testing.T) {
	groups := map[string][][2]string{
		"select": {
			{"SELECT guest FROM bookings", "SELECT bookings"},
			{"select guest from Bookings b where b.id = ?", "select Bookings"},
			{"SELECT 1", "SELECT"},
			{"SELECT\n\t*\r\nFROM\r\n\thotel.rooms", "SELECT hotel.rooms"},
			{"SELECT * FROM a.b.c, d e, f AS g", "SELECT a.b.c d f"},
			{"SELECT DISTINCT city FROM hotels ORDER BY city, name", "SELECT hotels"},
			{"SELECT a, b FROM rooms, hotels GROUP BY a, b HAVING count(*) > 1 ORDER BY a, b", "SELECT rooms hotels"},
			{"SELECT from_day, into_day FROM stays", "SELECT stays"},
			{"SELECT insert, update FROM words", "SELECT words"},
			{"SELECT * FROM update WHERE delete = 1", "SELECT update"},
			{"SELECT * FROM stays select_", "SELECT stays"},
			{"SELECT * FROM stays AS select", "SELECT stays"},
			{"SELECT * INTO copy FROM stays", "SELECT stays"},
			{"SELECT * FROM SelectedRooms", "SELECT SelectedRooms"},
			{"SELECT * FROM", "SELECT"},
			{"SELECT * FROM :name", "SELECT"},
			{"SELECT * FROM 42", "SELECT"},
			{"(SELECT a FROM b)", "SELECT b"},
			{"SELECT a FROM b FOR UPDATE OF b.c NOWAIT", "SELECT b"},
			{"SELECT a FROM b LIMIT 10, 20", "SELECT b"},
			{"SELECT a FROM b OFFSET 5 ROWS FETCH NEXT 5 ROWS ONLY", "SELECT b"},
		},
		"joins": {
			{"SELECT * FROM a JOIN b ON a.x = b.x", "SELECT a b"},
			{"SELECT * FROM a LEFT OUTER JOIN b USING (x) NATURAL JOIN c CROSS JOIN d", "SELECT a b c d"},
			{"SELECT * FROM a JOIN b ON a.x = b.x, c", "SELECT a b c"},
			{"SELECT * FROM a x JOIN (b JOIN c ON b.i = c.i) ON x.i = b.i", "SELECT a b c"},
			{"SELECT * FROM (a), (b)", "SELECT a b"},
			{"SELECT * FROM a STRAIGHT_JOIN b", "SELECT a b"},
			{"SELECT * FROM a JOIN", "SELECT a"},
			{"SELECT * FROM b a JOIN a c ON a.x = c.x", "SELECT b a"},
			{"SELECT * FROM a CROSS APPLY f(a.x) y", "SELECT a f"},
			{"SELECT * FROM a OUTER APPLY (SELECT * FROM b WHERE b.x = a.x) y", "SELECT a SELECT b"},
			{"SELECT * FROM a, LATERAL (SELECT * FROM b) c", "SELECT a SELECT b"},
			{"SELECT * FROM a LEFT JOIN LATERAL (SELECT * FROM b) c ON true", "SELECT a SELECT b"},
			{"SELECT * FROM ONLY a", "SELECT a"},
		},
		"functions": {
			{"SELECT * FROM free_rooms(?, ?) f", "SELECT free_rooms"},
			{"SELECT * FROM f(g(h(?)), (SELECT max(x) FROM t))", "SELECT f SELECT t"},
			{"SELECT EXTRACT(YEAR FROM check_in) FROM stays", "SELECT stays"},
			{"SELECT TRIM(BOTH 'x' FROM name), SUBSTRING(name FROM 2 FOR 3) FROM guests", "SELECT guests"},
			{"SELECT a FROM b WHERE a IS DISTINCT FROM c", "SELECT b"},
			{"SELECT CAST((SELECT max(x) FROM a) AS INTEGER) FROM b", "SELECT SELECT a b"},
			{"SELECT sum(x) OVER (PARTITION BY y, z ORDER BY w) FROM t", "SELECT t"},
			{"SELECT sum(x) OVER w FROM t WINDOW w AS (PARTITION BY y, z)", "SELECT t"},
			{"SELECT * FROM t PIVOT (sum(x) FOR q IN ('a', 'b'))", "SELECT t"},
			{"SELECT * FROM t TABLESAMPLE BERNOULLI (1) REPEATABLE (42)", "SELECT t"},
			{"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x PATTERN (A B* C) DEFINE A AS A.y > 1)", "SELECT t"},
			{"SELECT * FROM t START WITH p IS NULL CONNECT BY PRIOR i = p", "SELECT t"},
			{"SELECT * FROM t GROUP BY GROUPING SETS ((a), (b, c))", "SELECT t"},
		},
		"sub-queries": {
			{"SELECT a, (SELECT b FROM c) FROM d", "SELECT SELECT c d"},
			{"SELECT * FROM (SELECT * FROM (SELECT * FROM a) b) c", "SELECT SELECT SELECT a"},
			{"SELECT * FROM (SELECT a FROM b) AS c (d, e), f", "SELECT SELECT b f"},
			{"SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b) AND x NOT IN (select y from c)", "SELECT a SELECT b select c"},
			{"SELECT CASE WHEN x > (SELECT avg(x) FROM a) THEN 1 ELSE 2 END FROM b", "SELECT SELECT a b"},
			{"SELECT a FROM b ORDER BY (SELECT c FROM d)", "SELECT b SELECT d"},
			{"SELECT a FROM b LIMIT (SELECT c FROM d)", "SELECT b SELECT d"},
			{"SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(i, n) JOIN a ON a.i = t.i", "SELECT a"},
		},
		"sets": {
			{"SELECT a FROM b UNION ALL SELECT c FROM d", "SELECT b SELECT d"},
			{"SELECT a FROM b INTERSECT SELECT c FROM d MINUS SELECT e FROM f EXCEPT SELECT g FROM h", "SELECT b SELECT d SELECT f SELECT h"},
			{"(SELECT a FROM b) UNION (SELECT c FROM d)", "SELECT b SELECT d"},
			{"SELECT a, b FROM c UNION SELECT d, e FROM f", "SELECT c SELECT f"},
			{"SELECT a FROM b UNION VALUES (1)", "SELECT b"},
			{"VALUES (1, 'a'), (2, 'b')", "VALUES"},
		},
		"with": {
			{"WITH x AS (SELECT * FROM a) SELECT * FROM x", "SELECT a SELECT"},
			{"WITH x (c, d) AS (SELECT * FROM a), y AS (SELECT * FROM X) SELECT * FROM x, y, b", "SELECT a SELECT SELECT b"},
			{"WITH RECURSIVE x AS (SELECT * FROM a UNION ALL SELECT * FROM a JOIN x ON a.p = x.i) SELECT * FROM x", "SELECT a SELECT a SELECT"},
			{"WITH x AS (SELECT * FROM a) INSERT INTO b SELECT * FROM x", "SELECT a INSERT b SELECT"},
			{"WITH x AS (SELECT * FROM a) UPDATE b SET c = (SELECT c FROM x)", "SELECT a UPDATE b SELECT"},
			{"WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "DELETE a SELECT"},
			{"WITH x AS (VALUES (1)) SELECT * FROM x", "SELECT"},
			{"SELECT * FROM (WITH x AS (SELECT * FROM a) SELECT * FROM x) y", "SELECT SELECT a SELECT"},
			{"INSERT INTO b WITH x AS (SELECT * FROM a) SELECT * FROM x", "INSERT b SELECT a SELECT"},
		},
		"insert": {
			{"INSERT INTO a VALUES (1, 2)", "INSERT a"},
			{"insert into a.b (c, d) values (?, ?)", "insert a.b"},
			{"INSERT INTO a (b) SELECT c FROM d, e", "INSERT a SELECT d e"},
			{"INSERT INTO a (b) VALUES ((SELECT max(c) FROM d))", "INSERT a SELECT d"},
			{"INSERT INTO a (b) VALUES (?) ON CONFLICT (b) DO UPDATE SET c = ?", "INSERT a"},
			{"INSERT INTO a (b) VALUES (?) ON DUPLICATE KEY UPDATE c = ?", "INSERT a"},
			{"INSERT INTO a (b) VALUES (?) RETURNING id INTO :id", "INSERT a"},
			{"INSERT a (b) VALUES (1)", "INSERT a"},
			{"INSERT IGNORE INTO a VALUES (1)", "INSERT a"},
			{"INSERT OR REPLACE INTO a VALUES (1)", "INSERT a"},
			{"INSERT INTO TABLE a SELECT * FROM b", "INSERT a SELECT b"},
			{"INSERT INTO table VALUES (1)", "INSERT table"},
			{"INSERT ALL INTO a VALUES (1) INTO b (c) VALUES (2) SELECT * FROM d", "INSERT a b SELECT d"},
			{"REPLACE INTO a VALUES (1)", "REPLACE a"},
			{"REPLACE a SET b = 1", "REPLACE a"},
			{"UPSERT INTO a VALUES (1)", "UPSERT a"},
			{"INSERT something else", "INSERT"},
			{"COPY a (b, c) FROM STDIN", "COPY a"},
		},
		"update": {
			{"UPDATE a SET b = 1", "UPDATE a"},
			{"UPDATE a.b c SET d = (SELECT e FROM f), g = (SELECT h FROM i)", "UPDATE a.b SELECT f SELECT i"},
			{"UPDATE a JOIN b ON a.x = b.x SET a.c = b.c", "UPDATE a"},
			{"UPDATE a SET c = b.c FROM b WHERE a.x = b.x", "UPDATE a"},
			{"UPDATE ONLY a SET b = 1", "UPDATE a"},
			{"UPDATE OR IGNORE a SET b = 1", "UPDATE a"},
			{"UPDATE TOP (5) a SET b = 1", "UPDATE a"},
			{"UPDATE (SELECT a FROM b) SET a = 1", "UPDATE SELECT b"},
			{"UPDATE b SET c = 1 FROM blogs AS b WHERE b.d = 2", "UPDATE blogs"},
			{"UPDATE o SET c = (SELECT d FROM e) FROM a JOIN orders o ON o.x = a.x", "UPDATE orders SELECT e"},
			{"UPDATE a SET b = c FROM d x WHERE a.b IS DISTINCT FROM x.b", "UPDATE a"},
		},
		"delete": {
			{"DELETE FROM a WHERE b = 1", "DELETE a"},
			{"DELETE a WHERE b = 1", "DELETE a"},
			{"DELETE a", "DELETE a"},
			{"DELETE FROM a USING b WHERE a.x = b.x", "DELETE a"},
			{"DELETE a FROM a JOIN b ON a.x = b.x", "DELETE a"},
			{"DELETE b FROM bookings b WHERE b.c = 1", "DELETE bookings"},
			{"DELETE FROM b FROM bookings AS b WHERE b.c = 1", "DELETE bookings"},
			{"DELETE FROM a WHERE b IN (SELECT c FROM d)", "DELETE a SELECT d"},
			{"DELETE TOP (5) FROM a", "DELETE a"},
			{"DELETE (((", "DELETE"},
		},
		"merge": {
			{"MERGE INTO a USING b ON (a.x = b.x) WHEN MATCHED THEN UPDATE SET a.c = b.c WHEN NOT MATCHED THEN INSERT (x) VALUES (b.x)", "MERGE a"},
			{"MERGE a t USING (SELECT * FROM b) s ON t.x = s.x WHEN MATCHED THEN DELETE", "MERGE a SELECT b"},
			{"MERGE INTO", "MERGE"},
		},
		"definition": {
			{"CREATE TABLE a (b INT DEFAULT (1))", "CREATE TABLE a"},
			{"create table if not exists a.b (c int)", "create table a.b"},
			{"CREATE TABLE a AS SELECT * FROM b", "CREATE TABLE a SELECT b"},
			{"CREATE GLOBAL TEMPORARY TABLE a (b INT)", "CREATE TABLE a"},
			{"CREATE OR REPLACE VIEW a AS SELECT * FROM b WITH CHECK OPTION", "CREATE VIEW a SELECT b"},
			{"CREATE VIEW a AS WITH x AS (SELECT * FROM b) SELECT * FROM x", "CREATE VIEW a SELECT b SELECT"},
			{"CREATE MATERIALIZED VIEW a AS SELECT * FROM b", "CREATE MATERIALIZED VIEW a SELECT b"},
			{"CREATE UNIQUE CLUSTERED INDEX a ON b (c)", "CREATE INDEX a"},
			{"CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)", "CREATE INDEX a"},
			{"CREATE INDEX ON b (c)", "CREATE INDEX"},
			{"CREATE PROCEDURE a AS BEGIN SELECT * FROM b; UPDATE c SET d = 1; END;", "CREATE PROCEDURE a"},
			{"CREATE TRIGGER a AFTER UPDATE ON b BEGIN UPDATE c SET d = 1; END", "CREATE TRIGGER a"},
			{"CREATE OR REPLACE PACKAGE BODY a AS PROCEDURE b IS BEGIN NULL; END; END;", "CREATE PACKAGE a"},
			{"CREATE DEFINER = root@localhost PROCEDURE a() SELECT 1", "CREATE PROCEDURE a"},
			{"CREATE OR ALTER PROCEDURE a AS UPDATE b SET c = 1", "CREATE PROCEDURE a"},
			{"CREATE SEQUENCE a START WITH 1 INCREMENT BY 1", "CREATE SEQUENCE a"},
			{"CREATE DATABASE a", "CREATE DATABASE a"},
			{"CREATE USER a WITH PASSWORD = 'b'", "CREATE USER a"},
			{"ALTER TABLE a ADD b INT, DROP COLUMN c", "ALTER TABLE a"},
			{"ALTER TABLE a ADD CONSTRAINT b FOREIGN KEY (c) REFERENCES d (e)", "ALTER TABLE a"},
			{"ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY'", "ALTER SESSION"},
			{"ALTER INDEX a REBUILD", "ALTER INDEX a"},
			{"DROP TABLE IF EXISTS a, b CASCADE", "DROP TABLE a b"},
			{"DROP PROCEDURE IF EXISTS a", "DROP PROCEDURE a"},
			{"TRUNCATE TABLE a", "TRUNCATE TABLE a"},
			{"TRUNCATE a", "TRUNCATE a"},
			{"LOCK TABLE a IN EXCLUSIVE MODE", "LOCK TABLE a"},
			{"LOCK TABLES a WRITE, b READ", "LOCK TABLES a b"},
		},
		"calls": {
			{"CALL a.b(?, ?)", "CALL a.b"},
			{"call a", "call a"},
			{"{call a(?)}", "call a"},
			{"{ ? = call a(?, ?) }", "call a"},
			{"CALL NEXT VALUE FOR a", "CALL a"},
			{"EXEC a.b.c 1, 'x'", "EXEC a.b.c"},
			{"EXECUTE a @b = 1", "EXECUTE a"},
			{"EXECUTE IMMEDIATE 'select 1'", "EXECUTE IMMEDIATE"},
		},
		"blocks": {
			{"BEGIN a.b(:1); END;", "BEGIN a.b"},
			{"begin :1 := a.b(:2, :3); end;", "begin a.b"},
			{"BEGIN a.b; c.d(1); END;", "BEGIN a.b c.d"},
			{"DECLARE x NUMBER := 5; BEGIN SELECT count(*) INTO x FROM a; b.c(x); END;", "DECLARE SELECT a b.c"},
			{"BEGIN INSERT INTO a VALUES (1); UPDATE b SET c = 1; COMMIT; EXCEPTION WHEN OTHERS THEN ROLLBACK; RAISE; END;", "BEGIN INSERT a UPDATE b COMMIT ROLLBACK"},
			{"BEGIN FOR r IN (SELECT * FROM a) LOOP DELETE FROM b WHERE c = r.c; END LOOP; END;", "BEGIN SELECT a DELETE b"},
			{"BEGIN FORALL i IN 1..:n SAVE EXCEPTIONS UPDATE a SET b = 1; END;", "BEGIN UPDATE a"},
			{"BEGIN TRY INSERT INTO a VALUES (1); END TRY BEGIN CATCH DELETE FROM b; THROW; END CATCH;", "BEGIN INSERT a DELETE b"},
			{"BEGIN IF x > 1 THEN p(1); ELSE NULL; END IF; END;", "BEGIN p"},
			{"BEGIN SELECT CASE WHEN a THEN b ELSE c END INTO x FROM d; END;", "BEGIN SELECT d"},
			{"IF EXISTS (SELECT 1 FROM a) UPDATE b SET c = 1", "SELECT a UPDATE b"},
			{"IF EXISTS (SELECT 1 FROM a) UPDATE b SET c = 1 ELSE INSERT INTO b (c) VALUES (1)", "SELECT a UPDATE b INSERT b"},
			{"IF @x = 1 UPDATE a SET b = CASE WHEN c THEN 1 ELSE 2 END ELSE IF @x = 2 DELETE FROM d ELSE EXEC e", "UPDATE a DELETE d EXEC e"},
			{"WHILE @i < 3 UPDATE a SET b = 1", "UPDATE a"},
			{"WHILE @i < 3 BEGIN INSERT INTO a VALUES (1); SET @i = @i + 1 END", "BEGIN INSERT a"},
		},
		"transactions": {
			{"BEGIN", "BEGIN"},
			{"begin transaction", "begin transaction"},
			{"BEGIN WORK", "BEGIN"},
			{"BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN"},
			{"COMMIT", "COMMIT"},
			{"COMMIT TRANSACTION", "COMMIT TRANSACTION"},
			{"ROLLBACK TO SAVEPOINT a", "ROLLBACK"},
			{"START TRANSACTION READ ONLY", "START TRANSACTION"},
			{"SAVEPOINT a1b2", "SAVEPOINT"},
		},
		"others": {
			{"EXPLAIN SELECT * FROM a", "EXPLAIN SELECT a"},
			{"EXPLAIN (ANALYZE, BUFFERS) DELETE FROM a", "EXPLAIN DELETE a"},
			{"EXPLAIN PLAN FOR SELECT * FROM a", "EXPLAIN SELECT a"},
			{"SET a = 1", "SET"},
			{"SHOW CREATE TABLE a", "SHOW"},
			{"GRANT SELECT, UPDATE ON a TO b", "GRANT"},
			{"REVOKE SELECT ON a FROM b", "REVOKE"},
			{"USE a", "USE a"},
			{"PRAGMA table_info(a)", "PRAGMA table_info"},
			{"DESCRIBE a", "DESCRIBE a"},
			{"VACUUM", "VACUUM"},
			{"COMMENT ON TABLE a IS 'b'", "COMMENT"},
			{"from Booking b where b.id = 1", "select Booking"},
			{"FROM a SELECT b", "SELECT a SELECT"},
		},
		"several": {
			{"SELECT a FROM b; DELETE FROM c", "SELECT b; DELETE c"},
			{"; ; SELECT a FROM b; ;", "SELECT b"},
			{"BEGIN; INSERT INTO a VALUES (1); COMMIT;", "BEGIN; INSERT a; COMMIT"},
			{"SET NOCOUNT ON; INSERT INTO a VALUES (1); SELECT b FROM a", "INSERT a; SELECT a"},
			{"GRANT SELECT ON a TO b; SELECT c FROM d", "GRANT; SELECT d"},
			{"WITH x AS (SELECT 1) SELECT * FROM x; SELECT * FROM x", "SELECT SELECT; SELECT x"},
		},
		"nothing": {
			{"", ""},
			{";", ""},
			{"  \n", ""},
			{"/* select */", ""},
			{"-- select", ""},
			{"42", ""},
			{"'x'", ""},
			{"hello world", ""},
			{"room_service", ""},
		},
		"comments": {
			{"/* a */ SELECT /* FROM b */ c -- FROM d\nFROM /* e */ f", "SELECT f"},
			{"SELECT /*+ INDEX(a b) */ * FROM a", "SELECT a"},
			{"update /*", "update"},
		},
	}
	for group, cases := range groups {
		t.Run(group, func(t *testing.T) {
			for _, c := range cases {
				for d := range Dialect(len(dialectNames)) {
					assert.Equal(t, c[1], Analyze(c[0], d).Summary, "%s: %s", d, c[0])
				}
			}
		})
	}
}

// TestSummaryOfDialect reads texts that are specific to one dialect.
func TestSummaryOfDialect(t *testing.T) {
	tests := []struct {
		d             Dialect
		text, summary string
	}{
		{Oracle, `SELECT * FROM "Guest List" g, emp@remote.example r`, `SELECT "Guest List" emp@remote.example`},
		{Oracle, "SELECT sid FROM v$session", "SELECT v$session"},
		{Oracle, "SELECT * FROM TABLE(pkg.rooms(:1)) t", "SELECT TABLE"},
		{Oracle, "SELECT * FROM a AS OF TIMESTAMP SYSTIMESTAMP - 5, b", "SELECT a b"},
		{Oracle, "SELECT * FROM a MODEL DIMENSION BY (x) MEASURES (y) RULES (y['t'] = y['u'])", "SELECT a"},
		{PostgreSQL, `SELECT "public"."User"."id" FROM "public"."User"`, `SELECT "public"."User"`},
		{PostgreSQL, "SELECT * FROM unnest(ARRAY[1,2,3]) u", "SELECT unnest"},
		{PostgreSQL, "DO $$ BEGIN PERFORM 1 FROM secret; END $$", "DO"},
		{MySQL, "SELECT * FROM `hotel`.`rooms` WHERE a = \"FROM x\"", "SELECT `hotel`.`rooms`"},
		{MySQL, "SELECT * FROM 2020_sales # FROM x\n, b", "SELECT 2020_sales b"},
		{MySQL, "/*!40000 ALTER TABLE a DISABLE KEYS */", "ALTER TABLE a"},
		{MySQL, `SELECT * FROM "rooms"`, `SELECT "rooms"`},
		{MySQL, "LOAD DATA INFILE 'x' INTO TABLE a", "LOAD a"},
		{SQLServer, "SELECT * FROM [hotel].[dbo].[Room List] r, db..t, ##tmp", "SELECT [hotel].[dbo].[Room List] db..t ##tmp"},
		{SQLServer, "SELECT * FROM [O'Brien] JOIN [a]]b] ON 1 = 1", "SELECT [O'Brien] [a]]b]"},
		{SQLServer, "UPDATE [b] SET [b].[c] = 1 FROM [Blogs] AS [b]", "UPDATE [Blogs]"},
		{SQLServer, "DECLARE @x int = 5; SELECT a FROM b WHERE c = @x", "SELECT b"},
		{SQLServer, "DECLARE @x int", "DECLARE"},
		{SQLServer, "EXEC @r = a @b", "EXEC a"},
		{SQLServer, "SET NOCOUNT ON INSERT INTO a VALUES (1)", "INSERT a"},
		{SQLServer, "CREATE SYMMETRIC KEY k WITH ALGORITHM = AES_256", "CREATE"},
		{SQLite, "SELECT * FROM [a b], \"c\", `d`", "SELECT [a b] \"c\" `d`"},
		{Generic, "SELECT * FROM \"guest list\", 'rooms'", "SELECT \"guest list\" 'rooms'"},
		{Generic, "SELECT * FROM `a`.\"b\" JOIN [c d] ON 1 = 1", "SELECT `a`.\"b\" [c d]"},
		{Generic, "SELECT * FROM schéma.tâble, таблица", "SELECT schéma.tâble таблица"},
		{Generic, "CREATE KEYSPACE a WITH replication = {'class': 'b'}", "CREATE KEYSPACE"},
	}
	for _, tt := range tests {
		t.Run(tt.d.String()+"/"+tt.text, func(t *testing.T) {
			assert.Equal(t, tt.summary, Analyze(tt.text, tt.d).Summary)
		})
	}
}

func TestSummaryLength(t *testing.T) {
	tables := make([]string, 60)
	for i := range tables {
		tables[i] = fmt.Sprintf("guest_table_%02d", i)
	}
	a := Analyze("SELECT * FROM "+strings.Join(tables, ", "), Generic)
	// "SELECT" has 6 characters, and each of the 16 tables adds 15.
	assert.Equal(t, "SELECT "+strings.Join(tables[:16], " "), a.Summary)
	assert.Len(t, a.Collections, 60)

	long := strings.Repeat("x", 300)
	assert.Equal(t, "SELECT", Analyze("SELECT * FROM "+long+", b", Generic).Summary)
	assert.Equal(t, "SELECT", Analyze("SELECT * FROM "+strings.Repeat(long, 100), Generic).Summary)

	name := strings.Repeat("é", 248)
	exact := Analyze("SELECT * FROM "+name, Generic).Summary
	require.Equal(t, 255, utf8.RuneCountInString(exact))
	assert.Equal(t, "SELECT", Analyze("SELECT * FROM "+name+"é", Generic).Summary)
	assert.Equal(t, "UPDATE b", Analyze("UPDATE b SET c = 1 FROM "+long+" b", Generic).Summary)
}
