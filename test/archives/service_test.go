// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build archives

package archives

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// The Windows service, created and started with the lines of docs/deploy.md.
func testService(t *testing.T, u *unpacked) {
	const page, section = "docs/deploy.md", "windows service"
	data := filepath.Join(u.root, "/wine/drive_c/ProgramData/otelcol-ociapm")
	sandbox := harness.StartSandbox(t)
	config := harness.PageBlocks(t, page, section, "yaml")
	require.Len(t, config, 1)
	withEndpoint := strings.Replace(config[0], "https://REPLACE.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", sandbox.URL, 1)
	require.NotEqual(t, config[0], withEndpoint)
	require.NoError(t, os.Mkdir(data, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(data, "windows.yaml"), []byte(withEndpoint), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(data, "data_key"), []byte(harness.PrivateKey+"\r\n"), 0o600))

	// wine stops its services when the last other program exits: this one waits for input
	// that never comes.
	stdin, keep, err := os.Pipe()
	require.NoError(t, err)
	defer stdin.Close()
	defer keep.Close()
	session := u.command(t, "cmd")
	session.Stdin = stdin
	harness.Start(t, session)

	lines := harness.PageBlocks(t, page, section, "bat")
	require.Len(t, lines, 1)
	script := filepath.Join(t.TempDir(), "service.bat")
	require.NoError(t, os.WriteFile(script, []byte(strings.ReplaceAll(lines[0], "\n", "\r\n")), 0o600))
	output, code := u.run(t, nil, "cmd", "/c", script)
	require.Zero(t, code, output)
	control := func(command string) (output string, exitCode int) {
		return u.run(t, nil, "sc.exe", command, "otelcol-ociapm")
	}
	awaitState := func(state string) {
		require.Eventually(t, func() bool {
			output, code = control("query")
			return code == 0 && strings.Contains(output, state)
		}, awaitTime, pollInterval, "it is not %s:\n%s", state, &output)
	}
	awaitState("RUNNING")

	// The session has its own network, so the ports of agent.yaml are free.
	load := otlpload.Start(t.Context(), otlpload.NewApp(3, otlpload.NewHTTPSender("127.0.0.1:4318"), otlpload.Options{}))
	defer load.Abort()
	sandbox.AwaitSpans(t, enough)
	load.Finish()
	assert.DirExists(t, filepath.Join(data, "queue", "exporter_oci_apm__traces.queue"))
	output, code = control("stop")
	assert.Zero(t, code, output)
	awaitState("STOPPED")
	assert.Contains(t, output, "WIN32_EXIT_CODE    : 0  (0x0)")
	report := load.Apps[0].Report()
	assert.Zero(t, sandbox.Missing(t, report), "of %d", report.AcceptedSpans())
	output, code = control("delete")
	assert.Zero(t, code, output)
}
