// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "testing"

// TestKeywordsAsNames reads words that are keywords in one place and names in another.
func TestKeywordsAsNames(t *testing.T) {
	runKinds(t, map[string][]kindCase{
		"privileges": {
			{PostgreSQL, "CREATE POLICY p ON towels FOR SELECT TO app USING (a = 1)", "CREATE POLICY", "CREATE POLICY p", ""},
			{PostgreSQL, "ALTER DEFAULT PRIVILEGES IN SCHEMA spa GRANT SELECT ON TABLES TO app", "ALTER DEFAULT PRIVILEGES", "ALTER DEFAULT PRIVILEGES", ""},
			{PostgreSQL, "ALTER DEFAULT PRIVILEGES FOR ROLE r REVOKE SELECT ON TABLES FROM app; SELECT 1", "ALTER DEFAULT PRIVILEGES", "ALTER DEFAULT PRIVILEGES; SELECT", ""},
		},
		"kinds of several words": {
			{Oracle, "CREATE VECTOR INDEX v ON towels (a)", "CREATE INDEX", "CREATE INDEX v", ""},
			{Generic, "DROP SEARCH INDEX v", "DROP INDEX", "DROP INDEX v", ""},
			{Oracle, "CREATE OR REPLACE JSON RELATIONAL DUALITY VIEW v AS SELECT JSON {'a': a} FROM towels", "CREATE VIEW", "CREATE VIEW v SELECT towels", ""},
			{Generic, "CREATE MULTISET VOLATILE TABLE towels (a INT)", "CREATE TABLE", "CREATE TABLE towels", ""},
			{Oracle, "TRUNCATE CLUSTER spa.c DROP STORAGE", "TRUNCATE CLUSTER", "TRUNCATE CLUSTER spa.c", ""},
			{PostgreSQL, "TRUNCATE cluster", "TRUNCATE", "TRUNCATE cluster", ""},
			{PostgreSQL, "CREATE USER MAPPING IF NOT EXISTS FOR app SERVER far OPTIONS (user 'a', password 'b')", "CREATE USER MAPPING", "CREATE USER MAPPING", ""},
			{PostgreSQL, "CREATE USER mapping", "CREATE USER", "CREATE USER mapping", ""},
			{SQLServer, "CREATE SEARCH PROPERTY LIST l", "CREATE", "CREATE", ""},
			{SQLServer, "CREATE USER mapping FOR LOGIN app", "CREATE USER", "CREATE USER mapping", ""},
		},
		"insert": {
			{Generic, "INSERT INTO FUNCTION s3('x', 'CSV') VALUES (1)", "INSERT", "INSERT s3", ""},
			{Generic, "INSERT INTO TABLE FUNCTION remote('x', spa.towels) SELECT * FROM sheets", "INSERT", "INSERT remote SELECT sheets", ""},
			{Generic, "INSERT INTO function (a) VALUES (1)", "INSERT", "INSERT function", ""},
			{Generic, `INSERT OVERWRITE DIRECTORY "/x" SELECT * FROM towels`, "INSERT", "INSERT SELECT towels", ""},
		},
		"execute": {
			{Generic, "EXECUTE BLOCK AS DECLARE a INT; BEGIN UPDATE towels SET a = 1; EXECUTE PROCEDURE spa_fold(1); END", "EXECUTE", "EXECUTE BLOCK UPDATE towels EXECUTE spa_fold", "spa_fold"},
			{Generic, "EXECUTE BLOCK (a INT = ?) RETURNS (b INT) AS BEGIN DELETE FROM towels; END", "EXECUTE", "EXECUTE BLOCK DELETE towels", ""},
			{Generic, "EXECUTE PROCEDURE block", "EXECUTE", "EXECUTE block", "block"},
			{Oracle, "{call proc(?)}", "CALL", "call proc", "proc"},
			{Generic, "EXECUTE PROCEDURE fold 1", "EXECUTE", "EXECUTE fold", "fold"},
		},
		"end of a transaction": {
			{PostgreSQL, "END", "END", "END", ""},
			{SQLite, "END TRANSACTION;", "END", "END TRANSACTION", ""},
			{PostgreSQL, "BEGIN; DELETE FROM towels; end work", "BEGIN", "BEGIN; DELETE towels; end", ""},
			{Generic, "BEGIN DELETE FROM towels; END;", "BEGIN", "BEGIN DELETE towels", ""},
			{Oracle, "END", "", "", ""},
			{Generic, "END IF", "", "", ""},
		},
		"lock": {
			{Generic, "LOCK ROW FOR ACCESS SELECT * FROM towels", "LOCK", "LOCK SELECT towels", ""},
			{Generic, "LOCK row", "LOCK", "LOCK row", ""},
		},
	})
}
