// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// folderScenarios are the rows about the queue directory: who uses it, and the state of
// its disk.
func folderScenarios() []scenario {
	return []scenario{
		{name: "two collectors on one folder", during: secondCollector},
		{
			name: "disk full, three restarts", start: startOnLastingDisk, during: restartOnFullDisk, load: loadOptions{payload: 4096},
		},
		{name: "a bit flipped in the queue", during: flipBit, says: damageNotice},
	}
}

// secondCollector starts another collector on the folder of a running one with a
// backlog, as a redeployment on the same volume does. The second one must change nothing
// there.
func secondCollector(t *testing.T, r *run) {
	t.Helper()
	time.Sleep(time.Second)
	r.sandbox.AddFault(t, apm.Fault{Status: http.StatusServiceUnavailable})
	time.Sleep(2 * time.Second)
	for range pick(2, 10) {
		if r.pipeline == ours {
			addresses := harness.AddressesFile(t, harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t))
			output, code := harness.RunCollector(t, []string{
				"APM_ENDPOINT=" + r.sandbox.URL, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + r.nodes[0].queue,
			}, "--config", harness.ConfigFile(t, "agent.yaml"), "--config", addresses)
			assert.Equal(t, 1, code, "exit code of the second collector")
			assert.Contains(t, output, r.nodes[0].queue+" is in use by another collector")
		}
		r.nodes[0].kill(t)
		r.nodes[0].restart(t)
		time.Sleep(time.Second)
	}
}

// startOnLastingDisk starts our collector with its queue on a small disk that survives
// restarts. If nothing can be mounted, queue_storage's size limit simulates the disk.
func startOnLastingDisk(t *testing.T, r *run) {
	t.Helper()
	opts := r.collectorOptions(t)
	switch {
	case r.pipeline == stock:
	case canMount(t):
		opts.QueueDirectory = t.TempDir()
		holder := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c",
			fmt.Sprintf(`mount -t tmpfs -o size=%d queue "$0" && echo mounted && exec sleep infinity`, diskBytes), opts.QueueDirectory)
		process := harness.Start(t, holder)
		process.AwaitOutput(t, "mounted")
		opts.Wrapper = []string{"nsenter", "--user", "--mount", "--preserve-credentials", "--target", strconv.Itoa(process.Pid()), "--"}
	default:
		t.Log("no mount namespace here: max_size of queue_storage simulates the disk")
		opts.Overrides = fmt.Sprintf("extensions: {queue_storage: {max_size: %d}}", diskBytes-ballastBytes)
	}
	r.nodes = []*node{startNode(t, opts)}
	if opts.Wrapper != nil {
		require.NoError(t, os.WriteFile(r.ballast(), make([]byte, ballastBytes), 0o600))
	}
}

// restartOnFullDisk restarts the collector three times, once after a kill, while the
// disk is full and APM is down.
func restartOnFullDisk(t *testing.T, r *run) {
	t.Helper()
	before := r.load.Retries()
	r.sandbox.AddFault(t, apm.Fault{Down: true})
	if r.pipeline == ours {
		require.Eventually(t, func() bool { return r.load.Retries() > before+20 }, 30*time.Second, pollInterval, "apps are not asked to retry: the disk is not full")
	}
	for round := range 3 {
		if n := r.nodes[0]; round == 1 {
			n.kill(t)
		} else {
			n.stop(t)
		}
		r.nodes[0].restart(t)
		time.Sleep(time.Second)
	}
	r.nodes[0].checkPages(t)
	r.sandbox.ClearFaults(t)
	time.Sleep(3 * time.Second)
	if r.pipeline == ours {
		if err := os.Remove(r.ballast()); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist) // no ballast if nothing was mounted
		}
	}
}

// flipBit flips one bit of a queue while its collector is stopped, in the request that was
// stored last, which APM cannot have: damage to what was uploaded goes unnoticed. Only that
// request is lost.
func flipBit(t *testing.T, r *run) {
	t.Helper()
	time.Sleep(time.Second)
	r.sandbox.AddFault(t, apm.Fault{Down: true})
	time.Sleep(2 * time.Second)
	n := r.nodes[0]
	n.stop(t)
	r.sandbox.ClearFaults(t)
	if r.pipeline == ours {
		path := n.queueFile(t)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		last := bytes.LastIndex(content, []byte("service.name"))
		require.Positive(t, last, "a stored request")
		content[last] ^= 0x10
		require.NoError(t, os.WriteFile(path, content, 0o600))
		r.setAside = 10 // spans of a request
	}
	n.restart(t)
	time.Sleep(2 * time.Second)
	if r.pipeline == ours {
		unreadable := regexp.MustCompile(`(?m)^otelcol_extension_queue_storage_unreadable_items(_total)?\{[^}]*traces[^}]*\} 1$`)
		assert.Eventually(t, func() bool {
			return unreadable.MatchString(page(t, "http://"+n.collector.Metrics+"/metrics"))
		}, time.Minute, 50*time.Millisecond, "the damaged record is counted")
		kept, err := filepath.Glob(filepath.Join(n.queue, "*.queue", "unreadable", "*"))
		require.NoError(t, err)
		assert.Len(t, kept, 1, "the damaged record is kept")
	}
}
