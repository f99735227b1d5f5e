// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/plotter"
)

// TestOutage makes APM refuse uploads for a while, at a constant rate of spans.
func TestOutage(t *testing.T) {
	const rate = 5000.0
	to := startSink(t)
	c := startWarm(t, oursDurable, to)
	to.awaitQuiet(t, drainLimit)
	o := outageResult{lasting: *outage, rate: rate}

	stop := make(chan struct{})
	sampled := make(chan []memorySample)
	begin := time.Now()
	go func() { sampled <- c.sampleMemory(begin, stop) }()
	send := func(lasting time.Duration) driven {
		got, err := drive{protocol: "grpc", address: c.grpc, apps: appsUsually, spans: spansUsually, lasting: lasting, rate: rate}.run(t.Context())
		require.NoError(t, err)
		return got
	}

	before := send(*outage / 20)
	o.downFrom = time.Since(begin)
	to.counting.Store(true)
	to.down.Store(true)
	during := send(*outage)
	to.down.Store(false)
	o.downUntil = time.Since(begin)
	up := time.Now()
	// New spans keep coming while the backlog drains.
	after := make(chan driven)
	go func() { after <- send(*outage / 5) }()
	for limit := up.Add(*outage); to.spans.Load() < during.spans && time.Now().Before(limit); {
		if to.spans.Load() > 0 && o.firstUpload == 0 {
			o.firstUpload = time.Since(up)
		}
		time.Sleep(20 * time.Millisecond)
	}
	o.drained = time.Since(up)
	later := <-after
	// Uploads that were refused last wait up to half a minute for their retry.
	for limit := time.Now().Add(drainLimit); to.spans.Load() < during.spans+later.spans && time.Now().Before(limit); {
		time.Sleep(20 * time.Millisecond)
	}
	to.awaitQuiet(t, drainLimit)
	close(stop)
	o.samples = <-sampled

	require.Zero(t, to.broken.Load())
	o.sent, o.refused = during.spans+later.spans, during.failed+later.failed
	o.stored = to.spans.Load()
	o.before, o.during, o.after = before.latency, during.latency, later.latency
	o.backlog = during.spans
	text := o.markdown()
	fmt.Println(text)
	require.GreaterOrEqual(t, o.stored, o.sent, "spans are missing")
	if *update {
		require.NoError(t, o.plot())
		require.NoError(t, writeSection("outage", text))
	}
}

// memorySample is the collector's memory at a time, in MB.
type memorySample struct {
	at         time.Duration
	own, files float64 // private memory, and mapped pages of files
}

// sampleMemory reads the memory once a second until stop is closed.
func (c *collector) sampleMemory(begin time.Time, stop <-chan struct{}) []memorySample {
	var samples []memorySample
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return samples
		case <-ticker.C:
			if status, err := c.stat.NewStatus(); err == nil {
				samples = append(samples, memorySample{time.Since(begin), float64(status.RssAnon) / 1e6, float64(status.RssFile) / 1e6})
			}
		}
	}
}

// outageResult is the result of TestOutage.
type outageResult struct {
	lasting               time.Duration
	rate                  float64 // spans a second
	downFrom, downUntil   time.Duration
	firstUpload, drained  time.Duration // after APM was back
	backlog               int64
	sent, stored          int64
	refused               int64 // requests
	before, during, after *hdrhistogram.Histogram
	samples               []memorySample
}

func (o *outageResult) markdown() string {
	most := func(of func(memorySample) float64) float64 {
		largest := 0.0
		for _, s := range o.samples {
			largest = max(largest, of(s))
		}
		return largest
	}
	p99 := func(h *hdrhistogram.Histogram) float64 { return float64(h.ValueAtQuantile(99)) / 1e3 }
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. APM refuses uploads for %s, while apps send %.0f spans a second and go on after it.\n\n| | |\n|---|---:|\n", machine(), o.lasting, o.rate)
	fmt.Fprintf(&b, "| spans in the queue when APM is there again | %d |\n", o.backlog)
	fmt.Fprintf(&b, "| requests that were refused | %d |\n", o.refused)
	fmt.Fprintf(&b, "| spans accepted / arrived | %d / %d |\n", o.sent, o.stored)
	fmt.Fprintf(&b, "| p99 of an app's export call before, during, after | %.1f, %.1f, %.1f ms |\n", p99(o.before), p99(o.during), p99(o.after))
	fmt.Fprintf(&b, "| the most memory of its own, the most with mapped files | %.0f MB, %.0f MB |\n",
		most(func(s memorySample) float64 { return s.own }), most(func(s memorySample) float64 { return s.own + s.files }))
	fmt.Fprintf(&b, "| the first upload, after APM is there again (the retry's pause) | %.1f s |\n", o.firstUpload.Seconds())
	fmt.Fprintf(&b, "| all of the backlog uploaded | %.1f s |\n", o.drained.Seconds())
	fmt.Fprintf(&b, "| rate of draining, with the pause and without, in spans that arrive meanwhile | %.1f, %.1f |\n",
		float64(o.backlog)/o.drained.Seconds()/o.rate, float64(o.backlog)/(o.drained-o.firstUpload).Seconds()/o.rate)
	return b.String()
}

// plot draws the memory during the outage.
func (o *outageResult) plot() error {
	own, all := line{name: "its own"}, line{name: "with mapped files"}
	for _, s := range o.samples {
		own.points = append(own.points, plotter.XY{X: s.at.Seconds(), Y: s.own})
		all.points = append(all.points, plotter.XY{X: s.at.Seconds(), Y: s.own + s.files})
	}
	title := fmt.Sprintf("Memory: APM is down from %.0f s to %.0f s", o.downFrom.Seconds(), o.downUntil.Seconds())
	p, err := newPlot(title, "seconds", "MB", []line{own, all})
	return savePlot(p, err, "memory-in-an-outage.svg")
}
