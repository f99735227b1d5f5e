// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

const (
	diskBytes    = 16 << 20
	ballastBytes = 10 << 20
	// damageNotice matches what the log must report about a damaged queue file.
	damageNotice = `A part of a queue cannot be read and is moved away|The first bytes of a segment of the queue were damaged|A segment of the queue ends in the middle of a record`
)

// mountQueue is a shell script that mounts a small disk for the queue in a new mount
// namespace, then executes the collector there. The disk disappears when the collector
// exits.
var mountQueue = []string{
	"unshare", "--map-root-user", "--mount", "sh", "-c",
	fmt.Sprintf(`mount -t tmpfs -o size=%d queue "$OTELCOL_QUEUE_DIRECTORY" && exec "$@"`, diskBytes), "sh",
}

// canMount reports whether this machine allows mounting a disk in a namespace.
func canMount(t *testing.T) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), mountQueue[0], append(mountQueue[1:], "true")...)
	cmd.Env = append(os.Environ(), "OTELCOL_QUEUE_DIRECTORY="+t.TempDir())
	return cmd.Run() == nil
}

// startOnSmallDisk starts our collector with its queue on a disk of 16 MiB that a
// ballast file almost fills. If nothing can be mounted, queue_storage's size limit
// simulates the disk, as a quota would.
func startOnSmallDisk(t *testing.T, r *run) {
	t.Helper()
	opts := r.collectorOptions(t)
	switch {
	case r.pipeline == stock:
	case canMount(t):
		opts.Wrapper = mountQueue
	default:
		t.Log("no mount namespace here: max_size of queue_storage simulates the disk")
		opts.Overrides = fmt.Sprintf("extensions: {queue_storage: {max_size: %d}}", diskBytes-ballastBytes)
	}
	r.nodes = []*node{startNode(t, opts)}
	if opts.Wrapper != nil {
		require.NoError(t, os.WriteFile(r.ballast(), make([]byte, ballastBytes), 0o600))
	}
}

// ballast is the file that fills the disk, seen from outside its namespace.
func (r *run) ballast() string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", r.nodes[0].collector.Pid()), r.nodes[0].queue, "ballast")
}

// fillDisk lets the queue grow while APM is down until the disk is full, brings APM back
// while the disk is still full, and then frees space.
func fillDisk(t *testing.T, r *run) {
	t.Helper()
	before := r.load.Retries()
	r.sandbox.AddFault(t, apm.Fault{Down: true})
	for range 30 {
		time.Sleep(500 * time.Millisecond)
		if r.load.Retries() > before+20 || r.pipeline == stock {
			break
		}
	}
	time.Sleep(2 * time.Second)
	if r.pipeline == ours {
		assert.Greater(t, r.load.Retries(), before, "apps are not asked to retry: the disk is not full")
	}
	r.nodes[0].checkPages(t)
	r.sandbox.ClearFaults(t)
	time.Sleep(5 * time.Second)
	if r.pipeline == ours {
		t.Logf("with APM back and the disk still full, %d of %d accepted spans are stored", r.sandbox.Counts(t).Spans.Stored, r.load.Accepted())
		if err := os.Remove(r.ballast()); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist) // no ballast if nothing was mounted
		}
	}
	time.Sleep(2 * time.Second)
}

// damage fills the queue, stops the collector, damages the queue file as a disk may, and
// starts the collector again. Unreadable bytes must be kept.
func damage(how func(t *testing.T, path string), kept bool) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		time.Sleep(2 * time.Second)
		r.sandbox.AddFault(t, apm.Fault{Down: true})
		time.Sleep(2 * time.Second)
		n := r.nodes[0]
		n.stop(t)
		r.sandbox.ClearFaults(t)
		if r.pipeline == ours {
			r.setAside = r.load.Accepted() - r.sandbox.Counts(t).Spans.Stored
			require.Positive(t, r.setAside, "nothing is in the queue")
			how(t, n.queueFile(t))
		}
		n.restart(t)
		time.Sleep(2 * time.Second)
		if r.pipeline == ours {
			files, err := filepath.Glob(filepath.Join(n.queue, "*.queue", "unreadable", "*"))
			require.NoError(t, err)
			assert.Equal(t, kept, len(files) > 0, "%v", files)
		}
	}
}

// The damages write bytes that are no valid record of a segment.
func overwriteStart(t *testing.T, path string) {
	t.Helper()
	overwrite(t, path, 0, 8192)
}

func overwriteMiddle(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	overwrite(t, path, 8192, info.Size()-8192)
}

func overwrite(t *testing.T, path string, offset, n int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte("damaged!"), int(n/8)), offset)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func cutInHalf(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
}
