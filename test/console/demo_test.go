// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// demo is what `make demo` starts, after its build.
type demo struct {
	sandbox *harness.Sandbox
	// app is StayEasy's address, and temporary the folder of temporary files.
	app, temporary string
}

// startDemo starts the demo on free ports. overrides are merged over the collector's
// configuration.
func startDemo(t *testing.T, overrides string) *demo {
	t.Helper()
	d := &demo{app: harness.FreeAddress(t), temporary: t.TempDir()}
	otlp := harness.FreeAddress(t)
	arguments := "--config=" + harness.AddressesFile(t, harness.FreeAddress(t), otlp, harness.FreeAddress(t), harness.FreeAddress(t))
	if overrides != "" {
		file := filepath.Join(t.TempDir(), "overrides.yaml")
		require.NoError(t, os.WriteFile(file, []byte(overrides), 0o600))
		arguments += " --config=" + file
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(harness.Root(t), "scripts", "demo.sh"))
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start ends it
	cmd.Env = append(os.Environ(), "TMPDIR="+d.temporary, "DEMO_LISTEN="+d.app, "SANDBOX_LISTEN=127.0.0.1:0",
		"RUN_ARGS="+arguments, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+otlp, "APM_ENDPOINT=https://not-used.invalid")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a terminal does
	process := harness.Start(t, cmd)
	// Its programs are in process groups of their own: it must have the time to stop them.
	t.Cleanup(func() {
		_ = syscall.Kill(-process.Pid(), syscall.SIGINT)
		process.Wait(t, awaitTimeout)
	})
	d.sandbox = &harness.Sandbox{Process: process, URL: process.AwaitOutput(t, `Look at\s+(http://127\.0\.0\.1:\d+)`)[1]}
	return d
}

// interrupt presses Ctrl-C and waits until the demo has exited.
func (d *demo) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Kill(-d.sandbox.Pid(), syscall.SIGINT))
	assert.Zero(t, d.sandbox.Wait(t, awaitTimeout))
}

// `make demo` shows two services, a database call with an Oracle SQL_ID, failed calls and
// the slow report. After Ctrl-C it has left no process and no file.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "")
	sandbox := d.sandbox

	require.Eventually(t, func() bool {
		var ids, failed, reports int
		for _, span := range sandbox.Spans(t) {
			if span.Attributes["DbOracleSqlId"] != nil {
				ids++
			}
			if span.Service == "shop" && span.Kind == "CLIENT" && span.Status.Code == "ERROR" {
				failed++
			}
			if strings.Contains(span.Name, "/api/reports/occupancy") {
				reports++
			}
		}
		return ids > 0 && failed > 0 && reports > 0
	}, 2*awaitTimeout, 500*time.Millisecond)
	var services []string
	for _, node := range sandbox.Topology(t).Nodes {
		services = append(services, node.Name)
	}
	for _, name := range []string{"shop", "stayeasy", "oracle:loyalty", "sqlite:stayeasy"} {
		assert.Contains(t, services, name)
	}

	d.interrupt(t)
	left, err := os.ReadDir(d.temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, command := range commands {
		line, err := os.ReadFile(command)
		if err != nil {
			continue // it has just exited
		}
		assert.NotContains(t, string(line), d.temporary)
		assert.NotContains(t, string(line), d.app)
	}
}
