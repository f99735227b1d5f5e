// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

const docs = "../../docs"

type atRate struct {
	percent  int // of saturation
	measured measured
}

type scaled struct {
	n        int
	measured measured
}

type named struct {
	name     string
	measured measured
}

// results are the measurements of TestBench, by name of the variant.
type results struct {
	saturation  map[string][]measured // by round
	bounds      map[string][]float64  // the lower bound by round
	rates       map[string][]atRate
	apps, sizes map[string][]scaled
	overHTTP    []named
	idle        map[string]idling
}

func column(rows []measured, of func(measured) float64) []float64 {
	values := make([]float64, 0, len(rows))
	for _, row := range rows {
		values = append(values, of(row))
	}
	return values
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return math.NaN()
	}
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// spread formats the median, the minimum and the maximum.
func spread(values []float64, format string) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", median(values), slices.Min(values), slices.Max(values))
}

// ratios divides values round by round.
func ratios(of, by []float64) []float64 {
	values := make([]float64, 0, len(of))
	for i := range of {
		values = append(values, of[i]/by[i])
	}
	return values
}

func cpuOf(m measured) float64 { return m.cpu }

func machine() string {
	model := "unknown CPU"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().UTC().Format("2 January 2006"))
}

func (r *results) markdown() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. Median of %d rounds, with the least and the largest value in brackets; in each round every collector runs once, in turn.\n\n", machine(), *rounds)

	base := column(r.saturation[stockEnriching.name], cpuOf)
	b.WriteString("| CPU time of the collector | µs a span | of the lower bound | of stock with transform, redaction, batch |\n|---|---:|---:|---:|\n")
	bound := r.bounds["standard library"]
	for _, name := range []string{"standard library", "klauspost/compress"} {
		fmt.Fprintf(&b, "| *lower bound: decode, encode, gzip level 1 (%s)* | %s | %s | %s |\n", name,
			spread(r.bounds[name], "%.2f"), spread(ratios(r.bounds[name], bound), "%.2f"), spread(ratios(r.bounds[name], base), "%.2f"))
	}
	for _, v := range compared {
		cpu := column(r.saturation[v.name], cpuOf)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", v.name, spread(cpu, "%.2f"), spread(ratios(cpu, bound), "%.2f"), spread(ratios(cpu, base), "%.2f"))
	}

	b.WriteString("\n| at saturation | spans/s | p50 ms | p99 ms | bytes on the wire a span | peak MB | ready after ms |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, v := range compared {
		rows := r.saturation[v.name]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", v.name,
			spread(column(rows, func(m measured) float64 { return m.throughput }), "%.0f"),
			spread(column(rows, func(m measured) float64 { return m.p50 }), "%.1f"),
			spread(column(rows, func(m measured) float64 { return m.p99 }), "%.0f"),
			spread(column(rows, func(m measured) float64 { return m.wire }), "%.0f"),
			spread(column(rows, func(m measured) float64 { return m.peak }), "%.0f"),
			spread(column(rows, func(m measured) float64 { return m.ready }), "%.0f"))
	}

	b.WriteString("\n| at a part of its own saturation, the run with the median p99 of three | | 5 % | 10 % | 25 % | 50 % | 75 % | 90 % |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, v := range []variant{oursMemory, oursDurable, stockEnriching} {
		for _, line := range []struct {
			name, format string
			of           func(measured) float64
		}{
			{"spans/s", "%.0f", func(m measured) float64 { return m.throughput }},
			{"p50 ms", "%.2f", func(m measured) float64 { return m.p50 }},
			{"p99 ms", "%.1f", func(m measured) float64 { return m.p99 }},
			{"CPU µs a span", "%.2f", cpuOf},
		} {
			fmt.Fprintf(&b, "| %s | %s |", v.name, line.name)
			for _, at := range r.rates[v.name] {
				fmt.Fprintf(&b, " "+line.format+" |", line.of(at.measured))
			}
			b.WriteByte('\n')
		}
	}

	b.WriteString("\n| CPU µs a span with | 1 app | 4 | 16 | 64 | 10 spans a request | 100 | 1,000 | 10,000 | 4 apps over HTTP |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for i, v := range []variant{oursMemory, oursDurable, stockEnriching} {
		fmt.Fprintf(&b, "| %s |", v.name)
		for _, s := range slices.Concat(r.apps[v.name], r.sizes[v.name]) {
			fmt.Fprintf(&b, " %.2f |", s.measured.cpu)
		}
		fmt.Fprintf(&b, " %.2f |\n", r.overHTTP[i].measured.cpu)
	}

	b.WriteString("\n| idle | resident MB, 15 s after the start | 15 s after a load | % of a core |\n|---|---:|---:|---:|\n")
	for _, v := range []variant{oursMemory, oursDurable, stockPlain} {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.2f |\n", v.name, r.idle[v.name].fresh, r.idle[v.name].after, 100*r.idle[v.name].cores)
	}
	return b.String()
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

// writeSection puts text between the markers of a section of the document.
func writeSection(section, text string) error {
	path := filepath.Join(docs, "performance.md")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+section+": begin -->\n", "<!-- "+section+": end -->"
	before, rest, found := strings.Cut(string(content), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return errors.New(path + " has no section " + section)
	}
	return os.WriteFile(path, []byte(before+begin+text+end+after), 0o644) //nolint:gosec // a document that everyone may read
}

// line is a named series of a plot.
type line struct {
	name   string
	points plotter.XYs
}

func newPlot(title, x, y string, lines []line) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.White
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	defer func() { p.Y.Max *= 1.3 }() // room for the legend
	for i, l := range lines {
		drawn, points, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return nil, err
		}
		drawn.Color, points.Color = plotutil.Color(i), plotutil.Color(i)
		drawn.Width = vg.Points(1.5)
		if len(l.points) > 50 {
			points.Radius = 0
		}
		p.Add(drawn, points)
		p.Legend.Add(l.name, drawn)
	}
	return p, nil
}

func savePlot(p *plot.Plot, err error, name string) error {
	if err != nil {
		return err
	}
	return p.Save(16*vg.Centimeter, 9*vg.Centimeter, filepath.Join(docs, "pictures", name))
}

// plot draws CPU and latency against load.
func (r *results) plot() error {
	var cpu, latency []line
	for _, v := range []variant{oursMemory, oursDurable, stockEnriching} {
		c, l := line{name: v.name}, line{name: v.name + ", p99"}
		for _, at := range r.rates[v.name] {
			thousands := at.measured.throughput / 1e3
			c.points = append(c.points, plotter.XY{X: thousands, Y: at.measured.cores * 100})
			l.points = append(l.points, plotter.XY{X: thousands, Y: at.measured.p99})
		}
		cpu, latency = append(cpu, c), append(latency, l)
	}
	p, err := newPlot("CPU by load", "thousand spans a second", "% of a core", cpu)
	err = savePlot(p, err, "cpu-by-load.svg")
	if err != nil {
		return err
	}
	p, err = newPlot("Latency of an app's export call by load", "thousand spans a second", "ms", latency)
	return savePlot(p, err, "latency-by-load.svg")
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
