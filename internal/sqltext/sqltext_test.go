// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOperation(t *testing.T) {
	for text, want := range map[string]string{
		"select a from b":                              "SELECT",
		"insert into a values (1)":                     "INSERT",
		"with x as (select 1) select * from x":         "SELECT",
		"with x as (select 1) delete from a":           "DELETE",
		"with x as (select 1) insert into a select 1":  "INSERT",
		"select 1; with x as (select 1) delete from a": "SELECT",
		"merge into a using b on (1 = 1)":              "MERGE",
		"create table a (b int)":                       "CREATE TABLE",
		"create or replace package body a as end":      "CREATE PACKAGE",
		"create materialized view a as select 1":       "CREATE MATERIALIZED VIEW",
		"alter proc a as select 1":                     "ALTER PROC",
		"create keyspace a":                            "CREATE",
		"drop index a":                                 "DROP INDEX",
		"alter session set a = 'b'":                    "ALTER SESSION",
		"truncate table a":                             "TRUNCATE TABLE",
		"truncate a":                                   "TRUNCATE",
		"call a()":                                     "CALL",
		"{call a()}":                                   "CALL",
		"exec a":                                       "EXEC",
		"begin a.b(:1); end;":                          "BEGIN",
		"declare x int; begin a(x); end;":              "DECLARE",
		"begin transaction":                            "BEGIN",
		"commit":                                       "COMMIT",
		"lock table a":                                 "LOCK",
		"explain select 1":                             "EXPLAIN",
		"set a = 1":                                    "SET",
		"set a = 1; select 2":                          "SELECT",
		"deny select on a to b":                        "DENY",
		"from Guest":                                   "SELECT",
		"(select 1)":                                   "SELECT",
		"-- x\n/* y */ update a set b = 1":             "UPDATE",
		"hello":                                        "",
		"":                                             "",
	} {
		assert.Equal(t, want, Analyze(text, Generic).Operation, text)
	}
}

func TestCollections(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"SELECT 1", nil},
		{"SELECT * FROM B b JOIN a.C c ON 1 = 1, B", []string{"B", "a.C"}},
		{"SELECT * FROM `a b` WHERE x IN (SELECT y FROM b)", []string{"`a b`", "b"}},
		{"WITH x AS (SELECT * FROM a) SELECT * FROM x JOIN b ON 1 = 1", []string{"a", "b"}},
		{`WITH "x" AS (SELECT * FROM a) SELECT * FROM "x", x`, []string{"a"}},
		{"INSERT INTO a SELECT * FROM b", []string{"a", "b"}},
		{"CREATE TABLE a (b INT)", []string{"a"}},
		{"DROP TABLE a, b", []string{"a", "b"}},
		{"CREATE VIEW a AS SELECT * FROM b", []string{"b"}},
		{"CREATE INDEX a ON b (c)", nil},
		{"TRUNCATE TABLE a", []string{"a"}},
		{"LOCK TABLE a", []string{"a"}},
		{"USE a", nil},
		{"CALL a(?)", nil},
		{"UPDATE a SET x = 1 FROM b AS a", []string{"b"}},
		{"SELECT * FROM b; UPDATE a SET x = 1 FROM b AS a", []string{"b"}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, Analyze(tt.text, Generic).Collections, tt.text)
	}

	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "SELECT * FROM t%d;", i)
	}
	assert.Len(t, Analyze(b.String(), Generic).Collections, maxCollections)
}

func TestProcedure(t *testing.T) {
	tests := []struct {
		d          Dialect
		text, want string
	}{
		{Generic, "CALL a.b(?)", "a.b"},
		{Generic, "{? = call a.b(?)}", "a.b"},
		{Generic, "CALL `a`.`b`()", "`a`.`b`"},
		{Generic, "call next value for a", ""},
		{SQLServer, "EXEC [dbo].[a b] @c = 1", "[dbo].[a b]"},
		{SQLServer, "EXEC @r = dbo.a", "dbo.a"},
		{Oracle, "BEGIN a.b(:1, x => 'y'); c(); END;", "a.b"},
		{Oracle, "BEGIN :r := a.b(:1); END;", "a.b"},
		{Oracle, "DECLARE x VARCHAR2(10); BEGIN x := 'y'; a@remote(x); END;", "a@remote"},
		{Oracle, "BEGIN NULL; RETURN; EXIT; END;", ""},
		{Oracle, "EXECUTE IMMEDIATE 'x'", ""},
		{PostgreSQL, "EXECUTE prepared(1)", ""},
		{MySQL, "CALL a.b()", "a.b"},
		{Oracle, "SELECT a.b(:1) FROM dual", ""},
		{Oracle, "CREATE PROCEDURE a IS BEGIN b(1); END;", ""},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, Analyze(tt.text, tt.d).Procedure, "%s: %s", tt.d, tt.text)
	}
}

func TestBinds(t *testing.T) {
	tests := []struct {
		d     Dialect
		texts []string
	}{
		{Generic, []string{"a = ?", "a in (?,?)", "limit ?", "a = $1", "a = :a", "a = @a", "a = %s", "a = %(b)s", "a = $b", "?::int", "like ? escape '!'"}},
		{Oracle, []string{"a = :1", "a = :name", "begin :1 := a(:2); end;", "a=:b", "(:1)", "a = ?"}},
		{PostgreSQL, []string{"a = $1", "a = ?", "a = $12::int", "a = @a", "a = %s", "a @> $1", "a ?| $1"}},
		{MySQL, []string{"a = ?", "a = %s", "a = :a"}},
		{SQLServer, []string{"a = @p0", "exec a @p0", "exec a @b = @p0", "a = ?"}},
		{SQLite, []string{"a = ?", "a = ?1", "a = :a", "a = @a", "a = $a"}},
	}
	for _, tt := range tests {
		for _, text := range tt.texts {
			if !strings.HasPrefix(text, "exec") && !strings.HasPrefix(text, "begin") {
				text = "select x from y where " + text
			}
			a := Analyze(text, tt.d)
			assert.True(t, a.HasBinds, "%s: %s", tt.d, text)
			if !strings.Contains(text, "'") {
				assert.False(t, a.HasLiterals, "%s: %s", tt.d, text)
				assert.Equal(t, text, Sanitize(text, tt.d))
			}
		}
	}
}

// TestNoBinds reads texts that are not parameterized and must be sanitized.
func TestNoBinds(t *testing.T) {
	tests := []struct {
		d     Dialect
		texts []string
	}{
		{Generic, []string{"select '?'", "select a::int", "select ':a', \"?\"", "-- ?\nselect 1", "select /* :1 */ 1", "a := 5", "x = $action", "a % b", "src:path.name"}},
		{PostgreSQL, []string{"data ? 'key'", "data ?| array['a']", "data ?& array['a']", "data ?? 'key'", "data->'a' ? 'b'", "(a) ? 'b'", "a[1:2]", "a @> 'b'", "a <@b", "E'?' = 'a'"}},
		{MySQL, []string{"select @a, 'x'", "select @@version", "set @a = 'x'", "a := 1"}},
		{SQLServer, []string{
			"declare @a int = 5 select 'x' where b = @a", "exec a @b = 'x', @c = 5", "select @@rowcount, 'x'",
			"create procedure a @b int as select 'x' where c = @b", "hierarchyid::GetRoot()", "$action",
		}},
		{Oracle, []string{"create trigger a before insert on b begin :new.c := 'x'; end;", "a@b", "select ':1' from dual"}},
	}
	for _, tt := range tests {
		for _, text := range tt.texts {
			assert.False(t, Analyze(text, tt.d).HasBinds, "%s: %s", tt.d, text)
		}
	}
}

func TestLiterals(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT a FROM b WHERE c IS NULL AND d IS TRUE":            false,
		"SELECT a FROM b WHERE d = TRUE":                           true,
		"SELECT t1.c2 FROM t1 WHERE x = :1 AND y = $2 AND z = @p3": false,
		"SELECT /* 'a' 1 */ b -- 'c' 2\nFROM d":                    false,
		"SELECT 'a'":                                               true,
		"SELECT 1":                                                 true,
		"LIMIT 10":                                                 true,
		"VARCHAR(10)":                                              true,
		"ALTER USER a IDENTIFIED BY b":                             true,
	} {
		assert.Equal(t, want, Analyze(text, Generic).HasLiterals, text)
	}
}

func TestTruncated(t *testing.T) {
	tests := []struct {
		d    Dialect
		text string
		want bool
	}{
		{Generic, "SELECT 'a'", false},
		{Generic, "SELECT a FROM b WHERE", false},
		{Generic, "SELECT 'a", true},
		{Generic, "SELECT 'a''", true},
		{Generic, `SELECT "a`, true},
		{Generic, "SELECT `a", true},
		{Generic, "SELECT /* a", true},
		{Generic, "SELECT -- a", false},
		{Oracle, "SELECT q'[a]", true},
		{Oracle, "SELECT q'", true},
		{PostgreSQL, "SELECT $a$ b $", true},
		{PostgreSQL, "SELECT /* a /* b */", true},
		{PostgreSQL, `SELECT E'a\'`, true},
		{MySQL, `SELECT 'a\'`, true},
		{MySQL, "/*!40001 SELECT 1", true},
		{SQLServer, "SELECT [a", true},
		{SQLite, "SELECT [a", true},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, Analyze(tt.text, tt.d).Truncated, "%s: %s", tt.d, tt.text)
	}
}
