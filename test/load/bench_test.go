// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	stdgzip "compress/gzip"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

var (
	rounds  = flag.Int("rounds", 5, "how often each collector is measured")
	lasting = flag.Duration("lasting", 3*time.Second, "how long one measurement sends")
	outage  = flag.Duration("outage", 10*time.Minute, "how long APM is down")
	update  = flag.Bool("update", false, "write the results to docs")
	pgo     = flag.String("pgo", "", "write the profile to this `file`, for go build -pgo")
)

const (
	appsUsually  = 4
	spansUsually = 100
	warmUp       = time.Second
	ratesRounds  = 3 // of each rate; the one with the median p99 counts
	drainLimit   = 2 * time.Minute
)

// compared are measured alternately, round by round.
var compared = []variant{oursMemory, oursDurable, oursMasking, oursPlain, stockPlain, stockTuned, stockEnriching, stockDurable}

// measured is one measurement of one collector.
type measured struct {
	cpu        float64 // µs per span
	throughput float64 // spans per second
	cores      float64 // CPU time of the collector per wall-clock time
	p50, p99   float64 // ms
	wire       float64 // bytes per span
	ready      float64 // ms
	peak       float64 // MB
}

// measure sends load to a collector for a while, and waits until everything is uploaded.
func measure(t testing.TB, c *collector, to *sink, d drive) measured {
	t.Helper()
	d.address = c.grpc
	if d.protocol == "http" {
		d.address = c.http
	}
	to.awaitQuiet(t, drainLimit)
	cpu, wire := c.cpu(t), to.bytes.Load()
	got, err := d.run(t.Context())
	require.NoError(t, err)
	sending := c.cpu(t) - cpu
	to.awaitQuiet(t, drainLimit)
	require.Zero(t, got.failed, "%v", got.why)
	_, peak := c.memory(t)
	spans := float64(got.spans)
	return measured{
		cpu:        float64((c.cpu(t) - cpu).Nanoseconds()) / 1e3 / spans,
		throughput: spans / got.took.Seconds(),
		cores:      sending.Seconds() / got.took.Seconds(),
		p50:        float64(got.latency.ValueAtQuantile(50)) / 1e3,
		p99:        float64(got.latency.ValueAtQuantile(99)) / 1e3,
		wire:       float64(to.bytes.Load()-wire) / spans,
		peak:       float64(peak) / 1e6,
	}
}

// startWarm starts a collector and warms it up.
func startWarm(t testing.TB, v variant, to *sink) *collector {
	t.Helper()
	c := v.start(t, to)
	c.warm(t)
	return c
}

// idleTime is longer than gc_tuner waits before it returns the memory used during
// startup.
const idleTime = 15 * time.Second

// idling is the resource usage of an idle collector.
type idling struct {
	fresh, after float64 // resident MB before the first load, and after one
	cores        float64 // CPU time per wall-clock time
}

// idle leaves a collector idle, and returns its resident memory in MB.
func (c *collector) idle(t testing.TB) float64 {
	t.Helper()
	time.Sleep(idleTime)
	now, _ := c.memory(t)
	return float64(now) / 1e6
}

// warm sends load to a collector for a while.
func (c *collector) warm(t testing.TB) {
	t.Helper()
	warm := drive{protocol: "grpc", address: c.grpc, apps: appsUsually, spans: spansUsually, lasting: warmUp}
	_, err := warm.run(t.Context())
	require.NoError(t, err)
}

func usually() drive {
	return drive{protocol: "grpc", apps: appsUsually, spans: spansUsually, lasting: *lasting}
}

func startSink(t testing.TB) *sink {
	t.Helper()
	s, err := newSink(t.Context())
	require.NoError(t, err)
	t.Cleanup(s.close)
	return s
}

// TestBench measures all collectors and writes the report.
func TestBench(t *testing.T) {
	to := startSink(t)
	r := &results{
		saturation: map[string][]measured{}, bounds: map[string][]float64{},
		rates: map[string][]atRate{}, apps: map[string][]scaled{}, sizes: map[string][]scaled{}, idle: map[string]idling{},
	}
	for round := range *rounds {
		for name, zip := range zippers {
			r.bounds[name] = append(r.bounds[name], lowerBound(t, zip))
		}
		for _, v := range compared {
			t.Run(fmt.Sprintf("round %d/%s", round+1, v.name), func(t *testing.T) {
				c := startWarm(t, v, to)
				m := measure(t, c, to, usually())
				m.ready = float64(c.ready.Microseconds()) / 1e3
				r.saturation[v.name] = append(r.saturation[v.name], m)
				t.Logf("%+v", m)
			})
		}
	}
	for _, v := range []variant{oursMemory, oursDurable, stockEnriching} {
		t.Run("rates/"+v.name, func(t *testing.T) {
			c := startWarm(t, v, to)
			full := median(column(r.saturation[v.name], func(m measured) float64 { return m.throughput }))
			for _, percent := range []int{5, 10, 25, 50, 75, 90} {
				d := usually()
				d.apps = 16 // so that no app is delayed by its previous request
				d.rate = full * float64(percent) / 100
				// A pause of the machine itself can determine a measurement's p99.
				var runs []measured
				for range ratesRounds {
					runs = append(runs, measure(t, c, to, d))
				}
				slices.SortFunc(runs, func(a, b measured) int { return cmp.Compare(a.p99, b.p99) })
				t.Logf("%d %%: %+v", percent, runs)
				r.rates[v.name] = append(r.rates[v.name], atRate{percent, runs[ratesRounds/2]})
			}
		})
	}
	for _, v := range []variant{oursMemory, oursDurable, stockEnriching} {
		t.Run("scale/"+v.name, func(t *testing.T) {
			c := startWarm(t, v, to)
			for _, apps := range []int{1, 4, 16, 64} {
				d := usually()
				d.apps = apps
				r.apps[v.name] = append(r.apps[v.name], scaled{apps, measure(t, c, to, d)})
			}
			for _, spans := range []int{10, 100, 1000, 10_000} {
				d := usually()
				d.spans = spans
				r.sizes[v.name] = append(r.sizes[v.name], scaled{spans, measure(t, c, to, d)})
			}
			d := usually()
			d.protocol = "http"
			r.overHTTP = append(r.overHTTP, named{v.name, measure(t, c, to, d)})
		})
	}
	for _, v := range []variant{oursMemory, oursDurable, stockPlain} {
		t.Run("idle/"+v.name, func(t *testing.T) {
			c := v.start(t, to)
			fresh := c.idle(t)
			c.warm(t)
			to.awaitQuiet(t, drainLimit)
			before := c.cpu(t)
			after := c.idle(t)
			r.idle[v.name] = idling{fresh, after, (c.cpu(t) - before).Seconds() / idleTime.Seconds()}
		})
	}
	require.False(t, t.Failed())
	text := r.markdown()
	fmt.Println(text)
	if *update {
		require.NoError(t, r.plot())
		require.NoError(t, writeSection("bench", text))
	}
}

// zipWriter is the common part of both gzip libraries.
type zipWriter interface {
	Write(p []byte) (int, error)
	Close() error
	Reset(to *bytes.Buffer)
}

type stdZip struct{ *stdgzip.Writer }

// Reset starts a new stream.
func (z stdZip) Reset(to *bytes.Buffer) { z.Writer.Reset(to) }

type fastZip struct{ *gzip.Writer }

// Reset starts a new stream.
func (z fastZip) Reset(to *bytes.Buffer) { z.Writer.Reset(to) }

// zippers are the compressors used for the lower bound.
var zippers = map[string]func() zipWriter{
	"standard library": func() zipWriter {
		w, _ := stdgzip.NewWriterLevel(nil, 1) // level 1 is valid
		return stdZip{w}
	},
	"klauspost/compress": func() zipWriter {
		w, _ := gzip.NewWriterLevel(nil, 1)
		return fastZip{w}
	},
}

// lowerBound returns the CPU time per span, in µs, of the work that no collector can
// avoid, in a loop and with nothing else: decode requests, encode them, and compress
// them in batches at gzip level 1.
func lowerBound(t testing.TB, newZip func() zipWriter) float64 {
	t.Helper()
	random := rand.NewPCG(1, 2)
	requests := make([]*request, 64)
	for i := range requests {
		r, err := newRequest(spansUsually, uint64(i))
		require.NoError(t, err)
		r.renew(random)
		requests[i] = r
	}
	zip := newZip()
	var body bytes.Buffer
	loop := func() {
		body.Reset()
		zip.Reset(&body)
		for _, r := range requests {
			exported := ptraceotlp.NewExportRequest()
			require.NoError(t, exported.UnmarshalProto(r.body))
			encoded, err := exported.MarshalProto()
			require.NoError(t, err)
			_, err = zip.Write(encoded)
			require.NoError(t, err)
		}
		require.NoError(t, zip.Close())
	}
	loop() // to warm up
	begin := processCPU(t)
	n := 0
	for ; processCPU(t)-begin < *lasting/2; n++ {
		loop()
	}
	return float64((processCPU(t) - begin).Nanoseconds()) / 1e3 / float64(n*len(requests)*spansUsually)
}

// processCPU returns the CPU time of this process.
func processCPU(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

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
