// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

const (
	sampleInterval = 100 * time.Millisecond
	// drainTimeout is how long a queue may take to empty once nothing blocks it: a
	// backed-off upload alone waits up to 45 s.
	drainTimeout = 3 * time.Minute
	pollInterval = 250 * time.Millisecond
	rotatedKey   = "HARNESSROTATEDKEY0123456789ABCDEF"
)

// pipeline is the configuration to compare: ours or the stock one.
type pipeline int

const (
	ours pipeline = iota
	stock
)

func (p pipeline) String() string { return [...]string{"ours", "stock"}[p] }

// node is a collector across all its restarts.
type node struct {
	collector *harness.Collector
	pages     string // address of zpages
	queue     string // directory of its durable queue

	mu      sync.Mutex // guards collector.Process
	outputs []string   // of the processes that have exited
	peak    int64      // resident memory, bytes
}

// startNode starts a collector with zpages.
func startNode(t *testing.T, opts harness.CollectorOptions) *node {
	t.Helper()
	n := &node{pages: harness.FreeAddress(t), queue: opts.QueueDirectory}
	if n.queue == "" {
		n.queue = t.TempDir()
		opts.QueueDirectory = n.queue
	}
	extensions := "[apm_paths,otlp_guard,gc_tuner,health_check,queue_storage,zpages]"
	if strings.HasSuffix(opts.Config, "stock.yaml") {
		extensions = "[health_check,zpages]"
	}
	opts.Arguments = append(opts.Arguments, "--set=extensions.zpages.endpoint="+n.pages, "--set=service.extensions="+extensions)
	n.collector = harness.StartCollector(t, opts)

	stop := make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for otlpload.Pause(stop, sampleInterval) {
			n.mu.Lock()
			n.peak = max(n.peak, n.collector.PeakMemory())
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		close(stop)
		sampling.Wait()
	})
	return n
}

// kill kills the collector with SIGKILL.
func (n *node) kill(t *testing.T) {
	t.Helper()
	n.peak = max(n.peakMemory(), n.collector.PeakMemory())
	n.collector.Kill(t)
	n.keepOutput()
}

// stop stops the collector with SIGTERM and returns its exit code.
func (n *node) stop(t *testing.T) int {
	t.Helper()
	code := n.collector.Stop(t)
	n.keepOutput()
	return code
}

func (n *node) keepOutput() {
	n.outputs = append(n.outputs, n.collector.Output())
}

// restart starts the stopped collector again, with the same queue and addresses.
func (n *node) restart(t *testing.T, environment ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.collector.Restart(t, environment...)
}

func (n *node) peakMemory() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.peak
}

// log returns the output of all processes.
func (n *node) log() string {
	return strings.Join(n.outputs, "") + n.collector.Output()
}

// checkPages searches the collector's pages for a data key.
func (n *node) checkPages(t *testing.T) {
	t.Helper()
	for _, url := range []string{
		"http://" + n.collector.Metrics + "/metrics",
		"http://" + n.collector.Health,
		"http://" + n.pages + "/debug/servicez",
		"http://" + n.pages + "/debug/pipelinez",
		"http://" + n.pages + "/debug/extensionz",
		"http://" + n.pages + "/debug/tracez",
	} {
		checkNoKey(t, url, page(t, url))
	}
}

// checkNoKey fails the test if a text holds a data key.
func checkNoKey(t *testing.T, what, text string) {
	t.Helper()
	for _, key := range []string{harness.PrivateKey, harness.PublicKey, rotatedKey} {
		if strings.Contains(text, key) {
			t.Errorf("a data key is in %s", what) // printing the text would reveal the key
		}
	}
}

// page returns the body at a URL, whatever the status.
func page(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(content)
}

// run is one scenario on one pipeline.
type run struct {
	scenario scenario
	pipeline pipeline

	sandbox *harness.Sandbox
	nodes   []*node // the nodes that apps send to come first
	load    *otlpload.Load
	keyFile string // of our pipeline, if the scenario uses one

	// setAside is the number of accepted spans in a file that a scenario has damaged.
	setAside int
}

// fault makes APM misbehave for a while.
func (r *run) fault(t *testing.T, fault apm.Fault, lasting time.Duration) {
	t.Helper()
	r.sandbox.AddFault(t, fault)
	time.Sleep(lasting)
	for _, n := range r.nodes {
		n.checkPages(t)
	}
	r.sandbox.ClearFaults(t)
}

// collectorOptions returns the options that start the pipeline's collector.
func (r *run) collectorOptions(t *testing.T) harness.CollectorOptions {
	t.Helper()
	opts := harness.CollectorOptions{Endpoint: r.sandbox.URL, DataKey: harness.PrivateKey, Overrides: r.scenario.overrides[r.pipeline]}
	if r.pipeline == stock {
		opts.Config = stockConfig(t)
	}
	return opts
}

func stockConfig(t *testing.T) string {
	t.Helper()
	return filepath.Join(harness.Root(t), "test", "delivery", "testdata", "stock.yaml")
}

// outcome is one row of the table.
type outcome struct {
	accepted, stored, lost, duplicated int
	// givenUp are the spans in a damaged file: not delivered, and reported in the log.
	givenUp int
	// retries is how often apps were asked to retry, or got no response.
	retries int
	// refused is how often apps were told not to retry.
	refused int
	peak    int64 // bytes
}

// play runs a scenario on a pipeline.
func play(t *testing.T, s scenario, p pipeline) outcome {
	t.Helper()
	r := &run{scenario: s, pipeline: p}
	args := append([]string{"--max-spans=10000000", "--max-bytes=8589934592"}, s.sandboxArguments...)
	r.sandbox = harness.StartSandbox(t, args...)
	if s.start == nil {
		r.nodes = []*node{startNode(t, r.collectorOptions(t))}
	} else {
		s.start(t, r)
	}
	entries := r.nodes
	if s.entries > 0 {
		entries = r.nodes[:s.entries]
	}
	r.load = startLoad(t, s.load, entries...)
	s.during(t, r)
	r.sandbox.ClearFaults(t)
	r.load.Finish()
	r.awaitDrained(t)
	for _, n := range r.nodes {
		n.checkPages(t)
	}
	for _, n := range r.nodes {
		code := n.stop(t)
		if p == ours {
			assert.Zero(t, code, "exit code")
		}
		checkNoKey(t, "the collector's log", n.log())
		if p == ours && s.says != "" {
			assert.Regexp(t, s.says, n.log())
		}
	}
	checkNoKey(t, "the sandbox's log", r.sandbox.Output())
	return r.account(t)
}

// awaitDrained waits until everything accepted is stored, or until the queues are empty:
// what is missing then will not arrive.
func (r *run) awaitDrained(t *testing.T) {
	t.Helper()
	accepted := r.load.Accepted()
	empty := 0
	for deadline := time.Now().Add(drainTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		if r.sandbox.Counts(t).Spans.Stored >= accepted {
			return
		}
		queued := 0.0
		for _, n := range r.nodes {
			queued += n.collector.QueueSize(t) + n.collector.WaitingTraces(t)
		}
		empty++
		if queued > 0 {
			empty = 0
		}
		// Checked several times: the queue metrics do not include the batch processor,
		// and a gateway may not have received yet what an agent has sent.
		if empty > 8 {
			return
		}
	}
	if r.pipeline == ours {
		t.Errorf("the queue is not empty after %s", drainTimeout)
	}
}

// account compares the accepted spans with the stored ones.
func (r *run) account(t *testing.T) outcome {
	t.Helper()
	counts := r.sandbox.Counts(t).Spans
	require.Zero(t, counts.Evicted, "the sandbox is too small for this load")
	result := outcome{accepted: r.load.Accepted(), stored: counts.Stored, duplicated: counts.Duplicates, retries: r.load.Retries(), refused: len(r.load.Refused())}
	require.Positive(t, result.accepted)

	missing := 0
	for _, a := range r.load.Apps {
		missing += r.sandbox.Missing(t, a.Report())
	}
	result.givenUp = min(missing, r.setAside)
	result.lost = missing - result.givenUp
	for _, n := range r.nodes {
		result.peak = max(result.peak, n.peakMemory())
	}
	return result
}

// replaceFile replaces a file as editors and Kubernetes do: by a rename.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	temporary := path + ".new"
	require.NoError(t, os.WriteFile(temporary, []byte(content), 0o600))
	require.NoError(t, os.Rename(temporary, path))
}

// queueFile returns the newest segment of the queue of spans.
func (n *node) queueFile(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.queue, "exporter_oci_apm__traces.queue", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "the segments of the spans' queue")
	return files[len(files)-1]
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+(1<<20)-1)>>20) }
