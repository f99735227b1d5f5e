// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppendShape(t *testing.T) {
	const none = "none"
	tests := []struct {
		dialect Dialect
		text    string
		want    string // N, S and C for numbers, strings and comments
	}{
		{Oracle, "select a from b where c = 42 and d in (1, 2.5)", "select a from b where c = N and d in (N, N)"},
		{Oracle, "select a from b where c='x' or d = N'it''s'", "select a from b where c=S or d = NS"},
		{Oracle, "select /* a'b */ 1 from t1 where c = :1", "select C N from t1 where c = :1"},
		{PostgreSQL, "select 'x'::text, $1 from a limit 10;", "select S::text, $1 from a limit N;"},
		{SQLServer, "select [a b] from #t where c = '' ", "select [a b] from #t where c = S "},
		{MySQL, "select `a`, \"b\" from t where c=1", "select `a`, \"b\" from t where c=N"},
		{MySQL, "select é1, 1é, 0x1F, 1e5, -5, 2024-01-01 from t where c = 1", "select é1, 1é, 0x1F, 1e5, -5, 2024-01-01 from t where c = N"},

		{Oracle, "select a$b from v$session where c1 = 1", "select a$b from v$session where c1 = N"},
		{PostgreSQL, "select a1 from b where c = a$1 and d=1", "select a1 from b where c = a$1 and d=N"},

		{Oracle, "select a from b", none},
		{Generic, "select a from b where c = 1", none},
		{Oracle, "select q'[a]' from b where c = 1", none},
		{Oracle, "select a -- b\nfrom b where c = 1", none},
		{Oracle, "select /*+ full(a) */ a from b where c = 1", none},
		{MySQL, "select /*!50000 1 */ from b", none},
		{MySQL, "select a # b\n from b where c = 1", none},
		{MySQL, `select 'a\'b' from b`, none},
		{PostgreSQL, "select $$a$$ from b where c = 1", none},
		{PostgreSQL, "select 0$$a$$ from b where c = 1", none},
		{PostgreSQL, "select e'a' from b where c = 1", none},
		{PostgreSQL, "select 'a' from b where c = '''b' ", none},
		{PostgreSQL, "select 'a from b where c = 1", none},
		{PostgreSQL, `select "a'b" from b where c = 1`, none},
		{SQLServer, "select [a'b] from b where c = 1", none},
		{Oracle, "select 1 from a where b = \x01", none},
		{MySQL, "select 1 /*M!100300 , secret */ from a", none},
		{MySQL, "select 1 from a where b = %(1)s", none},
		{PostgreSQL, "copy a from stdin /* 1\n */ b 1", none},
		{PostgreSQL, "select 1, ` -- ` from a", none},
		{SQLServer, "select [a]] 1 ] from b where c = 1", none},
		{MySQL, "select b % 10, `c` from a", "select b % N, `c` from a"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, ok := AppendShape([]byte("before "), tt.text, tt.dialect)
			if tt.want == none {
				assert.False(t, ok, "%q", got)
				return
			}
			require.True(t, ok)
			marks := strings.NewReplacer("\x01", "N", "\x02", "S", "\x03", "C")
			assert.Equal(t, "before "+tt.want, marks.Replace(string(got)))
		})
	}
}

// otherValues returns the text with other values of the same kinds.
func otherValues(r *rand.Rand, text string, d Dialect) string {
	var b strings.Builder
	last := 0
	for {
		v, ok := nextValue(text, last, d)
		if !ok {
			return text
		}
		b.WriteString(text[last:v.start])
		switch v.mark {
		case 0:
			return b.String()
		case shapeNumber:
			b.WriteString([]string{"0", "7", "65536", "123456789012345678901234567890", "3.14", "007"}[r.IntN(6)])
		case shapeString:
			b.WriteString([]string{
				"''", "'x'", "'select 1 from a'", "'O''Brien'", "'a''''b'", "'''''", "'--'", "'/*'", "'*/'", "'#'", "'$$'", "'$a$ b'", "'[a'", "']'", "'\"'", "'`'", "';'",
				"'(('", "')'", "'?'", "':1'", "'%s'", "'\xff'", "'\u202e'", "'a\nb'", "'{'", "'@x'", "'\x00'",
			}[r.IntN(28)])
		case shapeComment:
			b.WriteString([]string{"/*x*/", "/* ' */", "/* \" */", "/* a -- b\n */", "/* select 1 */", "/* # $$ ` [ */", "/* ? :1 */", "/*M!100100 join m */"}[r.IntN(8)])
		}
		last = v.end
	}
}

// checkShape compares the results for a text with those for other texts of its shape.
func checkShape(tb testing.TB, r *rand.Rand, text string, d Dialect) bool {
	tb.Helper()
	shape, ok := AppendShape(nil, text, d)
	if !ok {
		return false
	}
	a, s := AnalyzeAndSanitize(text, d)
	if a.HasValues() {
		return false
	}
	same := false
	for range 4 {
		other := otherValues(r, text, d)
		otherShape, ok := AppendShape(nil, other, d)
		if !ok || !bytes.Equal(otherShape, shape) {
			continue // a value that has no shape, or another one here
		}
		same = true
		b, t := AnalyzeAndSanitize(other, d)
		require.Equal(tb, a, b, "%s: %q and %q have the shape %q", d, text, other, shape)
		require.Equal(tb, s, t, "%s: %q and %q have the shape %q", d, text, other, shape)
	}
	return same
}

// A long literal in place of a table can keep later names out of the summary, though no
// result shows it.
func TestHasValuesBeyondTheCollections(t *testing.T) {
	tables := make([]string, maxCollections)
	for i := range tables {
		tables[i] = "t" + strconv.Itoa(i)
	}
	a := Analyze("select * from "+strings.Join(tables, ",")+",'"+strings.Repeat("x", 300)+"',z", MySQL)
	assert.True(t, a.HasValues())
}

// Texts of one shape have the same analysis and the same sanitized text.
func TestShapeDecides(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	g := newGenerator(3)
	compared := 0
	for range 20_000 {
		for d := range Dialect(len(dialectNames)) {
			if checkShape(t, r, g.statement(d), d) {
				compared++
			}
			if checkShape(t, r, randomWords(r), d) {
				compared++
			}
		}
	}
	t.Logf("compared %d texts", compared)
	assert.Greater(t, compared, 10_000)
}

// randomWords returns random words, marks and literals, most of which are no statement.
func randomWords(r *rand.Rand) string {
	words := []string{
		"select", "from", "where", "in", "(", ")", ",", ";", "a", "b.c", "insert into", "values", "update", "set", "=", "1", "'x'", "'y'", "2.5", "limit", "top", "exec", "call",
		"with", "as", "begin", "end", "declare", "if", "copy", "stdin", "identified by", "password", "create user", "delete", "merge", "using", "on", "join", "/*c*/", ":=", "::", "date",
		"interval", "*", "-", "+", "||", "use", "set password", "grant", "format csv", "[d]", "\"e\"", "`f`", "?", ":1", "$1", "@p", "%s", "<<", ">>", "loop", "case", "when", "is", "null", "true", "n'z'",
	}
	var b strings.Builder
	for range 1 + r.IntN(14) {
		b.WriteString(words[r.IntN(len(words))])
		if r.IntN(4) > 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// FuzzShape lets the fuzzer choose the text.
func FuzzShape(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, uint8(i), uint64(i))
	}
	f.Add(medium, uint8(Oracle), uint64(1))
	f.Fuzz(func(t *testing.T, text string, d uint8, seed uint64) {
		checkShape(t, rand.New(rand.NewPCG(seed, 1)), text, Dialect(d%uint8(len(dialectNames))))
	})
}

func BenchmarkShape(b *testing.B) {
	buf := make([]byte, 0, 1024)
	b.SetBytes(int64(len(medium)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := AppendShape(buf, medium, PostgreSQL); !ok {
			b.Fatal("no shape")
		}
	}
}
