// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A collector that does not start says why in its last line: one sentence, without a
// stack.
func TestStartupErrors(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	agent := harness.ConfigFile(t, "agent.yaml")
	broken := file("broken.yaml", "service:\n  pipelines:\n\ttraces:\n")
	wrong := file("wrong.yaml", "processors:\n  peer_service:\n    kind: [db]\n")
	missing := filepath.Join(folder, "missing.yaml")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, taken.Close()) })
	here := taken.Addr().String()
	metrics := harness.AddressesFile(t, harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), here)
	addresses := func(health, http string) string {
		return harness.AddressesFile(t, harness.FreeAddress(t), http, health, harness.FreeAddress(t))
	}
	owner := fmt.Sprintf(` is already in use by %s \(pid %d\): stop that process, or set `, regexp.QuoteMeta(filepath.Base(os.Args[0])), os.Getpid())
	if len(filepath.Base(os.Args[0])) > 15 || runtime.GOOS != "linux" { // the kernel's limit of a name
		owner = ` is already in use by .*: stop .*, or set `
	}

	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no configuration", nil, `no configuration: pass --config=FILE; ready configurations: .*` + regexp.QuoteMeta(agent) + `.*`},
		{"missing file", []string{"--config", missing}, `the configuration ` + missing + ` does not exist: correct --config; ready configurations: .*`},
		{"YAML", []string{"--config", agent, "--config", broken}, broken + `:3: not valid YAML: .*; indent with spaces, not with tabs`},
		{"setting", []string{"--config", agent, "--config", wrong}, wrong + `:3: processors::peer_service has no setting "kind": .*`},
		{"port of a receiver", []string{"--config", agent, "--config", addresses(harness.FreeAddress(t), here)}, here + owner + `the endpoint to another address .*`},
		{"port of the probe", []string{"--config", agent, "--config", addresses(here, harness.FreeAddress(t))}, here + owner + `.*`},
		{"port of the metrics", []string{"--config", agent, "--config", metrics}, here + owner + `.*`},
		{"empty name", []string{"--config", ""}, `a --config is empty: pass --config=FILE; ready configurations: .*` + regexp.QuoteMeta(agent) + `.*`},
		{"another error", []string{"--config", agent, "--set", "service.pipelines.traces.receivers=[nope]"}, `invalid configuration: service::pipelines::traces: references receiver "nope" which is not configured`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			output, code := harness.RunCollector(t, []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}, tt.args...)
			assert.Equal(t, 1, code)
			requireLastLine(t, output, tt.want)
		})
	}
}

// requireLastLine requires that the output ends with an error, and has no stack.
func requireLastLine(t *testing.T, output, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(output), "\n")
	assert.Regexp(t, `^Error: `+want+`$`, lines[len(lines)-1])
	assert.NotContains(t, output, "goroutine ")
	assert.NotRegexp(t, `(?m)^\t\S+\.go:\d+`, output)
}

func TestQueueFolderInUse(t *testing.T) {
	t.Parallel()
	sandbox := harness.StartSandbox(t)
	queue := t.TempDir()
	first := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey, QueueDirectory: queue})
	addresses := harness.AddressesFile(t, harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t))
	output, code := harness.RunCollector(t, []string{"APM_ENDPOINT=" + sandbox.URL, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + queue},
		"--config", harness.ConfigFile(t, "agent.yaml"), "--config", addresses)
	assert.Equal(t, 1, code)
	who := `.*`
	if runtime.GOOS == "linux" {
		who = fmt.Sprintf(`, otelcol-ociapm \(pid %d\)`, first.Pid())
	}
	requireLastLine(t, output, `the queue folder `+queue+` is in use by another collector`+who+`: stop that one, or give each its own \(.*OTELCOL_QUEUE_DIRECTORY.*\)`)
}

// A user who may not write to the queue folder, or not even enter the working directory,
// gets a sentence too. Validate finds the first.
func TestAsAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, which changes the user")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv")
	}
	const nobody = "65534"
	folder, err := os.MkdirTemp("", "startup") //nolint:usetesting // others may not enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755)) //nolint:gosec // others enter it
	// Neither the repository nor the test's folder can be read by others.
	program, config := filepath.Join(folder, "otelcol-ociapm"), filepath.Join(folder, "agent.yaml")
	if err = os.Link(harness.Binary(t, "otelcol-ociapm"), program); err != nil {
		t.Skip("the folder for temporary files is on another disk:", err)
	}
	content, err := os.ReadFile(harness.ConfigFile(t, "agent.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, content, 0o644)) //nolint:gosec // others read it
	closed := filepath.Join(folder, "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	run := func(dir string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), setpriv, append([]string{"--reuid", nobody, "--clear-groups", program}, args...)...)
		cmd.Dir = dir
		cmd.Env = []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + filepath.Join(closed, "queue")}
		p := harness.Start(t, cmd)
		p.Wait(t, 20*time.Second)
		return p.Output()
	}
	want := `the queue folder ` + closed + `/queue cannot be written by the collector's user, uid ` + nobody + ` \(.*permission denied\): give that user write access, or set OTELCOL_QUEUE_DIRECTORY .*`
	requireLastLine(t, run(folder, "--config", config), want)
	requireLastLine(t, run(closed, "validate", "--config", config), want)
}
