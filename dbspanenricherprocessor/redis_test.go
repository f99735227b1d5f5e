// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

func TestSanitizeRedis(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.QueryText.Sanitize = SanitizeAlways
	a := newAnalyzer(cfg, false)
	tests := []struct{ text, want string }{
		{"GET guest:7", "GET guest:7"},
		{"hello 3 auth app Zx9 setname web", "hello ?"},
		{"HELLO 3 AUTH app Zx9", "HELLO ?"},
		{"hello 3 auth app Zx9 setname web\nclient setinfo LIB-NAME x", "hello ?\nclient setinfo LIB-NAME x"},
		{"AUTH app Zx9", "AUTH ?"},
		{"ACL SETUSER app on >Zx9 ~* +@all", "ACL SETUSER ?"},
		{"ACL WHOAMI", "ACL WHOAMI"},
		{"CONFIG SET requirepass Zx9", "CONFIG SET ?"},
		{"CONFIG SET maxmemory 1gb masterauth Zx9", "CONFIG SET ?"},
		{"CONFIG GET maxmemory", "CONFIG GET maxmemory"},
		{"MIGRATE cache7 6379 k 0 100 AUTH2 app Zx9 KEYS a", "MIGRATE ?"},
		{"SENTINEL SET main auth-pass Zx9", "SENTINEL SET ?"},
		{"PUBLISH news Zx9", "PUBLISH news ?"},
		{"XADD log * name Zx9", "XADD log ?"},
		{"EVAL \"return 'Zx9'\" 0", "EVAL ?"},
		{"JSON.SET guest:7 $ Zx9", "JSON.SET guest:7 $ ?"},
		{"SET a b;AUTH Zx9", "SET a ?"},
		{"set guest:7 Zx9 with blanks ex 60", "set guest:7 ?"},
		{"HMSET guest:7 name Zx9 lang Zx8", "HMSET guest:7 name ?"},
		{"RPUSHX log Zx9 Zx8", "RPUSHX log ?"},
		{"ZADD rank GT 1 Zx9", "ZADD rank ?"},
		{"LINSERT log BEFORE Zx9 Zx8", "LINSERT log BEFORE ?"},
		{"set guest:7 two\nlines Zx9", "set guest:7 ?\n?"},
		{"get a\n\nset b Zx9\nzcard c", "get a\nset b ?\nzcard c"},
		{"VADD v VALUES 2 1 2 Zx9", "VADD v ?"},
		{"SETIFEQ guest:7 Zx9 Zx8", "SETIFEQ guest:7 ?"},
		{"CLIENT SETNAME Zx9", "CLIENT SETNAME ?"},
		{"HINCRBY guest:7 nights 2", "HINCRBY guest:7 nights 2"},
		{"xrange log - + count 5", "xrange log - + count 5"},
		{`["HELLO","3","AUTH","app","Zx9"]`, `["HELLO ?`},
		{"AUTH \"two\nlines Zx9\"\nGET a", "AUTH ?\nGET a"},
		{"GET auth", "GET auth"},
		{"HGET config theme", "HGET config theme"},
		{"HELLO ? ?", "HELLO ? ?"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got := a.analyze(grammar{language: dbspan.LanguageRedis}, tt.text).sanitized
			assert.Equal(t, tt.want, got)
			assert.Equal(t, got, a.analyze(grammar{language: dbspan.LanguageRedis}, got).sanitized, "twice")
		})
	}
}
