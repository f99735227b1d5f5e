// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package goldentest // import "github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Row is a row of a table about golden cases in a README.
type Row struct {
	// From is the first cell.
	From string
	// Case is the folder in testdata.
	Case string
	// Text is a part of the span's name, or of a text attribute. The row shows
	// the first span that contains it.
	Text string
}

// These markers enclose the table.
const (
	tableStart = "<!-- golden table -->\n"
	tableEnd   = "<!-- golden table end -->\n"
)

// Table requires that the table in README.md matches the golden cases of rows,
// or writes it with -update. cells returns the cells after the first, for a
// span with the attributes in before and out after processing.
func Table(t *testing.T, head []string, rows []Row, cells func(in, out pcommon.Map) []string) {
	t.Helper()
	var table strings.Builder
	line := func(texts []string) { table.WriteString("| " + strings.Join(texts, " | ") + " |\n") }
	line(head)
	table.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, row := range rows {
		in := spansOf(t, row.Case, "input.yaml")
		out := spansOf(t, row.Case, "expected.yaml")
		require.Len(t, out, len(in), row.Case)
		i := slices.IndexFunc(in, func(s ptrace.Span) bool { return hasText(s, row.Text) })
		require.GreaterOrEqual(t, i, 0, "%s has no span with %q", row.Case, row.Text)
		line(append([]string{row.From}, cells(in[i].Attributes(), out[i].Attributes())...))
	}

	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(content), tableStart)
	require.True(t, found, "README.md has no line %s", tableStart)
	got, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found, "README.md has no line %s", tableEnd)
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(before+tableStart+table.String()+tableEnd+after), 0o600)) //nolint:gosec // what a developer asks for, from files of the repository
		return
	}
	require.Equal(t, table.String(), got, "go test -run TestReadme -update . writes the table")
}

// spansOf returns the spans of a file in order.
func spansOf(t *testing.T, folder, file string) []ptrace.Span {
	t.Helper()
	td, err := golden.ReadTraces(filepath.Join("testdata", folder, file))
	require.NoError(t, err)
	var spans []ptrace.Span
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				spans = append(spans, span)
			}
		}
	}
	return spans
}

func hasText(span ptrace.Span, text string) bool {
	if strings.Contains(span.Name(), text) {
		return true
	}
	for _, value := range span.Attributes().All() {
		if strings.Contains(value.AsString(), text) {
			return true
		}
	}
	return false
}

// Code returns a Markdown code span that is safe inside a table.
func Code(text string) string {
	text = strings.NewReplacer("|", `\|`, "\n", "⏎").Replace(text)
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// Attributes formats attributes as a table cell: those that keep accepts,
// sorted by name. It omits the values of those that short accepts.
func Attributes(m pcommon.Map, keep, short func(name string, value pcommon.Value) bool) string {
	var lines []string
	for name, value := range m.All() {
		switch {
		case !keep(name, value):
		case short(name, value):
			lines = append(lines, Code(name))
		default:
			lines = append(lines, Code(name+": "+value.AsString()))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "<br>")
}
