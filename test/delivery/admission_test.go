// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Requests of a few kilobytes that take hundreds of megabytes decoded, a hundred
// at a time, end no collector in a container of the size that the manifests give
// it, and a good client beside them is served within a second.
func TestHostileRequestsInAContainer(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	for _, tt := range []struct {
		config              string
		containerMiB, limit int
	}{{"agent.yaml", 512, 409}, {"gateway.yaml", 1024, 0}} {
		t.Run(tt.config, func(t *testing.T) {
			options := harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Config: tt.config}
			if tt.limit > 0 {
				options.Environment = append(options.Environment, "OTELCOL_MEMORY_LIMIT_MIB="+strconv.Itoa(tt.limit))
			} else {
				options.Overrides = "extensions: {otlp_guard: {limit_mib: 819}, gc_tuner: {limit_mib: 819}}\nprocessors: {memory_limiter: {limit_mib: 819, spike_limit_mib: 204}}"
			}
			n := startNode(t, options)
			confine(t, n.collector.Pid(), tt.containerMiB)

			var hostile sync.WaitGroup
			for _, body := range [][]byte{emptyMessages(0x12, 1, 2), emptyMessages(0x5a, 1, 2, 2), emptyMessages(0x0a)} {
				zipped := zip(t, body)
				for range 100 {
					hostile.Go(func() {
						assert.Regexp(t, "^(413|503)$", post(protobufType, "gzip", zipped)(t, n.collector))
					})
				}
				for range 10 {
					hostile.Go(func() {
						assert.Equal(t, "ResourceExhausted", invoke(body, grpc.UseCompressor("gzip"))(t, n.collector))
					})
				}
			}
			good := post(protobufType, "", oddSpan("beside-bombs", func(ptrace.Span) {}))
			for range 10 {
				assert.Eventually(t, func() bool { return good(t, n.collector) == "200" }, time.Second, 10*time.Millisecond, "a good client")
			}
			hostile.Wait()
			require.Positive(t, n.collector.PeakMemory(), "the collector has ended")
			t.Logf("peak memory %s", mebibytes(n.collector.PeakMemory()))
		})
	}
}

// emptyMessages is a request of as many empty messages as 7 MiB hold.
func emptyMessages(tag byte, path ...protowire.Number) []byte {
	body := bytes.Repeat([]byte{tag, 0}, 7*mebi/2)
	for i := len(path) - 1; i >= 0; i-- {
		body = protowire.AppendBytes(protowire.AppendTag(nil, path[i], protowire.BytesType), body)
	}
	return body
}

func zip(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	writer := gzip.NewWriter(&b)
	_, err := writer.Write(body)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return b.Bytes()
}

// confine puts a process into a control group of its own with a memory limit,
// version 1 or 2, and skips the test where that is not allowed.
func confine(t *testing.T, pid, mib int) {
	t.Helper()
	root, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Join(root, limit)); err != nil {
		root, limit = "/sys/fs/cgroup", "memory.max"
	}
	group := filepath.Join(root, "otelcol-delivery-"+strconv.Itoa(pid))
	if err := os.Mkdir(group, 0o750); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	t.Cleanup(func() {
		// The process goes back to where it came from, for it ends later.
		_ = os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
		_ = os.Remove(group)
	})
	if err := os.WriteFile(filepath.Join(group, limit), []byte(strconv.Itoa(mib*mebi)), 0); err != nil {
		t.Skipf("the control group takes no memory limit: %v", err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0))
}
