// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 40))
	var out strings.Builder
	require.NoError(t, Write(&out, []Finding{
		{Symbol: Good, Name: "rule", Text: "is on"},
		{Symbol: Bad, Name: "dropped-data", Text: long, Details: []string{"first", long}},
	}))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	assert.Equal(t, "  ✓ rule          is on", lines[0])
	assert.True(t, strings.HasPrefix(lines[1], "  ✗ dropped-data  word word"), lines[1])
	assert.Contains(t, lines, strings.Repeat(" ", 18)+"- first")
	for _, line := range lines {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), Width)
	}
	assert.Equal(t, 80, strings.Count(out.String(), "word"))
}

func TestWrap(t *testing.T) {
	assert.Equal(t, []string{""}, Wrap("", 10))
	assert.Equal(t, []string{"a", "longer-tha", "n-the-widt", "h b"}, Wrap("a longer-than-the-width b", 10))
	assert.Equal(t, []string{"one two[31m three"}, Wrap("one\ntwo\x1b[31m\x07\u0085three\r", 20))
	assert.Equal(t, []string{"äöü äöü"}, Wrap("äöü äöü", 7))
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteError(t *testing.T) {
	require.ErrorContains(t, Write(brokenPipe{}, []Finding{{Symbol: Good, Name: "rule", Text: "is on"}}), "broken pipe")
}
