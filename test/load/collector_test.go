// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// variant is a collector program with a configuration.
type variant struct {
	name    string
	binary  string   // in bin, or an absolute path
	configs []string // merged in this order; names without a folder are in config
	env     []string
}

const (
	ownBinary   = "otelcol-ociapm"
	stockBinary = "otelcol-stock"
)

var (
	oursDurable = variant{name: "agent.yaml", binary: ownBinary, configs: []string{"agent.yaml", "testdata/agent.yaml"}}
	oursMemory  = variant{name: "agent.yaml, queue in memory", binary: ownBinary, configs: with(oursDurable.configs, "testdata/agent-memory.yaml")}
	oursMasking = variant{name: "agent.yaml, queue in memory, sanitize: always", binary: ownBinary, configs: with(oursMemory.configs, "testdata/agent-masking.yaml")}
	oursPlain   = variant{name: "agent.yaml, queue in memory, no enrichment", binary: ownBinary, configs: with(oursMemory.configs, "testdata/agent-plain.yaml")}

	oursFileStorage = variant{name: "agent.yaml, file_storage", binary: ownBinary, configs: with(oursDurable.configs, "testdata/agent-file-storage.yaml")}

	stockPlain     = variant{name: "stock: pass-through", binary: stockBinary, configs: []string{"testdata/stock.yaml"}}
	stockTuned     = variant{name: "stock: pass-through, gzip level 1, exporter batch, GOGC=400", binary: stockBinary, configs: with(stockPlain.configs, "testdata/stock-tuned.yaml"), env: []string{"GOGC=400"}}
	stockEnriching = variant{name: "stock: transform, redaction, batch", binary: stockBinary, configs: with(stockPlain.configs, "testdata/stock-enriching.yaml")}
	stockDurable   = variant{name: "stock: transform, redaction, batch, queue on disk", binary: stockBinary, configs: with(stockEnriching.configs, "testdata/stock-durable.yaml")}
)

func with(configs []string, more ...string) []string { return slices.Concat(configs, more) }

// collector is a running collector.
type collector struct {
	process *harness.Process
	stat    procfs.Proc

	grpc, http, health string
	queue              string // the folder of its durable queue
	ready              time.Duration
	accepting          time.Duration
}

// start starts a collector that uploads to a sink.
func (v variant) start(t testing.TB, to *sink, more ...string) *collector {
	t.Helper()
	c := &collector{grpc: harness.FreeAddress(t), http: harness.FreeAddress(t), health: harness.FreeAddress(t), queue: t.TempDir()}
	args := []string{}
	for _, config := range v.configs {
		if filepath.Base(config) == config {
			config = harness.ConfigFile(t, config)
		}
		args = append(args, "--config="+config)
	}
	addresses := harness.AddressesFile
	if v.binary == stockBinary {
		addresses = harness.StockAddressesFile
	}
	args = append(args, "--config="+addresses(t, c.grpc, c.http, c.health, harness.FreeAddress(t)))
	binary := v.binary
	if !filepath.IsAbs(binary) {
		binary = harness.Binary(t, binary)
	}
	cmd := exec.CommandContext(t.Context(), binary, append(args, more...)...)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start stops it
	cmd.Env = slices.Concat(os.Environ(), v.env, []string{"APM_ENDPOINT=" + to.url, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + c.queue})

	probe, err := newRequest(1, 0)
	require.NoError(t, err)
	begin := time.Now()
	c.process = harness.Start(t, cmd)
	c.accepting = await(t, begin, http.MethodPost, "http://"+c.http+"/v1/traces", probe.body)
	c.ready = await(t, begin, http.MethodGet, "http://"+c.health, nil)
	c.stat, err = procfs.NewProc(c.process.Pid())
	require.NoError(t, err)
	return c
}

// address returns where the apps of a load send to.
func (c *collector) address(d drive) string {
	if d.protocol == "http" {
		return c.http
	}
	return c.grpc
}

// await repeats a request until it gets a 200, and returns the time since begin.
func await(t testing.TB, begin time.Time, method, url string, body []byte) time.Duration {
	t.Helper()
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Since(begin) < 30*time.Second {
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-protobuf")
		resp, err := client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(begin)
			}
		}
		time.Sleep(time.Millisecond)
	}
	require.FailNow(t, "no answer", "%s %s", method, url)
	return 0
}

// cpu returns the CPU time that the collector has used, user and system.
func (c *collector) cpu(t testing.TB) time.Duration {
	t.Helper()
	stat, err := c.stat.Stat()
	require.NoError(t, err)
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

// memory returns the collector's current and peak resident memory, in bytes.
func (c *collector) memory(t testing.TB) (now, peak uint64) {
	t.Helper()
	status, err := c.stat.NewStatus()
	require.NoError(t, err)
	return status.VmRSS, status.VmHWM
}

// awaitQuiet waits until no upload has arrived for longer than a batch waits to become
// full.
func (s *sink) awaitQuiet(t testing.TB, limit time.Duration) {
	t.Helper()
	const quiet = 1500 * time.Millisecond
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if time.Since(time.Unix(0, s.last.Load())) > quiet {
			return
		}
	}
	require.FailNow(t, fmt.Sprintf("uploads still arrive after %s", limit))
}
