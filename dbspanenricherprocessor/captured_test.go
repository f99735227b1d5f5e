// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// capturedTexts are the statements that testdata/capture/OracleTexts.java prepares, in
// the same order, after those that create the table.
var capturedTexts = []struct {
	text string
	// unseen is whether the Java agent changes the text under the legacy names in a
	// way that its spans do not show.
	unseen bool
}{
	{text: "SELECT room FROM stays WHERE id = ?"},
	{text: "SELECT room\n  FROM stays\n WHERE id = ?", unseen: true},
	{text: "SELECT  room  FROM stays\tWHERE id = ?", unseen: true},
	{text: "SELECT room FROM stays WHERE id IN (?)"},
	{text: "SELECT room FROM stays WHERE id IN (?, ?, ?)"},
	{text: "SELECT room FROM stays WHERE (id, price) IN ((?, ?), (?, ?))"},
	{text: "SELECT room FROM stays WHERE id = ? -- by day"},
	{text: "SELECT room FROM stays -- by day\n WHERE id = ?"},
	{text: "SELECT /* by day */ room FROM stays WHERE id = ?"},
	{text: "SELECT /*+ INDEX(stays) */ room FROM stays WHERE id = ?"},
	{text: `SELECT "ROOM" FROM "STAYS" WHERE "ID" = ?`},
	{text: "WITH cheap AS (SELECT id, room FROM stays WHERE price < ?) SELECT room FROM cheap"},
	{text: "UPDATE stays SET price = ? WHERE id = ?"},
	{text: "INSERT INTO stays (id, room, price) VALUES (?, ?, ?)"},
	{text: "MERGE INTO stays s USING dual ON (s.id = ?) WHEN MATCHED THEN UPDATE SET s.price = ?"},
	{text: "SELECT room FROM stays WHERE id = ? FOR UPDATE"},
	{text: "SELECT room FROM stays WHERE night = DATE '2026-11-27'"},
	{text: "SELECT room FROM stays WHERE night > DATE '2026-11-27' AND id = ?"},
	{text: "SELECT room FROM stays WHERE room = 'O''Brien' AND id = ?", unseen: true},
	{text: "SELECT room FROM stays WHERE price > 100 AND id = ?", unseen: true},
	{text: "SELECT room FROM stays WHERE id IN (1, 2, 3)"},
	{text: "SELECT room FROM stays WHERE price > 1.5e2 ORDER BY 1", unseen: true},
	{text: "{call book_room(?)}"},
	{text: "{? = call book_room(?)}"},
	{text: "BEGIN book_room(?); END;"},
	{text: "BEGIN\n  hotel.book_room(?);\nEND;", unseen: true},
	{text: "DECLARE\n  l_room NUMBER;\nBEGIN\n  SELECT id INTO l_room FROM stays WHERE room = 'Attic';\n  book_room(l_room);\nEND;", unseen: true},
}

// TestCapturedSQLIDs requires that each SQL_ID is that of the text that Oracle's JDBC
// driver sends for the application's statement. If the Java agent has changed the text,
// there must be no SQL_ID, or the README must say why it is wrong.
func TestCapturedSQLIDs(t *testing.T) {
	for _, tt := range []struct {
		mode   string
		driver OracleJDBCDriver
		right  int
	}{
		{"", OracleJDBCUntil21, 13},
		{"", OracleJDBCFrom23, 13},
		{"", OracleJDBCAny, 11},
		{"_stable", OracleJDBCUntil21, 27},
		{"_stable", OracleJDBCFrom23, 27},
		{"_stable", OracleJDBCAny, 24},
		{"_dup", OracleJDBCUntil21, 27},
		{"_dup", OracleJDBCFrom23, 27},
		{"_dup", OracleJDBCAny, 24},
	} {
		t.Run("java_oracle_texts"+tt.mode+"/"+string(tt.driver), func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.OracleJDBCDriver = tt.driver
			out := process(t, "java_oracle_texts"+tt.mode, cfg)
			spans := out.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			first := spans.Len() - len(capturedTexts)
			require.Equal(t, 2, first)
			right := 0
			for i, captured := range capturedTexts {
				sent, _ := spans.At(first + i).Attributes().Get(apmOracleSQLID)
				want, _ := sqltext.OracleSQLID(throughJDBC(captured.text, tt.driver == OracleJDBCFrom23))
				if strings.HasPrefix(captured.text, "{") {
					want = "" // the driver wraps it in a block
				}
				switch {
				case sent.Str() == want:
					right++
				case tt.driver == OracleJDBCAny && strings.Contains(captured.text, "? "), tt.mode == "" && !captured.unseen:
					assert.Empty(t, sent.Str(), captured.text)
				case tt.mode != "":
					assert.Equal(t, want, sent.Str(), captured.text)
				}
			}
			assert.Equal(t, tt.right, right)
		})
	}
}

// throughJDBC numbers the placeholders as Oracle's driver does. From version 23 on, it
// drops the white space after them. The texts have no other question marks.
func throughJDBC(text string, from23 bool) string {
	parts := strings.Split(text, "?")
	var out strings.Builder
	out.WriteString(parts[0])
	for i, part := range parts[1:] {
		if from23 {
			part = strings.TrimLeft(part, " \n")
		}
		out.WriteString(":" + strconv.Itoa(i+1) + " " + part)
	}
	return out.String()
}

// capturedSecrets are the passwords that the programs in testdata/capture use to connect
// or set in statements.
var capturedSecrets = []string{"password=secret", ":secret@", "my secret", "s3cret"}

// TestCapturedSecrets requires that no added attribute contains a password of a captured
// span and that, with sanitize: always, no attribute does.
func TestCapturedSecrets(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "*_*", "input.yaml"))
	require.NoError(t, err)
	planted := 0
	for _, input := range inputs {
		name := filepath.Base(filepath.Dir(input))
		t.Run(name, func(t *testing.T) {
			sent, err := golden.ReadTraces(input)
			require.NoError(t, err)
			if holdsSecret(t, sent) {
				planted++
			}
			cfg := createDefaultConfig().(*Config)
			cfg.Conventions = ConventionsBoth
			out := process(t, name, cfg)
			removeSent(out, sent)
			assert.False(t, holdsSecret(t, out), "in what is added")

			cfg.QueryText.Sanitize = SanitizeAlways
			assert.False(t, holdsSecret(t, process(t, name, cfg)), "with sanitize: always")
		})
	}
	assert.GreaterOrEqual(t, planted, 4, "cases with a secret")
}

// process returns a case's spans after enrichment.
func process(t *testing.T, name string, cfg *Config) ptrace.Traces {
	t.Helper()
	td, err := golden.ReadTraces(filepath.Join("testdata", name, "input.yaml"))
	require.NoError(t, err)
	out, err := newTestEnricher(t, cfg).processTraces(t.Context(), td)
	require.NoError(t, err)
	return out
}

func holdsSecret(t *testing.T, td ptrace.Traces) bool {
	t.Helper()
	encoded, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	for _, secret := range capturedSecrets {
		if strings.Contains(string(encoded), secret) {
			return true
		}
	}
	return false
}

// removeSent removes all attributes except those that were added.
func removeSent(out, sent ptrace.Traces) {
	for r, resource := range out.ResourceSpans().All() {
		for s, scope := range resource.ScopeSpans().All() {
			for i, span := range scope.Spans().All() {
				before := sent.ResourceSpans().At(r).ScopeSpans().At(s).Spans().At(i).Attributes()
				span.Attributes().RemoveIf(func(name string, _ pcommon.Value) bool {
					_, found := before.Get(name)
					return found
				})
				span.SetName("")
				span.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
			}
		}
	}
}
