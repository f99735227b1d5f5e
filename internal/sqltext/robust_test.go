// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLinear reads megabytes of text in which backtracking is expensive. Each text takes
// a few milliseconds. With quadratic time it would take hours, and the test would time
// out.
func TestLinear(t *testing.T) {
	const size = 512 << 10
	for _, unit := range []string{
		"(", ")", "[", "'", "\"", "`", "''", "'a", "\\'", "'\\", "'''", "''' ", "'''a' ", "[a ", "[a", "$", "$a", "$a$", "$$",
		"/*", "/**/", "/*/*", "--", "-", "- ", "#", "# \n", "# a", "? ", "?", "a?", "a ? ", ":", ":a", "@", "@@", "%s", "%(", "q'", "q'[",
		"N'a'", "E'\\'", "1", "1.", ".", "a.", "a..", "a@", "a.\"", "a.[", "1e", "0x", "é", "\xff", "\u202e", "\u00a0", "\x00", " ", "\n",
		",", "in(1,", "in (", "select ", "from a,", "from \"a\", ", "from a b c, \"d\"", "from a,(", "between ", "between (", "= (", "{\"a\",", "with a as (", "join ", "begin ", "case ", "end ", ";", "a;", "insert into a ",
		"identified by ", "password ", "update a set b from c d ", "/*!50000 ", "*/", "U&'", "_utf8'", "x/**/",
		"select a, b from c where d = 'e' union ",
	} {
		text := strings.Repeat(unit, size/len(unit))
		for d := range Dialect(len(dialectNames)) {
			a, s := AnalyzeAndSanitize(text, d)
			require.LessOrEqual(t, len(s), len(text))
			require.LessOrEqual(t, len(a.Summary), maxSummary*4)
		}
	}
}

func TestLong(t *testing.T) {
	text := "SELECT a FROM t WHERE b IN (" + strings.Repeat("'secret', ", 1<<20) + "'x')"
	a, s := AnalyzeAndSanitize(text, Oracle)
	assert.Equal(t, "SELECT a FROM t WHERE b IN (?)", s)
	assert.Equal(t, "SELECT t", a.Summary)
}

// TestBytesOutsideLiteralsStay checks that bytes that are not text are kept.
func TestBytesOutsideLiteralsStay(t *testing.T) {
	for d := range Dialect(len(dialectNames)) {
		for _, junk := range []string{"\xff\xfe", "\x80", "\x00", "\u202e", "\ufeff", "日本語", "\xe2\x28", "😀"} {
			assert.Equal(t, junk+" SELECT "+junk+", ? FROM t"+junk, Sanitize(junk+" SELECT "+junk+", 'x' FROM t"+junk, d), "%s: %q", d, junk)
		}
		assert.Equal(t, "SELECT\u3000?", Sanitize("SELECT\u30005", d), "a blank of Unicode hides no number")
		assert.Equal(t, "a=\u00a0?", Sanitize("a=\u00a05", d))
	}
}

// TestParallel reads texts in several goroutines that share the pool of parsers.
func TestParallel(t *testing.T) {
	want, wantText := AnalyzeAndSanitize(medium, Oracle)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for i := range 500 {
				a, s := AnalyzeAndSanitize(medium, Oracle)
				Sanitize(hostile[i%len(hostile)], Dialect(i%len(dialectNames)))
				ok = ok && s == wantText && assert.ObjectsAreEqual(want, a)
			}
			done <- ok
		}()
	}
	for range 8 {
		assert.True(t, <-done)
	}
}
