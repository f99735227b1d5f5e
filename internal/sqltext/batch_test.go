// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestBatches reads batches of Transact-SQL, whose statements need no semicolons.
func TestBatches(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"statements": {
			{SQLServer, "DELETE FROM towels WHERE a = 1\nDELETE sheets\nDELETE TOP (5) FROM [beds]", "DELETE", "DELETE towels DELETE sheets DELETE [beds]", ""},
			{SQLServer, "UPDATE towels SET a = 1 WHERE b = 2 IF @@ROWCOUNT = 0 INSERT INTO sheets (a) VALUES (1) ELSE DELETE beds", "UPDATE", "UPDATE towels INSERT sheets DELETE beds", ""},
			{SQLServer, "BEGIN TRAN UPDATE t SET a = 1 FROM towels t INSERT sheets VALUES (1) COMMIT TRAN", "BEGIN", "BEGIN TRAN UPDATE towels INSERT sheets COMMIT TRAN", ""},
			{SQLServer, "CREATE TABLE #t (a int) CREATE INDEX i ON #t (a) INSERT #t SELECT a FROM towels DROP TABLE #t", "CREATE TABLE", "CREATE TABLE #t CREATE INDEX i INSERT #t SELECT towels DROP TABLE #t", ""},
			{SQLServer, "SELECT a FROM towels EXEC spa.fold 1, @b = @c OUTPUT EXEC spa.dry", "SELECT", "SELECT towels EXEC spa.fold EXEC spa.dry", "spa.fold"},
			{SQLServer, "PRINT 'x' DELETE FROM towels SELECT @@ROWCOUNT", "PRINT", "PRINT DELETE towels SELECT", ""},
			{SQLServer, "INSERT towels VALUES (1) SELECT SCOPE_IDENTITY() INSERT sheets DEFAULT VALUES SELECT a FROM sheets", "INSERT", "INSERT towels SELECT INSERT sheets SELECT sheets", ""},
			{SQLServer, "SET XACT_ABORT ON CREATE TABLE towels (a int) GRANT SELECT ON towels TO app", "CREATE TABLE", "CREATE TABLE towels GRANT", ""},
			{SQLServer, "WITH t AS (SELECT * FROM towels) DELETE FROM t SELECT * FROM t", "DELETE", "SELECT towels DELETE SELECT t", ""},
			{SQLServer, "BEGIN TRY UPDATE towels SET a = 1 INSERT sheets VALUES (1) END TRY BEGIN CATCH ROLLBACK DELETE beds END CATCH", "BEGIN", "BEGIN UPDATE towels INSERT sheets ROLLBACK DELETE beds", ""},
			{SQLServer, "SELECT CASE WHEN a = 1 THEN 2 ELSE 3 END FROM towels ORDER BY a DESC TRUNCATE TABLE sheets", "SELECT", "SELECT towels TRUNCATE TABLE sheets", ""},
			{SQLServer, "ALTER TABLE towels DROP CONSTRAINT c ALTER TABLE sheets ALTER COLUMN a int", "ALTER TABLE", "ALTER TABLE towels ALTER TABLE sheets", ""},
		},
		"parts of a statement": {
			{SQLServer, "MERGE towels USING sheets ON 1 = 1 WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1) WHEN NOT MATCHED BY SOURCE THEN DELETE;", "MERGE", "MERGE towels", ""},
			{SQLServer, "INSERT towels (a) OUTPUT inserted.a INTO beds SELECT a FROM sheets UNION ALL SELECT a FROM rooms", "INSERT", "INSERT towels SELECT sheets SELECT rooms", ""},
			{SQLServer, "INSERT @t EXEC spa.fold 1", "INSERT", "INSERT EXEC spa.fold", "spa.fold"},
			{SQLServer, "ALTER TABLE towels ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES sheets (a) ON DELETE CASCADE ON UPDATE SET NULL", "ALTER TABLE", "ALTER TABLE towels", ""},
			{SQLServer, "ALTER TABLE towels DROP COLUMN IF EXISTS a", "ALTER TABLE", "ALTER TABLE towels", ""},
			{SQLServer, "ALTER DATABASE spa SET OFFLINE WITH ROLLBACK IMMEDIATE", "ALTER DATABASE", "ALTER DATABASE spa", ""},
			{SQLServer, "CREATE SECURITY POLICY p ADD BLOCK PREDICATE spa.f(a) ON towels AFTER INSERT WITH (STATE = ON)", "CREATE POLICY", "CREATE POLICY p", ""},
			{SQLServer, "CREATE TRIGGER tr ON towels FOR INSERT, UPDATE AS IF UPDATE(a) DELETE sheets", "CREATE TRIGGER", "CREATE TRIGGER tr", ""},
			{SQLServer, "SELECT a FROM towels INNER MERGE JOIN sheets ON 1 = 1", "SELECT", "SELECT towels sheets", ""},
			{SQLServer, "SELECT t.[delete], [update] FROM [select] AS t", "SELECT", "SELECT [select]", ""},
			{SQLServer, "DECLARE c CURSOR FOR SELECT a FROM towels FOR UPDATE OF a", "DECLARE", "DECLARE SELECT towels", ""},
		},
	})
	a := Analyze("CREATE TABLE #t (a int) INSERT #t SELECT a FROM towels DELETE sheets", SQLServer)
	assert.Equal(t, []string{"#t", "towels", "sheets"}, a.Collections)
	a, sanitized := AnalyzeAndSanitize("CREATE LOGIN app WITH PASSWORD = 'Xq7' UPDATE towels SET password = 'Xq8' EXEC spa.fold Xq9", SQLServer)
	assert.Equal(t, "CREATE LOGIN app UPDATE towels EXEC spa.fold", a.Summary)
	assert.NotContains(t, sanitized, "Xq")
}
