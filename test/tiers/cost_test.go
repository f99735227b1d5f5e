// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build tiers

package tiers

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

var (
	measured = flag.Duration("measured", 3*time.Second, "for how long TestCost measures each shape")
	update   = flag.Bool("update", false, "write what TestCost measures into docs/sizing.md")
)

// The load of TestCost: 4,000 spans a second, if the machine can handle that.
const (
	costApps    = 8
	costSpans   = 100
	costPause   = 200 * time.Millisecond
	costPayload = 512
)

// part is a kind of process in a shape.
type part struct {
	name      string
	processes []*harness.Process
}

// cost is the measured cost of a part.
type cost struct {
	shape, part string
	perSpan     float64 // CPU, µs
	idle, peak  int64   // memory of one process, bytes
}

// utilization is the CPU utilization that the sizing guide assumes.
const utilization = 0.7

// TestCost measures the cost of a span in each process of each shape. It fails only if a
// span is missing, or costs much more than ever before.
func TestCost(t *testing.T) {
	var costs []cost
	row := func(shape string, parts []part, sandbox *harness.Sandbox, collectors ...*harness.Collector) {
		t.Helper()
		costs = append(costs, measure(t, shape, parts, sandbox, collectors)...)
	}
	newSandbox := func() *harness.Sandbox {
		return harness.StartSandbox(t, "--max-spans=5000000", "--max-bytes=8589934592")
	}

	sandbox := newSandbox()
	direct := harness.StartCollector(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey})
	row("agent", []part{{"agent", processes(direct)}}, sandbox, direct)
	disk := queueBytes(t, sandbox, direct)
	direct.Stop(t)

	sandbox = newSandbox()
	collector := gateway(t, sandbox, nil, uploadSettings(t), "base/gateway/exporter.yaml")
	sender := agent(t, collector.GRPC)
	row("agent, gateway", []part{{"agent", processes(sender)}, {"gateway", processes(collector)}}, sandbox, sender)
	sender.Stop(t)
	collector.Stop(t)

	s := startTiers(t)
	row("tail sampling, all kept", []part{
		{"agents", processes(s.agents...)}, {"first tier", processes(s.balancers...)}, {"samplers", processes(s.samplers...)},
	}, s.sandbox, s.agents...)
	for _, c := range append(append(s.agents, s.balancers...), s.samplers...) {
		c.Stop(t)
	}

	kafka := startBroker(t)
	sandbox = newSandbox()
	brokers := []string{"KAFKA_BROKERS=" + kafka.address}
	writer := gateway(t, sandbox, brokers, "{}", "components/kafka-writer/exporter.yaml")
	reader := gateway(t, sandbox, brokers, uploadSettings(t), "components/kafka-reader/exporter.yaml")
	sender = agent(t, writer.GRPC)
	row("Kafka", []part{
		{"agent", processes(sender)}, {"writer", processes(writer)}, {"reader", processes(reader)}, {"broker", []*harness.Process{kafka.process}},
	}, sandbox, sender)

	measurement := fmt.Sprintf("%s, %d cores; %.0f bytes a span in the agent's queue.\n\n", time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), disk) + costTable(costs)
	guide := sizeTable(costs, disk)
	t.Log("\n" + measurement + "\n" + guide)
	if *update {
		path := filepath.Join(harness.Root(t), "docs", "sizing.md")
		writeBlock(t, path, "cost", measurement)
		writeBlock(t, path, "sizes", guide)
	}
}

func costTable(costs []cost) string {
	var b strings.Builder
	b.WriteString("| shape | process | CPU, µs a span | idle memory, MiB | peak memory, MiB |\n|---|---|---:|---:|---:|\n")
	for _, c := range costs {
		fmt.Fprintf(&b, "| %s | %s | %.1f | %d | %d |\n", c.shape, c.part, c.perSpan, c.idle>>20, c.peak>>20)
	}
	return b.String()
}

// sizeTable computes the cores of each process for a number of spans, and the queue size
// for an hour without APM.
func sizeTable(costs []cost, bytesPerSpan float64) string {
	rates := []float64{1_000, 5_000, 20_000, 100_000}
	var b strings.Builder
	b.WriteString("| cores for | 1,000 spans/s | 5,000 | 20,000 | 100,000 |\n|---|---:|---:|---:|---:|\n")
	for _, c := range costs {
		fmt.Fprintf(&b, "| %s: %s |", c.shape, c.part)
		for _, rate := range rates {
			fmt.Fprintf(&b, " %.2f |", rate*c.perSpan/1e6/utilization)
		}
		b.WriteByte('\n')
	}
	b.WriteString("| **queue for an hour without APM, GiB** |")
	for _, rate := range rates {
		fmt.Fprintf(&b, " %.1f |", rate*3600*bytesPerSpan/(1<<30))
	}
	b.WriteByte('\n')
	return b.String()
}

func processes(collectors ...*harness.Collector) []*harness.Process {
	var all []*harness.Process
	for _, c := range collectors {
		all = append(all, c.Process)
	}
	return all
}

// releaseTime is longer than gc_tuner waits before it returns the memory used during
// startup.
const releaseTime = 12 * time.Second

// measure sends load to the collectors for a while and returns the cost of each part.
func measure(t *testing.T, shape string, parts []part, sandbox *harness.Sandbox, collectors []*harness.Collector) []cost {
	t.Helper()
	idle := make([]int64, len(parts))
	time.Sleep(min(*measured, releaseTime))
	for i, p := range parts {
		for _, process := range p.processes {
			idle[i] = max(idle[i], process.Memory())
		}
	}
	// Warms up connections, caches and pools, and waits until those batches have left.
	send(t, sandbox, collectors, time.Second)

	before := make([]time.Duration, len(parts))
	for i, p := range parts {
		before[i] = cpuTime(t, p)
	}
	start := time.Now()
	spans := send(t, sandbox, collectors, *measured)
	t.Logf("%s: %.0f spans a second", shape, float64(spans)/time.Since(start).Seconds())
	var costs []cost
	for i, p := range parts {
		perSpan := float64((cpuTime(t, p) - before[i]).Microseconds()) / float64(spans)
		peak := int64(0)
		for _, process := range p.processes {
			peak = max(peak, process.PeakMemory())
		}
		assert.Positive(t, perSpan, p.name)
		assert.Less(t, perSpan, 200.0, "%s of %s: CPU µs a span", p.name, shape)
		costs = append(costs, cost{shape, p.name, perSpan, idle[i], peak})
	}
	return costs
}

func cpuTime(t *testing.T, p part) time.Duration {
	t.Helper()
	total := time.Duration(0)
	for _, process := range p.processes {
		total += process.CPUTime(t)
	}
	return total
}

// send sends load for a while, waits until all of it has arrived, and returns the number
// of spans. Each call uses new traces.
func send(t *testing.T, sandbox *harness.Sandbox, collectors []*harness.Collector, lasting time.Duration) int {
	t.Helper()
	stored := sandbox.Counts(t).Spans.Stored
	load := startCostLoad(t, stored, collectors)
	time.Sleep(lasting)
	load.Finish()
	require.Empty(t, load.Refused())
	spans := load.Accepted()
	require.Positive(t, spans)
	require.Eventually(t, func() bool { return sandbox.Counts(t).Spans.Stored >= stored+spans }, drainTimeout, pollInterval, "spans do not arrive")
	return spans
}

func startCostLoad(t *testing.T, first int, collectors []*harness.Collector) *otlpload.Load {
	t.Helper()
	var apps []*otlpload.App
	for id := range costApps {
		sender, err := otlpload.NewGRPCSender(collectors[id%len(collectors)].GRPC)
		require.NoError(t, err)
		apps = append(apps, otlpload.NewApp(first*costApps+id, sender, otlpload.Options{Spans: costSpans, Pause: costPause, Payload: costPayload}))
	}
	load := otlpload.Start(t.Context(), apps...)
	t.Cleanup(load.Abort)
	return load
}

// queueBytes returns the size of a span in the agent's queue while APM is down.
func queueBytes(t *testing.T, sandbox *harness.Sandbox, agent *harness.Collector) float64 {
	t.Helper()
	sandbox.AddFault(t, apm.Fault{Down: true})
	load := startCostLoad(t, sandbox.Counts(t).Spans.Stored, []*harness.Collector{agent})
	time.Sleep(2 * time.Second)
	load.Finish()
	size := agent.QueueSize(t)
	sandbox.ClearFaults(t)
	return size / float64(load.Accepted())
}

// writeBlock replaces the text between the markers with this name.
func writeBlock(t *testing.T, path, name, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	begin, end := []byte("<!-- "+name+": begin -->\n"), []byte("<!-- "+name+": end -->")
	before, rest, found := bytes.Cut(content, begin)
	require.True(t, found, "%s has no line %q", path, begin)
	_, after, found := bytes.Cut(rest, end)
	require.True(t, found, "%s has no line %q", path, end)
	require.NoError(t, os.WriteFile(path, bytes.Join([][]byte{before, begin, []byte(text), end, after}, nil), 0o600))
}
