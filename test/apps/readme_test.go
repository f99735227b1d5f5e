// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// What the README's lines say, and what takes its place in a test.
const (
	readmePort    = "8080"
	readmeService = "my-app"
)

var (
	// installLine is a line that installs packages. The suite has installed them
	// already, in pinned versions, and checks only that they are the same.
	installLine = regexp.MustCompile(`(?m)^(?:pip install|npm install|go get|mvn dependency:copy) (.+)\n`)
	// fileBlock is a code block that begins with a comment which is the name of a
	// file.
	fileBlock = regexp.MustCompile("(?s)```[a-z]+\n(?:#|//) ([a-z_]+\\.[a-z]+)\n(.*?)```\n")
)

// readmeScript returns the bash lines of a README block without those that
// install packages, and writes the block's files into the app's working
// directory.
func readmeScript(t *testing.T, name string, app *runningService) string {
	t.Helper()
	writeReadmeFiles(t, name, app.folder)
	script := strings.ReplaceAll(strings.Join(harness.ReadmeBlocks(t, name, "bash"), ""), "\\\n", " ")
	require.NotEmpty(t, script, "the README has no commands in %s", name)
	var packages []string
	for _, line := range installLine.FindAllStringSubmatch(script, -1) {
		for word := range strings.FieldsSeq(line[1]) {
			if artifact, found := strings.CutPrefix(word, "-Dartifact="); found || !strings.HasPrefix(word, "-") {
				packages = append(packages, artifact)
			}
		}
	}
	slices.Sort(packages)
	expected := slices.Sorted(slices.Values(app.tools.installs))
	assert.Equal(t, expected, packages, "the packages of the README's block %s, and those that the test has installed", name)
	return installLine.ReplaceAllString(script, "")
}

// startScript puts a service's name and address into the lines that start it,
// and makes the last of them take the shell's place, so that signals reach it.
func startScript(t *testing.T, script, service, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(script, readmePort), "port %s in\n%s", readmePort, script)
	script = strings.ReplaceAll(strings.ReplaceAll(script, readmePort, port), readmeService, service)
	lines := strings.Split(strings.TrimSpace(script), "\n")
	lines[len(lines)-1] = "exec " + lines[len(lines)-1]
	return "set -euo pipefail\n" + strings.Join(lines, "\n")
}

// writeReadmeFiles writes the files of a README block into a folder.
func writeReadmeFiles(t *testing.T, name, folder string) {
	t.Helper()
	for _, file := range fileBlock.FindAllStringSubmatch(harness.ReadmeSection(t, name), -1) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file[1]), []byte(file[2]), 0o600))
	}
}
