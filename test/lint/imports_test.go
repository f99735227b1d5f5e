// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build lint

package lint

import (
	"encoding/json"
	"fmt"
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

const (
	module = "github.com/ociapm/otelcol-ociapm"
	sdk    = "github.com/oracle/oci-go-sdk/v65"
)

// TestImports runs the linter on a module with the folders of this one. Each folder has
// a package with forbidden imports and a package with allowed ones. The test fails for a
// component without a rule.
func TestImports(t *testing.T) {
	root := harness.Root(t)
	components := componentFolders(t, root)
	require.GreaterOrEqual(t, len(components), 9)
	dir := t.TempDir()
	write(t, dir, "go.mod", "module "+module+"\n\ngo 1.26.0\n\nrequire "+sdk+" v65.0.0\n\nreplace "+sdk+" => ./sdk\n")
	write(t, dir, "sdk/go.mod", "module "+sdk+"\n\ngo 1.26.0\n")
	for _, service := range []string{"common", "logging", "secrets"} {
		write(t, dir, "sdk/"+service+"/doc.go", "package p\n")
	}
	config, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	require.NoError(t, err)
	write(t, dir, ".golangci.yml", string(config))

	var want []string
	forbid := func(file, imported string) {
		write(t, dir, file, source(imported))
		want = append(want, file)
	}
	for _, folder := range []string{"cmd/program", "internal/library", "test/suite"} {
		write(t, dir, folder+"/doc.go", source())
	}
	for i, folder := range components {
		other := components[(i+1)%len(components)]
		for j, another := range components {
			if j != i {
				forbid(fmt.Sprintf("%s/forbidden/component%d.go", folder, j), another)
			}
		}
		write(t, dir, folder+"x/doc.go", source())
		forbid(folder+"/forbidden/sibling.go", folder+"x")
		forbid(path.Join("internal/deep", path.Base(folder), "below/component.go"), folder)
		write(t, dir, folder+"/doc.go", source())
		write(t, dir, folder+"/internal/own/doc.go", source())
		write(t, dir, folder+"/allowed/allowed.go", source("internal/library", folder, folder+"/internal/own"))
		forbid(folder+"/forbidden/component.go", other)
		forbid(folder+"/forbidden/component_test.go", other)
		forbid(folder+"/internal/own/component.go", other)
		forbid(folder+"/forbidden/program.go", "cmd/program")
		forbid(folder+"/forbidden/suite.go", "test/suite")
		forbid(path.Join("internal", path.Base(folder), "component.go"), folder)
		forbid(path.Join("internal", path.Base(folder), "component_test.go"), folder)
	}
	write(t, dir, "cmd/program/allowed.go", source(slices.Concat(components, []string{"internal/library"})...))
	forbid("internal/forbidden/program.go", "cmd/program")
	forbid("internal/forbidden/suite.go", "test/suite")
	forbid("components/connector/newconnector/forbidden.go", components[0])

	// Only apmctl and tests link the services of OCI that the collector does not call.
	useService := func(file, service string) string {
		write(t, dir, file, "package p\n\nimport _ \""+sdk+"/"+service+"\"\n")
		return file
	}
	useService("cmd/apmctl/allowed.go", "logging")
	useService("cmd/apmctl/internal/setup/allowed.go", "logging")
	useService("internal/library/common.go", "common")
	useService(components[0]+"/allowed/service.go", "secrets")
	useService("internal/library/service_test.go", "logging")
	for _, folder := range []string{"internal/forbidden", "cmd/program", components[0] + "/forbidden", "components/connector/newconnector"} {
		want = append(want, useService(folder+"/service.go", "logging"))
	}

	slices.Sort(want)
	assert.Equal(t, want, rejected(t, root, dir))
}

// componentFolders returns the folders of the components: the product's at the top
// level, the others below components.
func componentFolders(t *testing.T, root string) []string {
	t.Helper()
	var folders []string
	for _, pattern := range []string{"*/metadata.yaml", "components/*/*/metadata.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			folder, err := filepath.Rel(root, filepath.Dir(file))
			require.NoError(t, err)
			folders = append(folders, filepath.ToSlash(folder))
		}
	}
	return folders
}

// source returns a file that imports packages of the module.
func source(imports ...string) string {
	var text strings.Builder
	text.WriteString("package p\n")
	for _, imported := range imports {
		text.WriteString("\nimport _ \"" + path.Join(module, imported) + "\"\n")
	}
	return text.String()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// rejected returns the files of the module in dir whose imports the linter rejects.
func rejected(t *testing.T, root, dir string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+filepath.Join(root, "internal", "tools", "go.mod"), "-n", "golangci-lint")
	cmd.Dir = root
	linter, err := cmd.Output()
	require.NoError(t, err)

	cmd = exec.CommandContext(t.Context(), strings.TrimSpace(string(linter)), "run", "--issues-exit-code=0", "--uniq-by-line=false", "--output.json.path=stdout", "--show-stats=false", "./...")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	require.NoError(t, err, "%s", output)
	var report struct {
		Issues []struct {
			FromLinter string
			Pos        struct{ Filename string }
		}
	}
	require.NoError(t, json.Unmarshal(output, &report), "%s", output)
	var files []string
	for _, issue := range report.Issues {
		if issue.FromLinter == "depguard" {
			files = append(files, filepath.ToSlash(issue.Pos.Filename))
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}
