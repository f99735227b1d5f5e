// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The tests in this file read other forms of the statements in kinds_test.go.
func TestFormsOfBlocks(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"labels": {
			{Oracle, "BEGIN <<m>> INSERT INTO towels VALUES (1); <<n>> DELETE FROM sheets; END;", "BEGIN", "BEGIN INSERT towels DELETE sheets", ""},
			{Oracle, "BEGIN <<m>> :a := spa.fold(1); END;", "BEGIN", "BEGIN spa.fold", "spa.fold"},
			{Generic, "BEGIN <<m>> spa.fold; spa.dry; END;", "BEGIN", "BEGIN spa.fold spa.dry", "spa.fold"},
			{Oracle, "<<b>> DECLARE n NUMBER; BEGIN b.n := 1; :a := b.n; spa.fold; END b;", "DECLARE", "DECLARE spa.fold", "spa.fold"},
			{PostgreSQL, "BEGIN; SELECT a << 2 FROM towels", "BEGIN", "BEGIN; SELECT towels", ""},
		},
		"what is no procedure": {
			{Oracle, "BEGIN :a := towel_seq.NEXTVAL; :b := spa.towel_seq.currval; END;", "BEGIN", "BEGIN", ""},
			{Oracle, "BEGIN :a := TO_BINARY_FLOAT(:b); :c := JSON_ARRAYAGG(:d); :e := ROWNUM; END;", "BEGIN", "BEGIN", ""},
			{Oracle, "BEGIN IF :a THEN RAISE_APPLICATION_ERROR(-20001, 'x'); END IF; END;", "BEGIN", "BEGIN", ""},
			{Oracle, "DECLARE PROCEDURE p(t IN OUT towel_list, n NUMBER DEFAULT f(1, 2)) IS BEGIN t.EXTEND; t.DELETE(2); :a := n; END; BEGIN spa.fold(1); END;", "DECLARE", "DECLARE spa.fold", "spa.fold"},
		},
		"with function": {
			{Oracle, "WITH FUNCTION f RETURN NUMBER IS BEGIN IF a THEN NULL; END IF; RETURN 1; END; t AS (SELECT * FROM towels) SELECT f FROM t", "SELECT", "SELECT towels SELECT", ""},
			{Oracle, "SELECT * FROM (WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN g(1); END; SELECT f FROM towels)", "SELECT", "SELECT SELECT towels", ""},
			{Oracle, "UPDATE towels SET a = (WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT f FROM sheets)", "UPDATE", "UPDATE towels SELECT sheets", ""},
		},
		"transactions within a block": {
			{SQLServer, "BEGIN TRY BEGIN TRAN UPDATE towels SET a = 1; COMMIT END TRY BEGIN CATCH ROLLBACK END CATCH", "BEGIN", "BEGIN BEGIN TRAN UPDATE towels COMMIT ROLLBACK", ""},
			{SQLServer, "BEGIN TRAN UPDATE towels SET a = 1", "BEGIN", "BEGIN TRAN UPDATE towels", ""},
		},
	})
}

func TestFormsOfStatements(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"inner with": {
			{MySQL, "REPLACE INTO towels WITH s AS (SELECT * FROM sheets) SELECT * FROM s", "REPLACE", "REPLACE towels SELECT sheets SELECT", ""},
			{MySQL, "CREATE TABLE towels WITH `s` AS (SELECT * FROM sheets) SELECT * FROM `s`", "CREATE TABLE", "CREATE TABLE towels SELECT sheets SELECT", ""},
			{MySQL, "CREATE TABLE towels (a INT) WITH SYSTEM VERSIONING", "CREATE TABLE", "CREATE TABLE towels", ""},
			{PostgreSQL, "COPY (WITH s AS (SELECT * FROM sheets) SELECT * FROM s) TO STDOUT", "COPY", "COPY SELECT sheets SELECT", ""},
			{SQLServer, "INSERT INTO towels WITH (TABLOCK) SELECT * FROM sheets", "INSERT", "INSERT towels SELECT sheets", ""},
			{PostgreSQL, "SELECT * FROM (WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a) t", "SELECT", "SELECT SELECT SELECT SELECT", ""},
		},
		"kinds of two words": {
			{Oracle, "CREATE DATABASE LINK IF NOT EXISTS far USING 'x'", "CREATE DATABASE LINK", "CREATE DATABASE LINK far", ""},
			{Oracle, "DROP DATABASE LINK IF EXISTS far", "DROP DATABASE LINK", "DROP DATABASE LINK far", ""},
			{Oracle, "ALTER MATERIALIZED VIEW LOG FORCE ON towels ADD ROWID", "ALTER MATERIALIZED VIEW LOG", "ALTER MATERIALIZED VIEW LOG towels", ""},
			{Oracle, "CREATE MATERIALIZED VIEW LOG IF NOT EXISTS ON towels", "CREATE MATERIALIZED VIEW LOG", "CREATE MATERIALIZED VIEW LOG towels", ""},
			{Generic, "CREATE CUSTOM INDEX i ON towels (a)", "CREATE INDEX", "CREATE INDEX i", ""},
		},
		"table": {
			{PostgreSQL, "SELECT * FROM sheets UNION ALL TABLE towels", "SELECT", "SELECT sheets TABLE towels", ""},
			{MySQL, "(TABLE towels) EXCEPT (TABLE sheets)", "TABLE", "TABLE towels TABLE sheets", ""},
			{MySQL, "INSERT INTO towels (a) TABLE sheets", "INSERT", "INSERT towels TABLE sheets", ""},
			{MySQL, "CREATE TABLE towels TABLE sheets", "CREATE TABLE", "CREATE TABLE towels TABLE sheets", ""},
			{PostgreSQL, "CREATE VIEW towels AS TABLE ONLY sheets", "CREATE VIEW", "CREATE VIEW towels TABLE sheets", ""},
			{PostgreSQL, "WITH t AS (TABLE towels) TABLE t", "TABLE", "TABLE towels TABLE", ""},
			{PostgreSQL, "EXPLAIN TABLE towels", "EXPLAIN", "EXPLAIN TABLE towels", ""},
			{PostgreSQL, "SELECT * FROM (TABLE towels) t JOIN sheets ON a IN (TABLE beds)", "SELECT", "SELECT TABLE towels sheets TABLE beds", ""},
			{PostgreSQL, "COPY (TABLE towels) TO STDOUT", "COPY", "COPY TABLE towels", ""},
			{MySQL, "SELECT a table FROM towels", "SELECT", "SELECT towels", ""},
		},
		"lock": {
			{PostgreSQL, "LOCK TABLE towels, ONLY spa.sheets, beds IN SHARE MODE", "LOCK", "LOCK TABLE towels spa.sheets beds", ""},
			{PostgreSQL, "LOCK towels, sheets", "LOCK", "LOCK towels sheets", ""},
			{PostgreSQL, "LOCK TABLE ONLY (towels) IN SHARE MODE", "LOCK", "LOCK TABLE towels", ""},
			{Oracle, "LOCK TABLE towels PARTITION (p), sheets@far IN EXCLUSIVE MODE", "LOCK", "LOCK TABLE towels sheets@far", ""},
			{MySQL, "LOCK TABLES towels AS t READ LOCAL, sheets s WRITE", "LOCK", "LOCK TABLES towels sheets", ""},
		},
		"delete": {
			{MySQL, "DELETE FROM t, s USING towels AS t INNER JOIN sheets AS s WHERE t.id = s.id", "DELETE", "DELETE towels sheets", ""},
			{MySQL, "DELETE FROM t.*, spa.sheets.* USING towels t, spa.sheets, beds", "DELETE", "DELETE towels spa.sheets", ""},
			{MySQL, "DELETE FROM towels USING towels, sheets", "DELETE", "DELETE towels", ""},
			{MySQL, "DELETE FROM `t` USING `towels` t, (SELECT * FROM sheets) s", "DELETE", "DELETE `towels` SELECT sheets", ""},
			{MySQL, "DELETE towels, `s` FROM spa.towels JOIN sheets AS s USING (id)", "DELETE", "DELETE spa.towels sheets", ""},
			{MySQL, "DELETE spa . towels FROM spa . towels", "DELETE", "DELETE spa.towels", ""},
			{MySQL, "DELETE FROM towels WHERE a = 1; DELETE FROM sheets", "DELETE", "DELETE towels; DELETE sheets", ""},
			{Oracle, "DELETE spa /* x */ . towels WHERE a = 1", "DELETE", "DELETE spa.towels", ""},
			{SQLServer, "INSERT spa . towels VALUES (1)", "INSERT", "INSERT spa.towels", ""},
			{PostgreSQL, "DELETE FROM towels t USING sheets s", "DELETE", "DELETE towels", ""},
		},
		"sql server": {
			{Generic, "SELECT a FROM towels JOIN sheets ON 1 = 1 OPTION (MERGE JOIN)", "SELECT", "SELECT towels sheets", ""},
			{SQLServer, "IF @a = 1 BULK INSERT towels FROM 'x'", "BULK INSERT", "BULK INSERT towels", ""},
			{SQLServer, "IF @a = 1 DISABLE TRIGGER tr_a ON towels", "DISABLE TRIGGER", "DISABLE TRIGGER tr_a", ""},
			{SQLServer, "IF @a = 1 GRANT SELECT ON towels TO app", "GRANT", "GRANT", ""},
			{SQLServer, "DECLARE @a int = 1 IF @a <> 0 ROLLBACK TRAN", "ROLLBACK", "ROLLBACK TRAN", ""},
			{SQLServer, "EXECUTE AS USER = 'a'; SELECT a FROM towels", "EXECUTE", "EXECUTE; SELECT towels", ""},
			{SQLServer, "EXEC spa.fold 1 UPDATE towels SET a = 1", "EXEC", "EXEC spa.fold UPDATE towels", "spa.fold"},
			{Generic, "UPDATE STATISTICS towels ix", "UPDATE STATISTICS", "UPDATE STATISTICS towels", ""},
			{Generic, "UPDATE statistics s SET a = 1", "UPDATE", "UPDATE statistics", ""},
		},
		"others": {
			{Generic, "BEGIN LOGGED BATCH INSERT INTO towels (a) VALUES (1); APPLY BATCH", "BEGIN", "BEGIN INSERT towels", ""},
			{Generic, "INSERT OVERWRITE ALL INTO towels INTO sheets SELECT * FROM beds", "INSERT", "INSERT towels sheets SELECT beds", ""},
			{Generic, "INSERT OVERWRITE LOCAL DIRECTORY '/x' SELECT * FROM towels", "INSERT", "INSERT SELECT towels", ""},
			{PostgreSQL, "TRUNCATE #towels", "TRUNCATE", "TRUNCATE #towels", ""},
			{PostgreSQL, "COPY #towels FROM 's3://x'", "COPY", "COPY #towels", ""},
			{MySQL, "SELECT * FROM spa # x\n . # y\n towels", "SELECT", "SELECT spa.towels", ""},
		},
	})
}

func TestFormsOfSanitizing(t *testing.T) {
	tests := []struct {
		d          Dialect
		text, want string
	}{
		{Oracle, "ALTER PLUGGABLE DATABASE spa UNPLUG INTO '/x.pdb' ENCRYPT USING Xq7", "ALTER PLUGGABLE DATABASE spa UNPLUG INTO ? ENCRYPT USING ?"},
		{Oracle, `CREATE PLUGGABLE DATABASE spa USING '/x.pdb' DECRYPT USING "Xq7"`, "CREATE PLUGGABLE DATABASE spa USING ? DECRYPT USING ?"},
		{Oracle, "CONN app/Xq7@spa", "CONN app/?"},
		{Generic, "CONNECT TO spa USER app USING Xq7", "CONNECT TO spa USER app USING ?"},
		{Generic, "ATTACH TO node USER app USING Xq7", "ATTACH TO node USER app USING ?"},
		{Generic, "MODIFY USER app AS PERM = 1, PASSWORD = Xq7", "MODIFY USER app AS PERM = ?, PASSWORD = ?"},
		{Generic, "SET PASSWORD Xq7", "SET PASSWORD ?"},
		{MySQL, "SET PASSWORD FOR app = PASSWORD('Xq7')", "SET PASSWORD FOR app = PASSWORD(?)"},
		{SQLite, "PRAGMA key = Xq7", "PRAGMA key = ?"},
		{SQLite, `PRAGMA rekey("Xq7")`, "PRAGMA rekey(?"},
		{SQLite, `ATTACH DATABASE 'x' AS y KEY "Xq7"`, "ATTACH DATABASE ? AS y KEY ?"},
		{SQLite, "PRAGMA foreign_keys = ON", "PRAGMA foreign_keys = ON"},

		{SQLServer, "sp_addlogin Xq7, Xq8", "sp_addlogin ?, ?"},
		{SQLServer, "spa.fold @name = Xq7", "spa.fold @name = ?"},
		{Generic, "sp_password Xq7, Xq8", "sp_password ?, ?"},
		{SQLServer, "EXEC @p Xq7, 1", "EXEC @p ?, ?"},
		{SQLServer, "EXEC spa.fold Xq7 EXEC spa.dry Xq8", "EXEC spa.fold ? EXEC spa.dry ?"},
		{SQLServer, "EXEC spa.fold First", "EXEC spa.fold ?"},
		{SQLServer, "EXEC spa.fold Date, Left", "EXEC spa.fold ?, ?"},
		{SQLServer, "EXEC spa.fold @a = Xq7 SELECT a FROM towels WHERE a = b", "EXEC spa.fold @a = ? SELECT a FROM towels WHERE a = b"},
		{SQLServer, "spa .0, Xq7", "spa ?, ?"},
		{SQLServer, "RETURN a", "RETURN a"},
		{MySQL, "SELECT ''000000a", "SELECT ??"},
		{PostgreSQL, "SELECT a[0.:7]", "SELECT a[?:?]"},
		{Oracle, "FORALL i IN 1..:n", "FORALL i IN ?..:n"},

		{PostgreSQL, "COPY towels FROM STDIN\nXq7\t1\n", "COPY towels FROM STDIN\n?"},
		{PostgreSQL, "COPY towels FROM STDIN\nWITH (\nFORMAT csv,\nNULL ''\n)\nXq7,1\n\\.\n", "COPY towels FROM STDIN\nWITH (\nFORMAT csv,\nNULL ?\n)\n?\n\\.\n"},
		{PostgreSQL, "COPY towels FROM STDIN\n'a',Xq7\n(b),Xq8\n", "COPY towels FROM STDIN\n?"},
		{PostgreSQL, "COPY towels FROM STDIN\nnull,Xq7\n", "COPY towels FROM STDIN\n?"},
		{PostgreSQL, "COPY towels FROM STDIN\nNULL AS ''\nDELIMITER ','\n,Xq7\n", "COPY towels FROM STDIN\nNULL AS ?\nDELIMITER ?\n?"},
		{PostgreSQL, "COPY towels FROM STDIN;\n\\.Xq7\nXq8\n\\.\nSELECT a FROM sheets", "COPY towels FROM STDIN;\n?\n\\.\nSELECT a FROM sheets"},

		{PostgreSQL, "UPDATE t SET value=value+1, date=date-2, type=type*3, a=NULL+4", "UPDATE t SET value=value+?, date=date-?, type=type*?, a=NULL+?"},
		{SQLServer, "UPDATE t SET a=@b+1, c=CASE WHEN d THEN e END-2", "UPDATE t SET a=@b+?, c=CASE WHEN d THEN e END-?"},
		{PostgreSQL, "SELECT a FROM t WHERE b BETWEEN -1 AND -2 LIMIT -3", "SELECT a FROM t WHERE b BETWEEN ? AND ? LIMIT ?"},
	}
	for _, tt := range tests {
		a, got := AnalyzeAndSanitize(tt.text, tt.d)
		assert.Equal(t, tt.want, got)
		assert.Equal(t, tt.text != tt.want, a.HasLiterals, tt.text)
		assert.Equal(t, tt.want, Sanitize(tt.want, tt.d), "twice")
		assert.NotContains(t, a.Summary+a.Procedure, "Xq")
	}
}
