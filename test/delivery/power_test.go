// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// A power cut loses nothing with fsync, and without fsync whatever the system had not
// written yet. The queue is on its own disk: a file that contains a file system. While
// APM is down and apps send, the collector is stopped and the file is copied without the
// data that the system has not written yet. That copy is what a machine finds after a
// power cut.
func TestPowerCut(t *testing.T) {
	for _, tt := range []struct {
		name      string
		overrides string
		loses     bool
	}{
		{"with fsync", "extensions: {queue_storage: {fsync: true}}", false},
		{"without fsync", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk := filepath.Join(t.TempDir(), "disk")
			require.NoError(t, os.WriteFile(disk, nil, 0o600))
			require.NoError(t, os.Truncate(disk, 64<<20))
			command(t, "mkfs.ext4", "-q", "-F", disk)
			sandbox := harness.StartSandbox(t)
			sandbox.AddFault(t, apm.Fault{Down: true})
			before := startNode(t, harness.CollectorOptions{
				Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Overrides: tt.overrides, QueueDirectory: mount(t, disk),
			})
			load := startLoad(t, loadOptions{}, before)
			require.Eventually(t, func() bool { return load.Accepted() >= 2000 }, time.Minute, pollInterval)

			// Requests accepted from now on are not checked, those accepted before are.
			before.collector.Signal(t, syscall.SIGSTOP)
			reports := accepted(load)
			after := disk + "-after"
			copyFile(t, disk, after)
			before.collector.Signal(t, syscall.SIGCONT)
			load.Abort()
			before.stop(t)

			sandbox.ClearFaults(t)
			sandbox = harness.StartSandbox(t)
			n := startNode(t, harness.CollectorOptions{
				Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Overrides: tt.overrides, QueueDirectory: mount(t, after),
			})
			require.Eventually(t, func() bool { return n.collector.QueueSize(t) == 0 }, time.Minute, pollInterval)
			n.stop(t)
			total, missing := 0, 0
			for _, report := range reports {
				total += report.AcceptedSpans()
				missing += sandbox.Missing(t, report)
			}
			t.Logf("%d spans accepted, %d of them lost", total, missing)
			// If nothing is lost without fsync either, the power cut was not simulated.
			assert.Equal(t, tt.loses, missing > 0, "accepted spans are lost")
		})
	}
}

func accepted(load *otlpload.Load) (reports []otlpload.Report) {
	for _, app := range load.Apps {
		reports = append(reports, app.Report())
	}
	return reports
}

// mount mounts a file that contains a file system until the test ends, and skips the
// test if that is not allowed.
func mount(t *testing.T, disk string) string {
	t.Helper()
	directory := t.TempDir()
	if output, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", disk, directory).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, output)
	}
	t.Cleanup(func() {
		output, err := exec.Command("umount", directory).CombinedOutput() //nolint:noctx // the test's context has ended
		assert.NoError(t, err, "%s", output)
	})
	return directory
}

func command(t *testing.T, name string, arguments ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, arguments...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.Create(to)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}
