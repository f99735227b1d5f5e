// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build archives

package archives

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

const (
	// awaitTime is the timeout of a start and of its effects. wine makes every program
	// that could be a service wait 10 s first.
	awaitTime    = time.Minute
	pollInterval = 50 * time.Millisecond
	// enough is how many spans each part of a test waits for.
	enough = 200
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// unpacked is the content of an archive, and the way to run its program here.
type unpacked struct {
	root   string   // root of the program's file system
	folder string   // the archive's files, relative to root
	name   string   // name of the program's file
	runner []string // a command that executes a program in place of itself
	// queue is the queue's folder as the program sees it, queueHere the same folder seen
	// from outside.
	queue, queueHere string
	// interrupt makes the program exit.
	interrupt os.Signal
}

func TestLinuxARM64(t *testing.T) {
	folder, queue := t.TempDir(), filepath.Join(t.TempDir(), "queue")
	output(t, "tar", "-C", folder, "-xzf", harness.Released(t, "*_linux_arm64.tar.gz"))
	testProgram(t, &unpacked{
		root: "/", folder: folder, name: "otelcol-ociapm", runner: []string{"qemu-aarch64-static"},
		queue: queue, queueHere: queue, interrupt: syscall.SIGTERM,
	})
}

func TestWindowsAMD64(t *testing.T) {
	u := unpackForWindows(t, "Program Files/otelcol-ociapm")
	t.Run("program", func(t *testing.T) { testProgram(t, u) })
	t.Run("service", func(t *testing.T) { testService(t, u) })
}

// unpackForWindows unpacks the archive into a folder of wine's drive C.
func unpackForWindows(t *testing.T, folder string) *unpacked {
	t.Helper()
	root := os.Getenv("WINE_ROOT")
	require.NotEmpty(t, root, "run `make test-archives`")
	const drive = "/wine/drive_c"
	u := &unpacked{
		root: root, folder: filepath.Join(drive, folder), name: "otelcol-ociapm.exe", runner: []string{"chroot", root, "/usr/lib/wine/wine64"},
		queue: `C:\queue`, queueHere: filepath.Join(root, drive, "queue"),
		// wine turns it into Ctrl+C, as a Windows console does.
		interrupt: syscall.SIGINT,
	}
	archive, err := zip.OpenReader(harness.Released(t, "*_windows_amd64.zip"))
	require.NoError(t, err)
	defer archive.Close()
	require.NoError(t, os.CopyFS(filepath.Join(root, u.folder), archive))
	return u
}

// command returns a command that runs like the programs of the archive.
func (u *unpacked) command(t *testing.T, args ...string) *exec.Cmd {
	args = slices.Concat(u.runner, args)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	return cmd
}

// run runs a command with additional environment variables until it exits.
func (u *unpacked) run(t *testing.T, env []string, args ...string) (output string, exitCode int) {
	t.Helper()
	cmd := u.command(t, args...)
	cmd.Env = append(os.Environ(), env...)
	process := harness.Start(t, cmd)
	exitCode = process.Wait(t, awaitTime)
	return strings.ReplaceAll(process.Output(), "\r\n", "\n"), exitCode
}

func testProgram(t *testing.T, u *unpacked) {
	for _, name := range []string{"LICENSE", "THIRD-PARTY-NOTICES", "README.md", "CHANGELOG.md", "config/agent.yaml", "config/gateway.yaml", "config/sidecar.yaml"} {
		assert.FileExists(t, filepath.Join(u.root, u.folder, name))
	}
	t.Run("commands", func(t *testing.T) {
		t.Parallel()
		testCommands(t, u)
	})
	t.Run("delivery", func(t *testing.T) {
		t.Parallel()
		testDelivery(t, u)
	})
}

func testCommands(t *testing.T, u *unpacked) {
	program := filepath.Join(u.folder, u.name)
	agent := filepath.Join(u.folder, "config", "agent.yaml")
	domain := []string{"APM_ENDPOINT=http://127.0.0.1:1", "APM_DATA_KEY=" + harness.PrivateKey}

	t.Run("version", func(t *testing.T) {
		t.Parallel()
		output, code := u.run(t, nil, program, "--version")
		assert.Zero(t, code)
		assert.Regexp(t, `^otelcol-ociapm version \d+\.\d+\.\d+\+[0-9a-f]{12}\s*$`, output)
	})
	t.Run("apmctl", func(t *testing.T) {
		t.Parallel()
		output, code := u.run(t, nil, filepath.Join(u.folder, strings.Replace(u.name, "otelcol-ociapm", "apmctl", 1)), "--version")
		assert.Zero(t, code)
		assert.Regexp(t, `^apmctl version \d+\.\d+\.\d+\+[0-9a-f]{12}\s*$`, output)
	})
	t.Run("components", func(t *testing.T) {
		t.Parallel()
		output, code := u.run(t, nil, program, "components")
		assert.Zero(t, code)
		here, code := harness.RunCollector(t, nil, "components")
		assert.Zero(t, code)
		// The version of the program of `make build` has no commit.
		assert.Equal(t, here, regexp.MustCompile(`(?m)^( +version: \d+\.\d+\.\d+)\+[0-9a-f]{12}$`).ReplaceAllString(output, "$1"))
	})
	t.Run("validate", func(t *testing.T) {
		t.Parallel()
		output, code := u.run(t, append(domain, "OTELCOL_QUEUE_DIRECTORY="+u.queue), program, "validate", "--config", agent)
		assert.Zero(t, code, output)
	})
	t.Run("mistake", func(t *testing.T) {
		t.Parallel()
		output, code := u.run(t, nil, program, "validate", "--config", agent)
		assert.Equal(t, 1, code)
		assert.Contains(t, output, "endpoint: it is empty")
	})
}

func testDelivery(t *testing.T, u *unpacked) {
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Program: filepath.Join(u.folder, u.name), Wrapper: u.runner,
		Config:   filepath.Join(u.folder, "config", "agent.yaml"),
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey, QueueDirectory: u.queue,
	})
	grpc, err := otlpload.NewGRPCSender(collector.GRPC)
	require.NoError(t, err)
	load := otlpload.Start(t.Context(),
		otlpload.NewApp(1, grpc, otlpload.Options{}),
		otlpload.NewApp(2, otlpload.NewHTTPSender(collector.HTTP), otlpload.Options{}))
	defer load.Abort()
	sandbox.AwaitSpans(t, enough)
	assert.Equal(t, "postgresql:orders", sandbox.Spans(t)[0].Attributes["peer.service"])

	// While APM is down, data for which an app got an OK is on disk and survives a crash
	// and a clean exit. A damaged queue file of file_storage is moved aside.
	sandbox.AddFault(t, apm.Fault{Status: 503})
	awaitMore(t, load)
	collector.Kill(t)
	require.NoError(t, os.WriteFile(filepath.Join(u.queueHere, "exporter_oci_apm__logs"), []byte("not a queue"), 0o600))
	collector.Restart(t)
	assert.Contains(t, collector.Output(), "A part of a queue cannot be read and is moved away")
	aside, err := filepath.Glob(filepath.Join(u.queueHere, "exporter_oci_apm__logs.queue", "unreadable", "*"))
	require.NoError(t, err)
	assert.Len(t, aside, 1)
	awaitMore(t, load)
	load.Finish()
	stored := sandbox.Counts(t).Spans.Stored
	assert.Greater(t, load.Accepted(), stored+enough)
	end(t, u, collector)
	collector.Restart(t)
	sandbox.ClearFaults(t)
	sandbox.AwaitSpans(t, load.Accepted())
	for _, app := range load.Apps {
		report := app.Report()
		assert.Zero(t, sandbox.Missing(t, report), "%s of %d", report.Service(), report.AcceptedSpans())
	}
	assert.Empty(t, load.Refused())
	end(t, u, collector)
	assert.NotContains(t, collector.Output(), harness.PrivateKey)
}

// awaitMore waits until the collector has accepted more from the apps.
func awaitMore(t *testing.T, load *otlpload.Load) {
	t.Helper()
	before := load.Accepted()
	require.Eventually(t, func() bool { return load.Accepted() >= before+enough }, awaitTime, pollInterval)
}

// end stops the collector and requires a clean exit.
func end(t *testing.T, u *unpacked, collector *harness.Collector) {
	t.Helper()
	collector.Signal(t, u.interrupt)
	assert.Zero(t, collector.Wait(t, awaitTime))
	assert.Contains(t, collector.Output(), "Shutdown complete")
}
