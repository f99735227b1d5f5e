// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/rounds"
)

// leak returns the problem with the sanitized text, or "".
func leak(text string, d Dialect) string {
	a, s := AnalyzeAndSanitize(text, d)
	switch {
	case strings.Contains(s, textMarker):
		return "a text literal survives: " + s
	case strings.Contains(s, numberMarker):
		return "a number survives: " + s
	case strings.Contains(a.Summary, textMarker), strings.Contains(a.Summary, numberMarker):
		return "a literal is in the summary: " + a.Summary
	case !a.HasLiterals && (strings.Contains(text, textMarker) || strings.Contains(text, numberMarker)):
		return "a literal is not reported"
	}
	for _, c := range a.Collections {
		if strings.Contains(c, textMarker) || strings.Contains(c, numberMarker) {
			return "a literal is a collection: " + c
		}
	}
	if again := Sanitize(s, d); again != s {
		return "not idempotent: " + s + " then " + again
	}
	return ""
}

// generated is the default number of statements that TestNoLiteralSurvives reads. The
// environment variables SQLTEXT_STATEMENTS and SQLTEXT_SEED override it and the seed.
const generated = 200_000

func fromEnv(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

// TestNoLiteralSurvives reads each generated statement in its own dialect, and every
// second one also in Generic.
func TestNoLiteralSurvives(t *testing.T) {
	n := fromEnv("SQLTEXT_STATEMENTS", rounds.Of(generated))
	g := newGenerator(uint64(fromEnv("SQLTEXT_SEED", 1))) //nolint:gosec // a seed
	for i := range n {
		d := Dialect(i % len(dialectNames))
		g.legacy = i%5 == 0
		text := g.statement(d)
		require.Empty(t, leak(text, d), "%s: %q", d, text)
		if i/len(dialectNames)%2 == 0 && d != Generic {
			require.Empty(t, leak(text, Generic), "%s read as generic: %q", d, text)
		}
	}
}
