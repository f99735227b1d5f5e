// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// toolchain is what an app of one language runs with.
type toolchain struct {
	bin         string   // the folder of its programs
	environment []string // as KEY=value
	versions    string   // for the table at the end
}

// python returns a function that makes a virtual environment with the packages
// of the requirements files, given relative to the app's folder. Environments
// stay in the folder .venv, one for each content of the requirements.
func python(packages string, requirements ...string) func(*testing.T, string) toolchain {
	return func(t *testing.T, folder string) toolchain {
		t.Helper()
		version := run(t, exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.version, sys.prefix)"))
		hash := sha256.New()
		fmt.Fprintln(hash, version, requirements)
		files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			fmt.Fprintf(hash, "%s %x\n", filepath.Base(file), sha256.Sum256(content))
		}
		venv := filepath.Join(harness.Root(t), ".venv", hex.EncodeToString(hash.Sum(nil))[:16])
		tools := toolchain{
			bin:         filepath.Join(venv, "bin"),
			environment: []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"},
		}

		complete := filepath.Join(venv, "complete")
		if _, err := os.Stat(complete); err != nil {
			require.NoError(t, os.RemoveAll(venv))
			run(t, exec.CommandContext(t.Context(), "python3", "-m", "venv", venv)) // Debian: apt-get install python3-venv
			args := []string{"install", "--quiet", "--disable-pip-version-check"}
			for _, file := range requirements {
				args = append(args, "--requirement", filepath.Join(folder, file))
			}
			run(t, exec.CommandContext(t.Context(), filepath.Join(tools.bin, "pip"), args...))
			require.NoError(t, os.WriteFile(complete, nil, 0o600))
		}

		script := `import importlib.metadata, platform, sys
print("python", platform.python_version(), *(f"{p} {importlib.metadata.version(p)}" for p in sys.argv[1:]))`
		args := append([]string{"-c", script}, strings.Fields(packages)...)
		versions := run(t, exec.CommandContext(t.Context(), filepath.Join(tools.bin, "python"), args...))
		tools.versions = strings.ReplaceAll(versions, "opentelemetry-", "otel-")
		return tools
	}
}

// run runs a program to its end and returns its standard output without the
// blanks around it.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s\n%s%s", cmd, stdout.String(), stderr.String())
	return strings.TrimSpace(stdout.String())
}
