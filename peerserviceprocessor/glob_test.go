// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no []string
	}{
		{"oracle", []string{"oracle", "ORACLE"}, []string{"oracle1", "", "oracl"}},
		{"*.oraclecloud.com", []string{"adb.eu.oraclecloud.com", "ADB.OracleCloud.COM", ".oraclecloud.com"}, []string{"oraclecloud.com", "adb.oraclecloud.com.evil"}},
		{"*", []string{"", "a", "a/b", "é"}, nil},
		{"db?", []string{"db1", "dbé", "DBX"}, []string{"db", "db12"}},
		{"/srv/*", []string{"/srv/a/b"}, []string{"/srv"}},
		{"a*b*c", []string{"abc", "aXbYc", "abbc", "abcbc"}, []string{"ab", "acb"}},
		{"*a*a*a*", []string{"aaa", "xaxaxa"}, []string{"aa"}},
		{"db[1-3]", []string{"db1", "DB3"}, []string{"db4", "db"}},
		{"db[!1-3]", []string{"db4"}, []string{"db2"}},
		{"db[^x]", []string{"dby"}, []string{"dbX"}},
		{"db[a-z]", []string{"dbq", "dbQ"}, []string{"db1"}},
		{`db\*`, []string{"db*"}, []string{"db1"}},
		{`\[x]`, []string{"[x]"}, []string{"x"}},
		{"Straße*", []string{"STRAßE 1"}, []string{"strasse"}},
		{"?k", []string{"1\u212a"}, nil}, // EqualFold treats the Kelvin sign as a k
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			g, err := compileGlob(tt.pattern)
			require.NoError(t, err)
			for _, text := range tt.yes {
				assert.True(t, g.match(text), text)
			}
			for _, text := range tt.no {
				assert.False(t, g.match(text), text)
			}
		})
	}
}

// Patterns that make backtracking matchers explode.
func TestGlobIsQuick(t *testing.T) {
	g, err := compileGlob(strings.Repeat("a*", 30) + "b")
	require.NoError(t, err)
	assert.False(t, g.match(strings.Repeat("a", 10_000)))
	assert.Zero(t, testing.AllocsPerRun(10, func() { g.match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac") }))
}

// FuzzGlob compares each glob with the equivalent regular expression.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"*.oraclecloud.com", "adb.oraclecloud.com"}, {"a?c", "aéc"}, {`\*`, "*"}, {"*a*b*", "xxaxxbxx"}, {"", ""}, {"a\xffb*", "a\xffbc"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		g, err := compileGlob(pattern)
		if err != nil || strings.Contains(pattern, "[") || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			if err == nil {
				g.match(text)
			}
			return
		}
		var expression strings.Builder
		expression.WriteString(`(?is)\A`)
		escaped := false
		for _, char := range pattern {
			switch {
			case escaped:
				escaped = false
				expression.WriteString(regexp.QuoteMeta(string(char)))
			case char == '\\':
				escaped = true
			case char == '*':
				expression.WriteString(`.*`)
			case char == '?':
				expression.WriteString(`.`)
			default:
				expression.WriteString(regexp.QuoteMeta(string(char)))
			}
		}
		expression.WriteString(`\z`)
		if want := regexp.MustCompile(expression.String()).MatchString(text); g.match(text) != want {
			t.Errorf("%q on %q: %v", pattern, text, !want)
		}
	})
}
