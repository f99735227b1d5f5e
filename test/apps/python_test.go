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
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// spanCounter is put into every virtual environment: it counts the spans that
// end in the SDK, without a change of the app.
const spanCounter = "test/apps/python/span_count.py"

var (
	venvs       sync.Mutex // held while one is made
	requirement = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)==`)
)

// python returns a function that makes a virtual environment with the packages
// of a requirements file, given relative to the repository's root. Environments
// stay in the folder .venv, one for each content of the requirements. Shown are
// the packages whose versions go to the table at the end.
func python(shown, requirements string) func(*testing.T) toolchain {
	return func(t *testing.T) toolchain {
		t.Helper()
		venvs.Lock()
		defer venvs.Unlock()
		requirements := filepath.Join(harness.Root(t), requirements)
		version := run(t, exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.version, sys.prefix)"))
		hash := sha256.New()
		fmt.Fprintln(hash, version, requirements)
		// The file may name others beside it.
		files, err := filepath.Glob(filepath.Join(filepath.Dir(requirements), "*.txt"))
		require.NoError(t, err)
		for _, file := range append(files, filepath.Join(harness.Root(t), "test/apps/python/constraints.txt")) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			fmt.Fprintf(hash, "%s %x\n", filepath.Base(file), sha256.Sum256(content))
		}
		venv := filepath.Join(harness.Root(t), ".venv", hex.EncodeToString(hash.Sum(nil))[:16])
		tools := toolchain{
			path:        filepath.Join(venv, "bin"),
			environment: []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"},
		}
		content, err := os.ReadFile(requirements)
		require.NoError(t, err)
		for _, name := range requirement.FindAllStringSubmatch(string(content), -1) {
			tools.installs = append(tools.installs, name[1])
		}

		complete := filepath.Join(venv, "complete")
		if _, err := os.Stat(complete); err != nil {
			require.NoError(t, os.RemoveAll(venv))
			run(t, exec.CommandContext(t.Context(), "python3", "-m", "venv", venv)) // Debian: apt-get install python3-venv
			run(t, exec.CommandContext(t.Context(), filepath.Join(tools.path, "pip"), "install", "--quiet", "--disable-pip-version-check",
				"--requirement", requirements))
			require.NoError(t, os.WriteFile(complete, nil, 0o600))
		}
		countSpans(t, tools)

		script := `import importlib.metadata, platform, sys
print("python", platform.python_version(), *(f"{p} {importlib.metadata.version(p)}" for p in sys.argv[1:]))`
		args := append([]string{"-c", script}, strings.Fields(shown)...)
		versions := run(t, exec.CommandContext(t.Context(), filepath.Join(tools.path, "python"), args...))
		tools.versions = strings.ReplaceAll(versions, "opentelemetry-", "otel-")
		return tools
	}
}

// countSpans makes every program of a virtual environment count its spans, if
// SPAN_COUNT_FILE is set.
func countSpans(t *testing.T, tools toolchain) {
	t.Helper()
	packages := run(t, exec.CommandContext(t.Context(), filepath.Join(tools.path, "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
	content, err := os.ReadFile(filepath.Join(harness.Root(t), spanCounter))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(packages, filepath.Base(spanCounter)), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(packages, "span_count.pth"),
		[]byte("import os; 'SPAN_COUNT_FILE' in os.environ and __import__('span_count')\n"), 0o600))
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

// pythonCases are the small apps in Python.
func pythonCases() []testCase {
	return []testCase{
		{
			name:      "Flask on PostgreSQL, opentelemetry-instrument",
			databases: []func(*testing.T) database{shopPostgreSQL},
			services: []service{{
				name: "flask", readme: "app flask", folders: []string{"python/shop", "python/flask"},
				tools: python("flask psycopg2-binary opentelemetry-distro", "test/apps/python/flask/requirements.txt"),
				ready: `Running on http://`, counted: true, stop: os.Interrupt,
			}},
			traffic: shopTraffic,
			routes: func(r *running) []route {
				return shop{
					names:       map[string]string{"GET /items/1": "GET /items/<int:item>"},
					placeholder: "%s", unhandled: "RuntimeError",
					failed: "psycopg2.errors.UndefinedTable", late: "psycopg2.errors.QueryCanceled",
				}.routes("flask", r.databases[0])
			},
		},
	}
}

// asgi returns the INTERNAL spans that the ASGI middleware makes of the messages
// that an app receives from its server and sends to it.
func asgi(request span, received, sent int) []span {
	message := func(kind string) span {
		return span{kind: "INTERNAL", name: request.name + " http " + kind, service: request.service}
	}
	var messages []span
	for range received {
		messages = append(messages, message("receive"))
	}
	for i := range sent {
		m := message("send")
		if i == 0 { // the first holds the status
			m.attributes = map[string]string{"http.status_code": request.attributes["http.status_code"]}
		}
		messages = append(messages, m)
	}
	return messages
}
