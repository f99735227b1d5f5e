// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package linux

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(elements...))
	require.NoError(t, err)
	return string(content)
}

// The systemd of Oracle Linux 8 knows all directives above a comment, and none below it.
// docs/deploy.md has a row for each of those.
func TestUnitOnSystemd239(t *testing.T) {
	known := map[string]bool{}
	for line := range strings.Lines(read(t, "testdata", "systemd-239.txt")) {
		known[strings.TrimSpace(line)] = true
	}
	docs := read(t, "..", "..", "docs", "deploy.md")
	var section string
	var newer bool
	var rows int
	for line := range strings.Lines(read(t, "otelcol-ociapm.service")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "# The systemd 239 of Oracle Linux 8 does not know these.") {
			newer = true
		}
		if name, found := strings.CutPrefix(line, "["); found {
			section, newer = strings.TrimSuffix(name, "]"), false
		}
		directive, _, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		assert.Equal(t, !newer, known[section+"."+directive], "%s in [%s]", directive, section)
		if newer {
			rows++
			assert.Regexp(t, `(?m)^\| `+"`"+directive+"`"+` \| 24\d \| `, docs)
		}
	}
	assert.Equal(t, 4, rows)
	assert.False(t, known["Service.LoadCredential"], "docs/deploy.md says that it is not known")
}

// dpkg and rpm show the version of builder-config.yaml.
func TestChangelog(t *testing.T) {
	first := regexp.MustCompile(`(?m)^- semver: (.*)$`).FindStringSubmatch(read(t, "changelog.yaml"))
	require.NotNil(t, first)
	version := regexp.MustCompile(`(?m)^ {2}version: (.*)$`).FindStringSubmatch(read(t, "..", "..", "builder-config.yaml"))
	require.NotNil(t, version)
	assert.Equal(t, version[1]+"-1", first[1])
}
