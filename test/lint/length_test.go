// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build lint

package lint

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// maxLines is the maximum length of a source file: a longer one has more than one
// concern and must be split.
const maxLines = 400

// codeNames are the suffixes of source files.
var codeNames = []string{
	".go", ".sh", ".py", ".js", ".mjs", ".ts", ".tsx", ".css", ".html", ".java", ".tf", ".tpl", ".tftpl", ".yaml", ".yml", "Makefile", ".ci/run",
}

// TestFilesAreShort fails for each tracked source file with too many lines, except
// generated files and test data.
func TestFilesAreShort(t *testing.T) {
	root := harness.Root(t)
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = root
	output, err := cmd.Output()
	require.NoError(t, err)
	checked := 0
	var long []string
	for name := range strings.SplitSeq(strings.TrimRight(string(output), "\x00"), "\x00") {
		if !isCode(name) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		require.NoError(t, err)
		if isGenerated(content) {
			continue
		}
		checked++
		if lines := bytes.Count(content, []byte("\n")); lines > maxLines {
			t.Logf("%s has %d lines", name, lines)
			long = append(long, name)
		}
	}
	assert.Greater(t, checked, 500)
	assert.Empty(t, long, "files with more than %d lines: split them by concern", maxLines)
}

func isCode(name string) bool {
	folders := strings.Split(path.Dir(name), "/")
	if slices.Contains(folders, "testdata") || slices.Contains(folders, "dist") {
		return false
	}
	return slices.ContainsFunc(codeNames, func(end string) bool { return strings.HasSuffix(name, end) })
}

// isGenerated looks for the marker at the top of generated files
// (https://go.dev/s/generatedcode).
func isGenerated(content []byte) bool {
	for line := range bytes.Lines(content[:min(len(content), 1024)]) {
		if bytes.Contains(line, []byte("Code generated ")) && bytes.Contains(line, []byte("DO NOT EDIT")) {
			return true
		}
	}
	return false
}
