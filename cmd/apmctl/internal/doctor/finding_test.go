// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReport(t *testing.T) {
	r := Report{Subject: "Configuration: a.yaml", Findings: []Finding{
		ok(Configuration, "is valid"), failed(Variables, "not set: A", "export it"), skipped(TLS, "none"),
	}}
	assert.Equal(t, 1, r.Failed())
	var plain, colored, document strings.Builder
	require.NoError(t, r.WriteText(&plain, false))
	assert.Equal(t, "Configuration: a.yaml\n\n  ✓ configuration  is valid\n  ✗ variables      not set: A\n                   - export it\n  – tls            none\n", plain.String())
	require.NoError(t, r.WriteText(&colored, true))
	assert.Contains(t, colored.String(), "  \x1b[31m✗\x1b[0m variables")
	require.NoError(t, r.WriteJSON(&document))
	assert.Contains(t, document.String(), `"status": "failed"`)
	assert.Contains(t, document.String(), `"advice": "export it"`)
}

func TestInOrder(t *testing.T) {
	sorted := inOrder([]Finding{ok(Rule, "2"), ok(Ports, "1"), failed(Ports, "1b", ""), ok(Configuration, "0")})
	var ids []string
	for _, f := range sorted {
		ids = append(ids, f.ID)
	}
	assert.Equal(t, []string{Configuration, Ports, Ports, Rule}, ids)
}

func TestSecrets(t *testing.T) {
	s := &secrets{}
	s.add("KEY/WITH+SIGNS=")
	s.add("short")
	t.Setenv("DB_PASSWORD", "TOPSECRETPASSWORD")
	t.Setenv("SOME_KEY_FILE", "/path/of/the/file")
	s.addEnvironment()
	for text, want := range map[string]string{ //nolint:gosec // invented passwords
		"a KEY/WITH+SIGNS= b":              "a [redacted] b",
		"?key=KEY%2FWITH%2BSIGNS%3D":       "?key=[redacted]",
		"http://user:p@ss/word@proxy:3128": "http://[redacted]@proxy:3128",
		"TOPSECRETPASSWORD":                "[redacted]",
		"?key=key%2fwith%2bsigns%3d":       "?key=[redacted]",
		`"user":"TOPSECRETPASSWORD"`:       `"user":"[redacted]"`,
		"Basic " + base64.StdEncoding.EncodeToString([]byte("u:TOPSECRETPASSWORD")): "Basic dTp[redacted]A==",
		"a short text, /path/of/the/file":                                           "a short text, /path/of/the/file",
	} {
		assert.Equal(t, want, s.clean(text))
	}
}

// page reads a page of the documentation.
func page(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Clean(filepath.Join("..", "..", "..", "..", "docs", name)))
	require.NoError(t, err)
	return string(content)
}

var quoted = regexp.MustCompile("`([^`]+)`")

// docs/doctor.md describes each finding, in their order.
func TestFindingsAreDocumented(t *testing.T) {
	var documented []string
	_, table, found := strings.Cut(page(t, "doctor.md"), "## Findings")
	require.True(t, found)
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") {
			for _, match := range quoted.FindAllStringSubmatch(cells[0], -1) {
				documented = append(documented, match[1])
			}
		}
	}
	assert.Equal(t, IDs(), documented)
}

// Each row of docs/troubleshooting.md is a finding, or says why it is none.
func TestTroubleshootingNamesFindings(t *testing.T) {
	rows := 0
	for line := range strings.Lines(page(t, "troubleshooting.md")) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| What you see") {
			continue
		}
		rows++
		cells := strings.Split(strings.TrimSuffix(line, " |"), " | ")
		last := cells[len(cells)-1]
		if strings.HasPrefix(last, "no: ") {
			continue
		}
		names := quoted.FindAllStringSubmatch(last, -1)
		assert.NotEmpty(t, names, line)
		for _, name := range names {
			assert.Contains(t, IDs(), name[1], line)
		}
	}
	assert.Greater(t, rows, 40)
}
