// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// makeRun starts `make run` on free ports, in a new process group as a terminal does,
// and waits until it reports that it is ready. It returns the address that accepts OTLP
// over HTTP, and the folder of its logs and queue.
func makeRun(t *testing.T, env ...string) (run *harness.Process, otlpHTTP, folder string) {
	t.Helper()
	otlpHTTP, folder = harness.FreeAddress(t), t.TempDir()
	addresses := harness.AddressesFile(t, harness.FreeAddress(t), otlpHTTP, harness.FreeAddress(t), harness.FreeAddress(t))

	// `make test` has built the programs and passes its flags down.
	cmd := exec.CommandContext(t.Context(), "make", "run", "RUN_ARGS=--config="+addresses)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	cmd.Dir = harness.Root(t)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "APM_") && !strings.HasPrefix(kv, "MAKE") && !strings.HasPrefix(kv, "MFLAGS") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "SANDBOX_LISTEN=127.0.0.1:0", "RUN_DIRECTORY="+folder)
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run = harness.Start(t, cmd)
	run.AwaitOutput(t, `otelcol-ociapm is ready\.`)
	return run, otlpHTTP, folder
}

// interrupt acts like Ctrl-C in a terminal: it sends SIGINT to the process group of
// make, which Start created.
func interrupt(t *testing.T, run *harness.Process, folder string) {
	t.Helper()
	require.NoError(t, syscall.Kill(-run.Pid(), syscall.SIGINT))
	run.Wait(t, awaitTimeout)
	requireNothingRuns(t, folder)
}

// requireNothingRuns requires that no process is left that reads the logs of make run.
func requireNothingRuns(t *testing.T, folder string) {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, command := range commands {
		line, err := os.ReadFile(command)
		if err != nil {
			continue // it has just exited
		}
		require.NotContains(t, string(line), folder)
	}
}

// One command from source to a running pair, as a developer without an OCI
// account uses it: the README's curl, the README's query, Ctrl-C.
func TestMakeRunWithSandbox(t *testing.T) {
	run, otlpHTTP, folder := makeRun(t)
	sandbox := &harness.Sandbox{Process: run, URL: run.AwaitOutput(t, `It uploads to\s+(http://127\.0\.0\.1:\d+)`)[1]}
	assert.Contains(t, run.Output(), "Send OTLP to   localhost:4317 (gRPC) or http://localhost:4318 (HTTP)")
	run.AwaitOutput(t, `Look at\s+`+regexp.QuoteMeta(sandbox.URL)+`\s`)
	assert.Contains(t, curl(t, "curl -s "+sandbox.URL+"\n"), "<title>OCI APM sandbox</title>")
	run.AwaitOutput(t, `APM_ENDPOINT=https://<prefix>\.apm-agt\.<region>\.oci\.oraclecloud\.com APM_DATA_KEY=<private data key> make run`)

	send, show := oneSpan(t, strings.NewReplacer("localhost:4318", otlpHTTP, "http://127.0.0.1:4320", sandbox.URL))
	assert.JSONEq(t, `{"partialSuccess":{}}`, request(t, send))
	sandbox.AwaitSpans(t, 1)
	look := request(t, show)
	for _, shown := range []string{"SELECT orders", `"db.statement"`, "SELECT * FROM orders WHERE id = 42", `"db.operation"`, `"peer.service"`, "postgresql:shop"} {
		assert.Contains(t, look, shown)
	}

	// The console knows which attributes the collector added.
	stored := sandbox.Spans(t)[0]
	assert.WithinDuration(t, time.Now(), stored.StartTime, awaitTimeout, "the console shows it among the latest traces")
	span := sandbox.URL + "/api/v1/traces/" + stored.TraceID + "/spans/" + stored.SpanID
	require.Eventually(t, func() bool {
		return strings.Contains(curl(t, "curl -s "+span+"\n"), `"peer.service"],"changed":{},"removed":{}`)
	}, awaitTimeout, pollInterval)

	// Pasted again, it is another trace. Its span is sent before both programs exit.
	again, showAgain := oneSpan(t, strings.NewReplacer("localhost:4318", otlpHTTP, "http://127.0.0.1:4320", sandbox.URL))
	assert.NotEqual(t, show, showAgain)
	request(t, again)
	sandbox.AwaitSpans(t, 2)
	assert.Contains(t, request(t, showAgain), "SELECT orders")
	request(t, send)
	interrupt(t, run, folder)
	output := run.Output()
	assert.Contains(t, output, "stopping: the collector first sends its queued data")
	assert.Contains(t, output, "\nstopped\n")
	log, err := os.ReadFile(filepath.Join(folder, "collector.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "Shutdown complete.")
	assert.NotContains(t, string(log), "Exporting failed")
	requireNothingListens(t, otlpHTTP)
	requireNothingListens(t, strings.TrimPrefix(sandbox.URL, "http://"))
}

// A second `make run` of a folder leaves the logs and the queue of the first alone.
func TestMakeRunTwice(t *testing.T) {
	folder := t.TempDir()
	second := func(holder int) (exit int, output string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "run.pid"), []byte(strconv.Itoa(holder)), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "collector.log"), []byte("before"), 0o600))
		cmd := exec.CommandContext(t.Context(), filepath.Join(harness.Root(t), "scripts", "run.sh"), "--config=missing.yaml")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RUN_DIRECTORY=" + folder, "SANDBOX_LISTEN=127.0.0.1:0"}
		run := harness.Start(t, cmd)
		return run.Wait(t, awaitTimeout), run.Output()
	}
	log := func() string {
		content, err := os.ReadFile(filepath.Join(folder, "collector.log"))
		require.NoError(t, err)
		return string(content)
	}
	// It has the name of the script, so that it looks like a run.
	process := exec.CommandContext(t.Context(), "bash", "-c", "exec -a run.sh sleep 600")
	process.Cancel = func() error { return nil } // the cleanup of harness.Start ends it
	first := harness.Start(t, process)
	require.Eventually(t, func() bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", first.Pid()))
		return err == nil && strings.HasPrefix(string(line), "run.sh\x00")
	}, awaitTimeout, pollInterval)
	t.Run("while the first runs", func(t *testing.T) {
		exit, output := second(first.Pid())
		assert.Equal(t, 1, exit)
		pid := strconv.Itoa(first.Pid())
		assert.Equal(t, "run: process "+pid+" is already running here: stop it with Ctrl-C or `kill "+pid+"`, or set RUN_DIRECTORY to another folder than "+folder+"\n", output)
		assert.Equal(t, "before", log())
	})
	for name, holder := range map[string]int{"after the first was killed": 1 << 30, "another program has its id": os.Getpid()} {
		t.Run(name, func(t *testing.T) {
			exit, _ := second(holder)
			assert.Equal(t, 1, exit)
			assert.Contains(t, log(), "missing.yaml")
			assert.NoFileExists(t, filepath.Join(folder, "run.pid"))
		})
	}
	requireNothingRuns(t, folder)
}

// With a domain's endpoint and key, no sandbox starts and the uploads go there.
func TestMakeRunWithDomain(t *testing.T) {
	domain := harness.StartSandbox(t)
	run, otlpHTTP, folder := makeRun(t, "APM_ENDPOINT="+domain.URL, "APM_DATA_KEY="+harness.PrivateKey)
	assert.NotContains(t, run.Output(), "apmsandbox")

	send, _ := oneSpan(t, strings.NewReplacer("localhost:4318", otlpHTTP))
	request(t, send)
	domain.AwaitSpans(t, 1)
	interrupt(t, run, folder)
	requireClean(t, "the output of make run", run.Output())
}

// With a domain's OCID no sandbox starts either. This test has no OCI credentials, which
// a warning reports.
func TestMakeRunWithDomainID(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "config")
	run, _, folder := makeRun(t, "APM_DOMAIN_ID="+domainID, "OCI_AUTH_TYPE=config_file", "OCI_CONFIG_FILE="+missing)
	run.AwaitOutput(t, `It uploads to\s+the APM domain `+regexp.QuoteMeta(domainID))
	run.AwaitOutput(t, "cannot be discovered.*"+regexp.QuoteMeta(missing))
	assert.NotContains(t, run.Output(), "apmsandbox")
	interrupt(t, run, folder)
}

func TestMakeRunWithHalfADomain(t *testing.T) {
	for want, env := range map[string][]string{
		"set both APM_ENDPOINT and APM_DATA_KEY": {"APM_ENDPOINT=" + domainEndpoint},
		"but not all of them":                    {"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey, "APM_DOMAIN_ID=" + domainID},
	} {
		t.Run(want, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(harness.Root(t), "scripts", "run.sh"))
			folder := t.TempDir()
			cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "RUN_DIRECTORY=" + folder}, env...)
			run := harness.Start(t, cmd)
			assert.Equal(t, 1, run.Wait(t, awaitTimeout))
			assert.Contains(t, run.Output(), want)
			requireNothingRuns(t, folder)
		})
	}
}

// oneSpan returns the words of the README's two commands, which send a span and then
// look it up, with the addresses replaced.
func oneSpan(t *testing.T, addresses *strings.Replacer) (send, show []string) {
	t.Helper()
	blocks := harness.PageBlocks(t, "README.md", "one span", "bash")
	require.Len(t, blocks, 2, "the README sends a span, then looks at it")
	commands := curlCommands(t, addresses.Replace(strings.Join(blocks, "")))
	require.Len(t, commands, 2)
	return commands[0], commands[1]
}

// curlCommands runs a script in which curl is a shell function, and returns the words of
// each call.
func curlCommands(t *testing.T, script string) [][]string {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `curl() { printf '%s\0' "$@" ""; }`+"\n"+script)
	output, err := shell.Output()
	require.NoError(t, err)
	var commands [][]string
	for call := range strings.SplitSeq(strings.TrimSuffix(string(output), "\x00\x00"), "\x00\x00") {
		commands = append(commands, strings.Split(call, "\x00"))
	}
	return commands
}

// curl acts like a script with one curl command.
func curl(t *testing.T, script string) string {
	t.Helper()
	commands := curlCommands(t, script)
	require.Len(t, commands, 1)
	return request(t, commands[0])
}

// request acts like curl with these words, so that the machine needs no curl. It
// supports -s, -H and -d.
func request(t *testing.T, words []string) string {
	t.Helper()
	method, url, body := http.MethodGet, "", ""
	header := http.Header{}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-s":
		case "-H":
			i++
			name, value, found := strings.Cut(words[i], ": ")
			require.True(t, found, words[i])
			header.Set(name, value)
		case "-d":
			i++
			method, body = http.MethodPost, words[i]
		default:
			require.False(t, strings.HasPrefix(words[i], "-"), "curl's %s is not supported here", words[i])
			require.Empty(t, url)
			url = words[i]
		}
	}
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(answer)
}

func requireNothingListens(t *testing.T, address string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	require.Error(t, err, "something still listens on %s", address)
}
