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

// `make demo` shows two services, a database call with an Oracle SQL_ID, failed calls and
// the slow report. After Ctrl-C it has left no process and no file.
func TestDemo(t *testing.T) {
	t.Parallel()
	temporary, app, otlp := t.TempDir(), harness.FreeAddress(t), harness.FreeAddress(t)
	addresses := harness.AddressesFile(t, harness.FreeAddress(t), otlp, harness.FreeAddress(t), harness.FreeAddress(t))
	cmd := exec.CommandContext(t.Context(), filepath.Join(harness.Root(t), "scripts", "demo.sh"))
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start ends it
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary, "DEMO_LISTEN="+app, "SANDBOX_LISTEN=127.0.0.1:0",
		"RUN_ARGS=--config="+addresses, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+otlp, "APM_ENDPOINT=https://not-used.invalid")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a terminal does
	demo := harness.Start(t, cmd)
	sandbox := &harness.Sandbox{Process: demo, URL: demo.AwaitOutput(t, `Look at\s+(http://127\.0\.0\.1:\d+)`)[1]}

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

	require.NoError(t, syscall.Kill(-demo.Pid(), syscall.SIGINT))
	assert.Zero(t, demo.Wait(t, awaitTimeout))
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, command := range commands {
		line, err := os.ReadFile(command)
		if err != nil {
			continue // it has just exited
		}
		assert.NotContains(t, string(line), temporary)
		assert.NotContains(t, string(line), app)
	}
}
