// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// readJSON reads a file in testdata.
func readJSON(tb testing.TB, name string, v any) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name)) //nolint:gosec // a file of this folder
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(b, v))
}

type semconvCase struct {
	Name  string `json:"name"`
	Input struct {
		System string `json:"db.system.name"`
		Query  string `json:"query"`
	} `json:"input"`
	Expected struct {
		Text    []string `json:"db.query.text"`
		Summary string   `json:"db.query.summary"`
	} `json:"expected"`
}

// TestSemanticConventions reads the official cases of the semantic conventions in every
// dialect.
func TestSemanticConventions(t *testing.T) {
	var cases []semconvCase
	readJSON(t, "semconv-db-sql-cases.json", &cases)
	require.Len(t, cases, 24)
	for _, c := range cases {
		require.Equal(t, "other_sql", c.Input.System)
		for d := range Dialect(len(dialectNames)) {
			t.Run(c.Name+"/"+d.String(), func(t *testing.T) {
				a, text := AnalyzeAndSanitize(c.Input.Query, d)
				assert.Contains(t, c.Expected.Text, text)
				assert.Equal(t, c.Expected.Summary, a.Summary)
				assert.False(t, a.HasBinds)
				assert.False(t, a.Truncated)
				assert.Equal(t, text, Sanitize(c.Input.Query, d))
				assert.Equal(t, a, Analyze(c.Input.Query, d))
			})
		}
	}
}

func TestOracleSQLIDKnown(t *testing.T) {
	var cases []struct {
		Text      string `json:"text"`
		SQLID     string `json:"sql_id"`
		HashValue uint32 `json:"hash_value"`
	}
	readJSON(t, "oracle-sql-id.json", &cases)
	require.Len(t, cases, 8)
	for _, c := range cases {
		t.Run(c.SQLID, func(t *testing.T) {
			id, hash := OracleSQLID(c.Text)
			assert.Equal(t, c.SQLID, id)
			if c.HashValue != 0 {
				assert.Equal(t, c.HashValue, hash)
			}
		})
	}
}
