// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// hostile holds texts that are easily misread.
var hostile = []string{
	"", " ", ";", "'", `"`, "`", "[", "]", "(", ")", "/*", "*/", "--", "#", "$", "$$", "$a$", "?", ":", "@", "%", "\\",
	"\x00", "\xff\xfe", "\u202e'a'\u202e", "select '\xff' \xff5", "q'", "q'[", "nq'{a'", "E'", "N'", "x'1", "_utf8'a",
	"'a'/**/'b'", "-/**/-5 'a'", "//**/*'a'", "a/**/b", "1e", "1e+", "0x", "1..2", ".5.5", "5$$a$$", "1q'[a]'",
	"[[[[a]]]]", "[a]]", "((((", "))))", "in (1,2", "in ()", "in (1,(2))", "'''", "''''", `"""`, "'\\'", "'\\\\'", "'a\\'b'",
	"/*!50000 'a' */", "/*!5 'a'", "/* /* */ 'a' */ 'b'", "# 'a\n'b'", "--a\n'b'", "identified by a", "identified by /*c*/ a;b",
	"create user a password b", "connect a/b", "select a from b where c ? 'd'", "select a::int[1:2]", "$5", "$123456", ":123456",
	"with a as (select 1) select * from a", "begin a.b(:1); end;", "insert all into a values (1) into b values (2) select 1",
	"declare a b; begin c(1).d := 'e'; <<f>> loop g; end loop f; :h := nvl(1, a); end;", "with function a return b is begin return 'c'; end; select a from d",
	"copy a from stdin;\n'b\n\\.\nselect 1", "insert into a format csv\n'b", "exec a b, @c = d", "delete a, b from c a join b", "select true, a+1, 'x'||-1",
	"with recursive a as (select 'b' from c), c as (select 1) select 2", "select 1 from a@{b='c'} join@{d=1} e", "select 1 from final table (insert into a values ('b'))",
	"administer key management x with secret \"a\" to 'b'", "begin batch insert into a values ('b'); apply batch", "select * from a . /* ' */ b", "create database link a",
	"delete from [b] from [c] as [b]", "update /*+ x */ a set b = 1", "create definer='a'@'b' procedure c() begin end",
}

// FuzzSanitize reads arbitrary bytes in every dialect.
func FuzzSanitize(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, uint8(i))
	}
	for _, t := range texts[:3] {
		f.Add(t.text, uint8(Generic))
	}
	f.Fuzz(func(t *testing.T, text string, d uint8) {
		checkAny(t, text, Dialect(d%uint8(len(dialectNames))))
	})
}

// checkAny checks the properties that hold for every text.
func checkAny(tb testing.TB, text string, d Dialect) {
	tb.Helper()
	a, s := AnalyzeAndSanitize(text, d)
	require.Equal(tb, s, Sanitize(text, d))
	require.Equal(tb, a, Analyze(text, d))
	require.LessOrEqual(tb, len(s), len(text), "%s: %q became %q", d, text, s)
	require.Equal(tb, s, Sanitize(s, d), "%s: sanitizing %q again", d, text)
	require.LessOrEqual(tb, utf8.RuneCountInString(a.Summary), maxSummary)
	require.LessOrEqual(tb, len(a.Collections), maxCollections)
	for _, c := range a.Collections {
		if strings.Contains(text, c) {
			continue
		}
		for part := range strings.FieldsFuncSeq(c, func(r rune) bool { return r == '.' || r == '@' }) { // blanks and comments may stand between them
			require.Contains(tb, text, part)
		}
	}
	if !a.HasLiterals && !strings.Contains(text, "--") && !strings.Contains(text, "/*") && !strings.Contains(text, "#") {
		require.Equal(tb, text, s)
	}
	RewriteJDBCPlaceholders(text, JDBCUntil21)
	RewriteJDBCPlaceholders(text, JDBCFrom23)
}

// TestHostile reads the fuzz test's seeds and all pairs of them in every dialect.
func TestHostile(t *testing.T) {
	for d := range Dialect(len(dialectNames)) {
		for _, a := range hostile {
			checkAny(t, a, d)
			for _, b := range hostile {
				checkAny(t, a+b, d)
				checkAny(t, a+" "+b, d)
			}
		}
	}
}

// pieces are the parts of TestSoup's texts.
var pieces = []string{
	" ", " ", " ", "\n", "'", "''", `"`, "`", "[", "]", "(", ")", ",", ";", ".", "?", ":", "::", ":=", "@", "%", "%s", "$", "$$", "$a$",
	"-", "--", "+", "/", "/*", "*/", "*", "#", "\\", "=", "<", "{", "}", "|", "&", "!", "1", "0x1", "1.5", "e", "E", "N", "q", "q'[", "]'", "U&",
	"é", "\xff", "\u202e", "\x00", "a", "b.c", `"t"`, "select", "from", "where", "insert", "into", "values", "update", "set", "delete",
	"with", "as", "in", "begin", "end", "declare", "exec", "call", "create", "table", "user", "password", "identified", "by", "alter",
	"top", "like", "escape", "case", "then", "else", "if", "not", "exists", "union", "join", "merge", "connect", "grant", "or", "replace",
	"definer", "procedure", "view", "drop", "truncate", "lock", "distinct", "on", "/*!50000", "_utf8", "'a'", "'b\\'", `"c\""`,
	"true", "false", "fetch", "for", "copy", "stdin", "array", "lateral", "<<", ">>", "@{", "recursive", "function", "option", "format", "secret", "administer",
	"batch", "final", "statistics", "link", "log", "materialized", "database", "#a", "+1", "loop", "index", "only", "bulk", "pragma", "is", "return", ":= f(1)",
}

// TestSoup reads pieces of SQL in random order.
func TestSoup(t *testing.T) {
	r := rand.New(rand.NewPCG(uint64(fromEnv("SQLTEXT_SEED", 1)), 2)) //nolint:gosec // a seed
	var b strings.Builder
	for i := range fromEnv("SQLTEXT_STATEMENTS", generated) / 4 {
		b.Reset()
		for range 1 + r.IntN(14) {
			b.WriteString(pieces[r.IntN(len(pieces))])
			if r.IntN(3) > 0 {
				b.WriteByte(' ')
			}
		}
		checkAny(t, b.String(), Dialect(i%len(dialectNames)))
	}
}

// FuzzNoLiteralSurvives lets the fuzzer choose the generated statements.
func FuzzNoLiteralSurvives(f *testing.F) {
	for i := range uint64(64) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		g := newGenerator(seed)
		for i := range 100 {
			d := Dialect(i % len(dialectNames))
			text := g.statement(d)
			require.Empty(t, leak(text, d), "%s: %q", d, text)
			require.Empty(t, leak(text, Generic), "%s read as generic: %q", d, text)
		}
	})
}
