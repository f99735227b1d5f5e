// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A recording plays back with a minute between two scrapes: some healthy minutes, the
// problem, and a recovery that is longer than the window of every rule.
const (
	healthyScrapes  = 5
	problemScrapes  = 20
	recoveryScrapes = 35
)

// quickRetries lets each scrape see attempts that a real one would see within a minute.
const quickRetries = `
exporters: {oci_apm: {retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}, sending_queue: {batch: {flush_timeout: 100ms}}}}`

// problem is a state of a collector that makes alerts fire.
type problem struct {
	name      string // of the recording
	overrides string
	load      loadOptions
	start     func(t *testing.T, r *run)
	// step is called before each scrape of the problem, with its number, and once after
	// the last one with problemScrapes.
	step func(t *testing.T, r *run, scrape int)
	// alerts are those that fire at the end of the problem.
	alerts []firing
}

func problems() []problem {
	traces := map[string]string{"exporter": "oci_apm", "signal": "traces"}
	queue := map[string]string{"job": job, "exporter": "oci_apm", "data_type": "traces"}
	whole := map[string]string{"job": job}
	return []problem{
		{
			name: "uploads_fail", overrides: quickRetries,
			step:   faultFor(apm.Fault{Status: http.StatusServiceUnavailable}),
			alerts: []firing{{"OtelcolUploadsFail", traces}},
		},
		{
			name: "data_key_refused", overrides: quickRetries, start: startWithKeyArgument,
			step: func(t *testing.T, r *run, scrape int) {
				switch scrape {
				case 0:
					r.sandbox.SetPrivateKey(t, rotatedKey)
				case problemScrapes:
					r.writeNewKey(t)
				}
			},
			alerts: []firing{{"OtelcolUploadsFail", traces}, {"OtelcolDataKeyRefused", traces}},
		},
		{
			name: "queue_full", overrides: strings.Replace(quickRetries, "batch: {", "queue_size: 100000, batch: {min_size: 1, ", 1), load: loadOptions{pause: 50 * time.Millisecond},
			step:   faultFor(apm.Fault{Down: true}),
			alerts: []firing{{"OtelcolUploadsFail", traces}, {"OtelcolQueueHalfFull", queue}, {"OtelcolRefusesData", nil}},
		},
		{
			name: "items_dropped", overrides: quickRetries, load: loadOptions{apps: 1, spans: 1, pause: 400 * time.Millisecond},
			step: func(t *testing.T, r *run, scrape int) {
				switch scrape {
				case problemScrapes - 12:
					for range 2 { // each is followed by an empty upload, which is accepted
						r.sandbox.AddFault(t, apm.Fault{Status: http.StatusUnprocessableEntity, Times: 1})
						r.sandbox.AddFault(t, apm.Fault{Delay: apm.Duration(time.Nanosecond), Times: 1})
					}
				case problemScrapes - 7:
					r.sandbox.AddFault(t, apm.Fault{PartialSuccess: &apm.PartialSuccess{Rejected: 1, Message: "too old"}, Times: 1})
				}
			},
			alerts: []firing{{"OtelcolDataDropped", map[string]string{"job": job, "exporter": "oci_apm", "signal": "traces"}}},
		},
		{
			name: "memory_of_requests", overrides: quickRetries + "\nextensions: {otlp_guard: {limit_mib: 64, share_percentage: 5}}",
			step:   whileClients(func(ctx context.Context, c *harness.Collector) { sendHalf(ctx, c.HTTP, mebi/2) }),
			alerts: []firing{{"OtelcolMemoryRefusals", nil}},
		},
		{
			name: "memory_limit", overrides: quickRetries + "\nextensions: {gc_tuner: {limit_mib: 80}}\n" + lowMemoryLimit,
			step:   whileClients(posting("", oddSpan("large", func(span ptrace.Span) { span.Attributes().PutStr("payload", strings.Repeat("x", 3*mebi)) }))),
			alerts: []firing{{"OtelcolRefusesData", nil}, {"OtelcolMemoryRefusals", nil}},
		},
		{
			name: "queue_damaged", overrides: quickRetries,
			step: func(t *testing.T, r *run, scrape int) {
				if scrape == problemScrapes-5 {
					flipBit(t, r)
				}
			},
			alerts: []firing{{"OtelcolQueueUnreadable", map[string]string{"job": job, "queue": "exporter_oci_apm__traces.queue"}}},
		},
		{
			name: "restarts", overrides: quickRetries,
			step: func(t *testing.T, r *run, scrape int) {
				switch scrape {
				case 2, 5, 8:
					r.nodes[0].kill(t)
					r.nodes[0].restart(t)
				case 12:
					r.nodes[0].kill(t)
				case problemScrapes:
					r.nodes[0].restart(t)
				}
			},
			alerts: []firing{{"OtelcolDown", whole}, {"OtelcolRestarts", whole}},
		},
	}
}

// Each alert of docs/alerts.yaml fires in a state that a real collector can be in. The
// metrics are recorded as Prometheus scrapes them; the tests in
// cmd/otelcol-ociapm/alerts play the recordings back. With -update this test writes the
// recordings, and without it their series must still be those of the collector.
func TestAlerts(t *testing.T) {
	for _, p := range problems() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := &run{pipeline: ours, scenario: scenario{overrides: [2]string{p.overrides}}}
			r.sandbox = harness.StartSandbox(t, "--max-spans=10000000", "--max-bytes=8589934592")
			if p.start == nil {
				r.nodes = []*node{startNode(t, r.collectorOptions(t))}
			} else {
				p.start(t, r)
			}
			r.load = startLoad(t, p.load, r.nodes...)
			r.sandbox.AwaitSpans(t, 1)

			rec := newRecorder(t, r.nodes[0].collector)
			for range healthyScrapes {
				time.Sleep(pollInterval)
				rec.scrape()
			}
			for n := range problemScrapes {
				p.step(t, r, n)
				time.Sleep(pollInterval)
				rec.scrape()
			}
			p.step(t, r, problemScrapes)
			r.sandbox.ClearFaults(t)
			for range recoveryScrapes {
				time.Sleep(pollInterval)
				rec.scrape()
			}
			r.load.Finish()
			text := rec.promtool(t, p)
			path := recordings + p.name + ".yaml"
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
				return
			}
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, seriesOf(string(kept)), seriesOf(text), "the collector has other metrics or labels than the recording: run `make test-delivery DELIVERY=-update`")
		})
	}
}

// startWithKeyArgument gives the collector its key in a file, beside the overrides.
func startWithKeyArgument(t *testing.T, r *run) {
	t.Helper()
	opts := r.collectorOptions(t)
	r.keyFile = filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(r.keyFile, []byte(harness.PrivateKey+"\n"), 0o600))
	opts.DataKey = ""
	opts.Arguments = []string{"--set=exporters.oci_apm.data_key_file=" + r.keyFile}
	r.nodes = []*node{startNode(t, opts)}
}

// faultFor keeps a fault until the problem ends.
func faultFor(fault apm.Fault) func(*testing.T, *run, int) {
	return func(t *testing.T, r *run, scrape int) {
		if scrape == 0 {
			r.sandbox.AddFault(t, fault)
		}
	}
}

// whileClients has clients send until the problem ends.
func whileClients(send func(context.Context, *harness.Collector)) func(*testing.T, *run, int) {
	var end func()
	return func(t *testing.T, r *run, scrape int) {
		switch scrape {
		case 0:
			ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
			wait := startClients(ctx, r.nodes[0].collector, clients{"", 16, 1, send})
			end = func() { stop(); wait() }
		case problemScrapes:
			end()
		}
	}
}
