// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
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

// recipeService is the name of the app in the lines of docs/apps.
const recipeService = "my-app"

var (
	// recipePort matches the port in the lines that start an app: 8080 in StayEasy's. If
	// there is none, the app chooses the port itself; the tests' apps read it from the
	// variable PORT.
	recipePort = regexp.MustCompile(`\b80[08]0\b`)
	// installLine matches a line that installs packages. The suite has already installed
	// them in pinned versions and checks only that they are the same.
	installLine = regexp.MustCompile(`(?m)^(?:pip install|npm install|go get|mvn dependency:copy) (.+)\n`)
	// fileBlock matches a code block whose first line is a comment with a file name.
	fileBlock = regexp.MustCompile("(?s)```[a-z]+\n(?:#|//) ([a-z_]+\\.[a-z]+)\n(.*?)```\n")
)

// recipePage returns the page of docs/apps that has a part of this name.
func recipePage(t *testing.T, name string) string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(harness.Root(t), "docs", "apps", "*.md"))
	require.NoError(t, err)
	var found []string
	for _, page := range pages {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		if strings.Contains(string(content), "<!-- test: "+name+" -->\n") {
			found = append(found, "docs/apps/"+filepath.Base(page))
		}
	}
	require.Len(t, found, 1, "pages of docs/apps with a part that is marked as test: %s", name)
	return found[0]
}

// recipeScript returns the bash lines of an app's recipe, except those that install
// packages, and writes the recipe's files to the app's working directory.
func recipeScript(t *testing.T, app *runningService) string {
	t.Helper()
	var recipe strings.Builder
	for _, name := range append(slices.Clone(app.before), app.recipe) {
		writeRecipeFiles(t, name, app.folder)
		lines := strings.Join(harness.PageBlocks(t, recipePage(t, name), name, "bash"), "")
		require.NotEmpty(t, lines, "there are no commands in %s", name)
		recipe.WriteString(strings.ReplaceAll(lines, "\\\n", " "))
	}
	script := recipe.String()
	var packages []string
	for _, line := range installLine.FindAllStringSubmatch(script, -1) {
		for word := range strings.FieldsSeq(strings.ReplaceAll(line[1], `"`, "")) {
			if artifact, found := strings.CutPrefix(word, "-Dartifact="); found || !strings.HasPrefix(word, "-") {
				packages = append(packages, artifact)
			}
		}
	}
	slices.Sort(packages)
	expected := slices.Sorted(slices.Values(app.tools.installs))
	assert.Equal(t, expected, packages, "the packages of the recipe %s, and those that the test has installed", app.recipe)
	return installLine.ReplaceAllString(script, "")
}

// startScript sets a service's name and port in the lines that start it, and makes the
// last one replace the shell with exec, so that signals reach the app.
func startScript(t *testing.T, script, service, port string) string {
	t.Helper()
	require.LessOrEqual(t, len(recipePort.FindAllString(script, -1)), 1, "ports in\n%s", script)
	script = strings.ReplaceAll(recipePort.ReplaceAllLiteralString(script, port), recipeService, service)
	lines := strings.Split(strings.TrimSpace(script), "\n")
	lines[len(lines)-1] = "exec " + lines[len(lines)-1]
	return "set -euo pipefail\n" + strings.Join(lines, "\n")
}

// writeRecipeFiles writes the files of a recipe into a folder.
func writeRecipeFiles(t *testing.T, name, folder string) {
	t.Helper()
	for _, file := range fileBlock.FindAllStringSubmatch(harness.PageSection(t, recipePage(t, name), name), -1) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file[1]), []byte(file[2]), 0o600))
	}
}
