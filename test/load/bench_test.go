// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	spansSmall   = 10
	warmUp       = time.Second
	ratesRounds  = 3 // of each rate; the one with the median p99 counts
	drainLimit   = 2 * time.Minute
)

// compared are measured alternately, round by round.
var compared = []variant{oursMemory, oursDurable, oursMasking, oursPlain, stockPlain, stockTuned, stockEnriching, stockDurable}

// inDetail are measured at rates, and with other numbers of apps and spans.
var inDetail = []variant{oursMemory, oursDurable, stockEnriching}

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
	d.address = c.address(d)
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

// load is what each collector is measured with in each round.
type load struct {
	name     string
	protocol string
	spans    int // per request
	shorter  bool
}

// loads are that of the graphs, then those that SDKs send besides: small requests, since a
// sidecar's or an idle service's are small, and requests over HTTP.
var loads = []load{
	{name: "100 spans a request", protocol: "grpc", spans: spansUsually},
	{name: "10 spans a request", protocol: "grpc", spans: spansSmall, shorter: true},
	{name: "100 over HTTP", protocol: "http", spans: spansUsually, shorter: true},
}

// drive returns what the apps send. All but the first load last two thirds as long, which
// keeps the time of TestBench within 20 minutes.
func (l load) drive() drive {
	d := usually()
	d.protocol, d.spans = l.protocol, l.spans
	if l.shorter {
		d.lasting = d.lasting * 2 / 3
	}
	return d
}

// TestBench measures all collectors and writes the report.
func TestBench(t *testing.T) {
	to := startSink(t)
	r := newResults()
	for round := range *rounds {
		for name, zip := range zippers {
			r.bounds[name] = append(r.bounds[name], lowerBound(t, zip))
		}
		for _, v := range slices.Concat(compared, []variant{oursFileStorage}) {
			t.Run(fmt.Sprintf("round %d/%s", round+1, v.name), func(t *testing.T) {
				c := startWarm(t, v, to)
				for _, l := range loads {
					m := measure(t, c, to, l.drive())
					m.ready = float64(c.ready.Microseconds()) / 1e3
					r.add(l, v, m)
					t.Logf("%s: %+v", l.name, m)
				}
			})
		}
	}
	for _, v := range inDetail {
		t.Run("rates/"+v.name, func(t *testing.T) {
			c := startWarm(t, v, to)
			full := median(column(r.saturation[loads[0].name][v.name], func(m measured) float64 { return m.throughput }))
			for _, percent := range []int{5, 10, 25, 50, 75, 90} {
				r.rates[v.name] = append(r.rates[v.name], atRate{percent, measureRate(t, c, to, loads[0], full*float64(percent)/100)})
			}
			small := median(column(r.saturation[loads[1].name][v.name], func(m measured) float64 { return m.throughput }))
			r.small[v.name] = measureRate(t, c, to, loads[1], small/2)
		})
	}
	for _, v := range inDetail {
		t.Run("scale/"+v.name, func(t *testing.T) {
			c := startWarm(t, v, to)
			for _, apps := range []int{1, 4, 16, 64} {
				d := usually()
				d.apps = apps
				r.apps[v.name] = append(r.apps[v.name], scaled{apps, measure(t, c, to, d)})
			}
			for _, spans := range []int{1000, 10_000} {
				d := usually()
				d.spans = spans
				r.sizes[v.name] = append(r.sizes[v.name], scaled{spans, measure(t, c, to, d)})
			}
			t.Logf("by apps %+v, by spans a request %+v", r.apps[v.name], r.sizes[v.name])
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
			t.Logf("%+v", r.idle[v.name])
		})
	}
	require.False(t, t.Failed())
	text, queue := r.markdown(), r.queueMarkdown()
	fmt.Println(text)
	fmt.Println(queue)
	if *update {
		require.NoError(t, r.plot())
		require.NoError(t, writeSection("bench", text))
		require.NoError(t, writeSection("queue", queue))
	}
}

// measureRate sends at a rate, in spans a second. It returns the measurement with the median
// p99 of several, since a pause of the machine itself can determine that of one.
func measureRate(t *testing.T, c *collector, to *sink, l load, rate float64) measured {
	t.Helper()
	d := usually()
	d.spans, d.rate = l.spans, rate
	d.apps = 16 // so that no app is delayed by its previous request
	var runs []measured
	for range ratesRounds {
		runs = append(runs, measure(t, c, to, d))
	}
	slices.SortFunc(runs, func(a, b measured) int { return cmp.Compare(a.p99, b.p99) })
	t.Logf("%s, %.0f spans/s: %+v", l.name, rate, runs)
	return runs[ratesRounds/2]
}
