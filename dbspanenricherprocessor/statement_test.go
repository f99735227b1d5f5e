// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

func TestCut(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"abc", 0, "abc"},
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"aé", 2, "a"},
		{"aé", 3, "aé"},
		{"é", 1, ""},
		{"a\U0001F600b", 4, "a"},
		{"a\U0001F600b", 5, "a\U0001F600"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80", 6, "\x80\x80"}, // not UTF-8: only one character is lost
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, cut(tt.text, tt.limit), "%q to %d", tt.text, tt.limit)
	}
}

// Each SQL_ID was given by a real Oracle Database, or computed by the same algorithm
// from the text that such a database must have parsed.
func TestOracleSQLIDs(t *testing.T) {
	bind, _ := sqltext.OracleSQLID("SELECT * FROM emp WHERE id = :1 ")
	plain, _ := sqltext.OracleSQLID("select count(*) from employees")
	tests := []struct {
		name, text, id, jdbcID string
	}{
		{"as it is", "select count(*) from employees", plain, plain},
		{"jdbc's bind variables", "SELECT * FROM emp WHERE id = ?", "", bind},
		{"jdbc call", "{call p(?)}", "", ""},
		{"jdbc function", "SELECT {fn now()} FROM dual", "", ""},
		{"jdbc text without placeholders", `SELECT * FROM t MATCH_RECOGNIZE (PATTERN {\(a b?)\} DEFINE b AS b.x > a.x)`, "", ""},
		{"jdbc date", "SELECT * FROM t WHERE d = { d '2026-01-01' }", "", ""},
		{"cut by a tool", "SELECT * FROM emp WHERE...", "", ""},
		{"cut by a tool, in Unicode", "SELECT * FROM emp WHERE…", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ids := oracleSQLIDs(tt.text, OracleJDBCAny)
			assert.Equal(t, tt.id, ids.direct)
			assert.Equal(t, tt.jdbcID, ids.jdbc)
		})
	}
	ids := oracleSQLIDs(`SELECT j.data FROM j WHERE data = '{"a": 1}'`, OracleJDBCAny)
	assert.NotEmpty(t, ids.direct, "braces alone are not an escape")
}

// A text that the server cannot have parsed must have no SQL_ID.
func TestAnalyzeWithoutSQLID(t *testing.T) {
	a := newAnalyzer(createDefaultConfig().(*Config), true)
	tests := []struct {
		name, text, operation, procedure, summary string
		id, jdbcID                                bool
	}{
		{"procedure of a package", "hotel.book_room", "CALL", "hotel.book_room", "CALL hotel.book_room", false, false},
		{"procedure", "Buche_Zimmer$1", "CALL", "Buche_Zimmer$1", "CALL Buche_Zimmer$1", false, false},
		{"end of a block", "END", "", "", "", true, true},
		{"statement of one word", "COMMIT", "COMMIT", "", "COMMIT", true, true},
		{"not a name", "1room", "", "", "", true, true},
		{"batch", "DELETE FROM rooms; DELETE FROM guests", "DELETE", "", "DELETE rooms; DELETE guests", false, false},
		{"batch of definitions", "CREATE TABLE rooms (id NUMBER); DROP TABLE rooms", "CREATE TABLE", "", "CREATE TABLE rooms; DROP TABLE rooms", false, false},
		{"definition that lost a literal", "CREATE TABLE rooms (id NUMBER(?))", "CREATE TABLE", "", "CREATE TABLE rooms", false, false},
		{"definition", "CREATE TABLE rooms (id NUMBER(10))", "CREATE TABLE", "", "CREATE TABLE rooms", true, true},
		{"block", "BEGIN a.b(:1); c.d(:2); END;", "BEGIN", "a.b", "BEGIN a.b c.d", true, true},
		{"bind variable of JDBC", "DELETE FROM rooms WHERE id = ?", "DELETE", "", "DELETE rooms", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := a.analyze(grammarOf(dbspan.Oracle), tt.text)
			assert.Equal(t, tt.operation, s.operation)
			assert.Equal(t, tt.procedure, s.procedure)
			assert.Equal(t, tt.summary, s.summary)
			assert.Equal(t, tt.id, s.sqlIDs.direct != "", "SQL_ID")
			assert.Equal(t, tt.jdbcID, s.sqlIDs.jdbc != "", "SQL_ID by JDBC")
			assert.Equal(t, tt.operation == "", s.unparsed)
		})
	}
}

func TestPipelineOf(t *testing.T) {
	tests := []struct{ text, want string }{
		{"GET a", ""},
		{"incr visits\nexpire visits 60", "PIPELINE"},
		{"GET a\nget b\n", "PIPELINE GET"},
		{"SET a line\n'break'", ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			s := analyzeCommand(dbspan.LanguageRedis, tt.text)
			assert.Equal(t, tt.want, s.pipeline)
		})
	}
}

func TestAnalyzeOtherLanguages(t *testing.T) {
	tests := []struct {
		language                       dbspan.Language
		text                           string
		operation, collection, summary string
		unparsed                       bool
	}{
		{dbspan.LanguageRedis, "hmset k f v", "HMSET", "", "HMSET", false},
		{dbspan.LanguageRedis, "  GET k", "GET", "", "GET", false},
		{dbspan.LanguageRedis, "FT.SEARCH idx q", "FT.SEARCH", "", "FT.SEARCH", false},
		{dbspan.LanguageRedis, "'secret'", "", "", "", true},
		{dbspan.LanguageRedis, strings.Repeat("x", 100), "", "", "", true},
		{dbspan.LanguageMemcached, "set k 0 60 5\r\nvalue", "set", "", "set", false},
		{dbspan.LanguageMongo, `{"find": "orders", "filter": {}}`, "find", "orders", "find orders", false},
		{dbspan.LanguageMongo, `{"find": "?"}`, "", "", "", false},
		{dbspan.LanguageMongo, `{"state": {"$gt": 1}}`, "", "", "", false},
		{dbspan.LanguageMongo, `{"$or": "x"}`, "", "", "", false},
		{dbspan.LanguageMongo, `{`, "", "", "", false},
		{dbspan.LanguageMongo, `[1]`, "", "", "", false},
		{dbspan.LanguageMongo, `find {'state': 'new'}`, "find", "", "", false},
		{dbspan.LanguageMongo, `insert [{'_id': 1}]`, "insert", "", "", false},
		{dbspan.LanguageMongo, `drop`, "drop", "", "", false},
		{dbspan.LanguageMongo, `getMore orders`, "getMore", "", "", false},
		{dbspan.LanguageMongo, `new orders`, "", "", "", false},
		{dbspan.LanguageSearch, `{"query":{}}`, "", "", "", false},
		{dbspan.LanguageOther, "MATCH (n) RETURN n", "", "", "", false},
	}
	a := newAnalyzer(createDefaultConfig().(*Config), true)
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			s := a.analyze(grammar{language: tt.language}, tt.text)
			assert.Equal(t, tt.text, s.sanitized)
			assert.Equal(t, tt.operation, s.operation)
			assert.Equal(t, tt.collection, s.collection)
			assert.Equal(t, tt.summary, s.summary)
			assert.Equal(t, tt.unparsed, s.unparsed)
		})
	}
}

// Sanitizing a second time must change nothing.
func FuzzSanitized(f *testing.F) {
	for _, text := range someStatements {
		f.Add(text, uint8(dbspan.LanguageSQL), uint8(sqltext.Oracle), uint16(0))
		f.Add(text, uint8(dbspan.LanguageMongo), uint8(0), uint16(20))
	}
	f.Fuzz(func(t *testing.T, text string, language, dialect uint8, limit uint16) {
		g := grammar{language: dbspan.Language(language % 6), dialect: sqltext.Dialect(dialect % 6)}
		cfg := createDefaultConfig().(*Config)
		cfg.QueryText = QueryTextConfig{Sanitize: SanitizeAlways, MaxLength: int(limit)}
		a := newAnalyzer(cfg, true)
		sanitized := a.analyze(g, text).sanitized
		if limit > 0 && len(sanitized) > int(limit) {
			t.Errorf("%d bytes of %d", len(sanitized), limit)
		}
		if again := a.analyze(g, sanitized).sanitized; again != sanitized && g.language == dbspan.LanguageSQL {
			t.Errorf("%q becomes %q, then %q", text, sanitized, again)
		}
	})
}

func TestHostileStatementsPass(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.QueryText.Sanitize = SanitizeAlways
	a := newAnalyzer(cfg, true)
	for _, unit := range []string{"(", "'", "\"", "[", "{", "/*", "--", "\x00", "\xff", "\u202e", "q'", "$$", "SELECT ", "{\"a\":", "a,"} {
		text := strings.Repeat(unit, 1<<17)
		for language := range dbspan.LanguageSearch + 1 {
			assert.NotPanics(t, func() { a.analyze(grammar{language: language, dialect: sqltext.Oracle}, text) })
		}
	}
}

func TestOperation(t *testing.T) {
	tests := []struct {
		name, span         string
		attrs              map[string]any
		operation, summary string
	}{
		{
			"pipeline of Python", "INCRBY EXPIRE",
			map[string]any{"db.system": "redis", "db.statement": "INCRBY ? ?\nEXPIRE ? ?", "db.redis.pipeline_length": 2},
			"PIPELINE", "PIPELINE",
		},
		{
			"of one command", "SET SET",
			map[string]any{"db.system": "redis", "db.statement": "set a 1\nSET b 2\n", "db.operation.batch.size": 2},
			"PIPELINE SET", "PIPELINE SET",
		},
		{
			"pipeline of Go", "redis.pipeline get ping",
			map[string]any{"db.system": "redis", "db.statement": "get a\nping", "db.redis.num_cmd": 2},
			"PIPELINE", "PIPELINE",
		},
		{
			"pipeline with one command", "SET",
			map[string]any{"db.system": "redis", "db.statement": "SET a 1", "db.redis.pipeline_length": 1},
			"SET", "SET",
		},
		{
			"line end in a value", "SET",
			map[string]any{"db.system": "redis", "db.statement": "SET a b\nGET"},
			"SET", "SET",
		},
		{
			"line ends in SQL", "x",
			map[string]any{"db.system": "mysql", "db.statement": "SELECT 1\nFROM t", "db.operation.batch.size": 2},
			"SELECT", "BATCH SELECT t",
		},
		{
			"with the database's name", "INSERT hotel",
			map[string]any{"db.system.name": "postgresql", "db.query.text": "insert into guests values ($1)", "db.operation.name": "INSERT hotel"},
			"INSERT", "insert guests",
		},
		{
			"another one", "x",
			map[string]any{"db.system.name": "postgresql", "db.query.text": "insert into guests values ($1)", "db.operation.name": "INSERTS all"},
			"INSERTS all", "insert guests",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			td := newBatch(ptrace.SpanKindClient, tt.attrs, nil)
			span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			span.SetName(tt.span)
			_, err := newTestEnricher(t, createDefaultConfig().(*Config)).processTraces(t.Context(), td)
			require.NoError(t, err)
			got := span.Attributes().AsRaw()
			assert.Equal(t, tt.operation, got["db.operation"])
			assert.Equal(t, tt.summary, got["db.query.summary"])
		})
	}
}
