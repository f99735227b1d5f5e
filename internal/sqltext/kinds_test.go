// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

type kindCase struct {
	d                             Dialect
	text                          string
	operation, summary, procedure string
}

func runKinds(t *testing.T, tests map[string][]kindCase) {
	t.Helper()
	for kind, cases := range tests {
		t.Run(kind, func(t *testing.T) {
			for _, tt := range cases {
				a, sanitized := AnalyzeAndSanitize(tt.text, tt.d)
				assert.Equal(t, tt.summary, a.Summary, tt.text)
				assert.Equal(t, tt.procedure, a.Procedure, tt.text)
				if tt.operation != "" {
					assert.Equal(t, tt.operation, a.Operation, tt.text)
				}
				assert.Equal(t, a.Summary, Analyze(sanitized, tt.d).Summary, "sanitized: %s", sanitized)
			}
		})
	}
}

func TestPLSQL(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"assignments to elements": {
			{Oracle, "BEGIN t_rooms(:1) := 4; spa.clean(t_rooms); END;", "BEGIN", "BEGIN spa.clean", "spa.clean"},
			{Oracle, "BEGIN t_rooms(f(1))(2).\"Size\" := NULL; END;", "BEGIN", "BEGIN", ""},
			{Oracle, "BEGIN t_rooms(1).wing.floor:=2; spa.clean(1); END;", "BEGIN", "BEGIN spa.clean", "spa.clean"},
			{Oracle, "BEGIN spa.clean(p => 1); END;", "BEGIN", "BEGIN spa.clean", "spa.clean"},
		},
		"variables": {
			{Oracle, "DECLARE n PLS_INTEGER; r towels%ROWTYPE; BEGIN :a := n; :b := r.size_cm; END;", "DECLARE", "DECLARE", ""},
			{Oracle, "BEGIN :a := spa.next_towel; END;", "BEGIN", "BEGIN spa.next_towel", "spa.next_towel"},
			{Oracle, "DECLARE t towel_list := towel_list(); BEGIN t.EXTEND(3); t.DELETE; spa.fold(t); END;", "DECLARE", "DECLARE spa.fold", "spa.fold"},
			{Oracle, "BEGIN t := towel_list(); t.EXTEND; spa.fold(t); END;", "BEGIN", "BEGIN spa.fold", "spa.fold"},
			{Oracle, "BEGIN FOR r IN (SELECT a FROM towels) LOOP :a := r.a; END LOOP; END;", "BEGIN", "BEGIN SELECT towels", ""},
			{Oracle, "DECLARE PROCEDURE p IS BEGIN IF a THEN spa.fold; END IF; END p; n NUMBER; BEGIN p; :a := n; spa.dry(n); END;", "DECLARE", "DECLARE spa.fold spa.dry", "spa.fold"},
			{Oracle, "DECLARE TYPE list IS TABLE OF NUMBER; x list; BEGIN x(1) := 2; END;", "DECLARE", "DECLARE", ""},
		},
		"pragma": {
			{Oracle, "DECLARE e EXCEPTION; PRAGMA EXCEPTION_INIT(e, -54); BEGIN UPDATE towels SET a = 1; END;", "DECLARE", "DECLARE UPDATE towels", ""},
			{SQLite, "PRAGMA foreign_keys = 1", "PRAGMA", "PRAGMA foreign_keys", ""},
		},
		"case": {
			{Oracle, "BEGIN CASE WHEN :a = 1 THEN spa.open; WHEN :a = 2 THEN DELETE FROM towels; ELSE NULL; END CASE; spa.shut; END;", "BEGIN", "BEGIN spa.open DELETE towels spa.shut", "spa.open"},
			{Oracle, "BEGIN x := CASE :a WHEN 1 THEN 2 ELSE 3 END; spa.shut; END;", "BEGIN", "BEGIN spa.shut", "spa.shut"},
		},
		"functions of the language": {
			{Oracle, "BEGIN :a := NVL(:b, SYSDATE); END;", "BEGIN", "BEGIN", ""},
			{Oracle, "BEGIN :a := REPLACE(:b, 'x', 'y'); spa.fold; END;", "BEGIN", "BEGIN spa.fold", "spa.fold"},
			{Oracle, "BEGIN :a := regexp_substr(:b, '.'); END;", "BEGIN", "BEGIN", ""},
			{Oracle, "BEGIN :a := spa.nvl(:b); END;", "BEGIN", "BEGIN spa.nvl", "spa.nvl"},
		},
		"labels": {
			{Oracle, "<<main>> DECLARE n NUMBER; BEGIN spa.fold(n); END main;", "DECLARE", "DECLARE spa.fold", "spa.fold"},
			{Oracle, "BEGIN <<o>> LOOP <<i>> WHILE x LOOP spa.fold; EXIT o; END LOOP i; END LOOP o; END;", "BEGIN", "BEGIN spa.fold", "spa.fold"},
			{PostgreSQL, "SELECT a << 2 FROM towels", "SELECT", "SELECT towels", ""},
		},
		"with function": {
			{Oracle, "WITH PROCEDURE p(n NUMBER) IS BEGIN IF n > 1 THEN NULL; END IF; END; FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END f; SELECT f() FROM towels", "SELECT", "SELECT towels", ""},
			{Oracle, "WITH function AS (SELECT * FROM towels) SELECT * FROM function", "SELECT", "SELECT towels SELECT", ""},
		},
		"blanks and comments in names": {
			{Oracle, "BEGIN spa -- the\n . fold /* x */ ( 1 ); END;", "BEGIN", "BEGIN spa.fold", "spa.fold"},
			{MySQL, "UPDATE `spa` . `towels` SET a = 1", "UPDATE", "UPDATE `spa`.`towels`", ""},
			{Generic, "SELECT * FROM spa /* a */ . towels t, b", "SELECT", "SELECT spa.towels b", ""},
			{SQLServer, "EXEC spa . fold 1", "EXEC", "EXEC spa.fold", "spa.fold"},
		},
	})
}

func TestStatementsByDialect(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"inner with": {
			{Oracle, "INSERT INTO towels (a) WITH t AS (SELECT 1 FROM dual) SELECT * FROM t", "INSERT", "INSERT towels SELECT dual SELECT", ""},
			{MySQL, "CREATE TABLE towels AS WITH t AS (SELECT * FROM sheets) SELECT * FROM t", "CREATE TABLE", "CREATE TABLE towels SELECT sheets SELECT", ""},
			{PostgreSQL, "WITH t AS (INSERT INTO sheets SELECT 1) UPDATE towels SET a = 1", "UPDATE", "INSERT sheets SELECT UPDATE towels", ""},
			{PostgreSQL, "WITH t AS (SELECT * FROM sheets) DELETE FROM towels", "DELETE", "SELECT sheets DELETE towels", ""},
		},
		"kinds of two words": {
			{Oracle, "ALTER PUBLIC DATABASE LINK far CONNECT TO a IDENTIFIED BY b", "ALTER DATABASE LINK", "ALTER DATABASE LINK far", ""},
			{Oracle, "DROP MATERIALIZED VIEW LOG ON spa.towels", "DROP MATERIALIZED VIEW LOG", "DROP MATERIALIZED VIEW LOG spa.towels", ""},
			{Oracle, "CREATE RESTORE POINT before_x", "CREATE RESTORE POINT", "CREATE RESTORE POINT before_x", ""},
			{Oracle, "CREATE DATABASE link", "CREATE DATABASE", "CREATE DATABASE link", ""},
		},
		"recursive": {
			{PostgreSQL, "WITH RECURSIVE a (x) AS (SELECT * FROM b, c), b AS MATERIALIZED (SELECT 1) SELECT * FROM a JOIN towels ON TRUE", "SELECT", "SELECT c SELECT SELECT towels", ""},
		},
		"table, fetch and lock": {
			{PostgreSQL, "TABLE ONLY towels", "TABLE", "TABLE towels", ""},
			{PostgreSQL, "LOCK ONLY towels", "LOCK", "LOCK towels", ""},
			{MySQL, "TABLE towels ORDER BY a", "TABLE", "TABLE towels", ""},
			{PostgreSQL, "FETCH NEXT FROM c", "FETCH", "FETCH", ""},
			{PostgreSQL, "LOCK TABLE ONLY spa.towels", "LOCK", "LOCK TABLE spa.towels", ""},
			{PostgreSQL, "SELECT a FROM towels FETCH FIRST 3 ROWS ONLY", "SELECT", "SELECT towels", ""},
		},
		"sql server": {
			{SQLServer, "SELECT a FROM towels UNION SELECT b FROM sheets OPTION (MERGE UNION, HASH JOIN)", "SELECT", "SELECT towels SELECT sheets", ""},
			{SQLServer, "IF @@TRANCOUNT > 1 COMMIT ELSE ROLLBACK TRAN", "COMMIT", "COMMIT ROLLBACK TRAN", ""},
			{SQLServer, "DECLARE -- one\n @a int = 1; DELETE FROM towels", "DELETE", "DELETE towels", ""},
			{SQLServer, "UPDATE STATISTICS [towels] WITH RESAMPLE", "UPDATE STATISTICS", "UPDATE STATISTICS [towels]", ""},
			{SQLServer, "UPDATE STATISTICS SET a = 1", "UPDATE", "UPDATE STATISTICS", ""},
			{SQLServer, "BULK INSERT spa.towels FROM 'x' WITH (ROWTERMINATOR = 'y')", "BULK INSERT", "BULK INSERT spa.towels", ""},
			{SQLServer, "ENABLE TRIGGER tr_a ON towels", "ENABLE TRIGGER", "ENABLE TRIGGER tr_a", ""},
			{SQLServer, "EXEC spa.fold 1; SELECT a FROM towels", "EXEC", "EXEC spa.fold; SELECT towels", "spa.fold"},
		},
		"mysql": {
			{MySQL, "DELETE t, s FROM towels AS t, sheets s WHERE t.id = s.id", "DELETE", "DELETE towels sheets", ""},
			{MySQL, "DELETE t.*, s.* FROM towels AS t JOIN sheets AS s ON 1 = 1", "DELETE", "DELETE towels sheets", ""},
			{MySQL, "DELETE s FROM towels t JOIN sheets s ON 1 = 1", "DELETE", "DELETE sheets", ""},
			{MySQL, "DELETE towels, s FROM towels INNER JOIN sheets s ON 1 = 1", "DELETE", "DELETE towels sheets", ""},
			{MySQL, "DELETE FROM towels, sheets USING towels INNER JOIN sheets ON 1 = 1", "DELETE", "DELETE towels sheets", ""},
			{MySQL, "SELECT a FROM towels USE INDEX FOR JOIN (i), sheets", "SELECT", "SELECT towels sheets", ""},
		},
		"others": {
			{Generic, "DELETE a, b FROM towels WHERE id = 1", "DELETE", "DELETE towels", ""},
			{Generic, "DELETE a['x'] FROM towels WHERE id = 1", "DELETE", "DELETE towels", ""},
			{Generic, "BEGIN UNLOGGED BATCH INSERT INTO towels (a) VALUES (1); DELETE FROM sheets WHERE a = 2; APPLY BATCH", "BEGIN", "BEGIN INSERT towels DELETE sheets", ""},
			{Generic, "COPY INTO towels FROM @stage", "COPY", "COPY towels", ""},
			{Generic, "SELECT a FROM towels JOIN@{FORCE_JOIN_ORDER=TRUE} sheets@{FORCE_INDEX=i}, beds", "SELECT", "SELECT towels sheets beds", ""},
			{Generic, "SELECT a FROM towels LEFT ARRAY JOIN tags JOIN sheets ON 1 = 1", "SELECT", "SELECT towels sheets", ""},
			{Generic, "SELECT a FROM towels LATERAL VIEW OUTER explode(x) t AS a, b LATERAL VIEW f(y) u AS c, d", "SELECT", "SELECT towels", ""},
			{Generic, "SELECT a FROM NEW TABLE (UPDATE towels SET a = 1)", "SELECT", "SELECT UPDATE towels", ""},
			{Generic, "FROM Towel t JOIN FETCH t.room r", "SELECT", "SELECT Towel t.room", ""},
			{PostgreSQL, "INSERT INTO #towels SELECT * FROM sheets, #beds", "INSERT", "INSERT #towels SELECT sheets #beds", ""},
			{PostgreSQL, "UNLOAD ('select 1') TO 's3://x'", "UNLOAD", "UNLOAD", ""},
		},
	})
}

func TestSanitizeByDialect(t *testing.T) {
	tests := []struct {
		d          Dialect
		text, want string
	}{
		{SQLServer, "EXEC spa.fold @name = Xq7, @n = 1, @o = @p OUT", "EXEC spa.fold @name = ?, @n = ?, @o = @p OUT"},
		{SQLServer, "EXECUTE @rc = spa.fold Xq7, [Xq8]", "EXECUTE @rc = spa.fold ?, ?"},
		{SQLServer, "EXEC spa.fold\nGO", "EXEC spa.fold\nGO"},
		{SQLServer, "EXEC spa.fold @id OUTPUT, NULL, DEFAULT WITH RECOMPILE; SELECT a FROM towels", "EXEC spa.fold @id OUTPUT, NULL, DEFAULT WITH RECOMPILE; SELECT a FROM towels"},
		{Oracle, `ADMINISTER KEY MANAGEMENT IMPORT KEYS WITH SECRET "Xq7" FROM '/a' IDENTIFIED BY Xq8`, "ADMINISTER KEY MANAGEMENT IMPORT KEYS WITH SECRET ?"},
		{Oracle, "SELECT secret \"Xq\" FROM towels", "SELECT secret \"Xq\" FROM towels"},
		{PostgreSQL, "COPY towels (a) FROM STDIN WITH (FORMAT csv);\nXq7,1\n\\.\nSELECT a FROM sheets", "COPY towels (a) FROM STDIN WITH (FORMAT csv);\n?\n\\.\nSELECT a FROM sheets"},
		{PostgreSQL, "copy towels from stdin;\nXq7'\n", "copy towels from stdin;\n?"},
		{Generic, "INSERT INTO towels FORMAT CSV\nXq7,1", "INSERT INTO towels FORMAT CSV\n?"},
		{Generic, "INSERT INTO towels FORMAT Values (1, 'Xq7')", "INSERT INTO towels FORMAT Values (?, ?)"},
	}
	for _, tt := range tests {
		a, got := AnalyzeAndSanitize(tt.text, tt.d)
		assert.Equal(t, tt.want, got)
		assert.Equal(t, tt.text != tt.want, a.HasLiterals, tt.text)
		assert.Equal(t, tt.want, Sanitize(tt.want, tt.d), "twice")
	}
}

// TestLookAheadIsLinear checks that the same text is not looked ahead at repeatedly.
func TestLookAheadIsLinear(t *testing.T) {
	for _, unit := range []string{"a /* */ . ", "BEGIN x(", "<<a>> ", "WITH RECURSIVE a AS (", "DELETE a, ", "a@{", "CREATE DATABASE ", "FROM FINAL TABLE (", "WITH FUNCTION f ", "; -- \n", "x -- . \n"} {
		for d := range Dialect(len(dialectNames)) {
			assert.NotPanics(t, func() { AnalyzeAndSanitize(strings.Repeat(unit, 1<<14), d) })
		}
	}
}
