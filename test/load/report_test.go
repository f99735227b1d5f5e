// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
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

// results are the measurements of TestBench, by name of the variant.
type results struct {
	// saturation has the measurements by round, by name of the load and of the variant.
	saturation  map[string]map[string][]measured
	bounds      map[string][]float64 // the lower bound by round
	rates       map[string][]atRate
	small       map[string]measured // at half of saturation, with small requests
	apps, sizes map[string][]scaled
	idle        map[string]idling
}

func newResults() *results {
	r := &results{
		saturation: map[string]map[string][]measured{}, bounds: map[string][]float64{}, rates: map[string][]atRate{}, small: map[string]measured{},
		apps: map[string][]scaled{}, sizes: map[string][]scaled{}, idle: map[string]idling{},
	}
	for _, l := range loads {
		r.saturation[l.name] = map[string][]measured{}
	}
	return r
}

func (r *results) add(l load, v variant, m measured) {
	r.saturation[l.name][v.name] = append(r.saturation[l.name][v.name], m)
}

// of returns one value of each round at saturation.
func (r *results) of(l load, v variant, of func(measured) float64) []float64 {
	return column(r.saturation[l.name][v.name], of)
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
	r.writeCPU(&b)
	r.writeSaturation(&b)
	r.writeRates(&b)
	r.writeScale(&b)
	b.WriteString("\n| idle | resident MB, 15 s after the start | 15 s after a load | % of a core |\n|---|---:|---:|---:|\n")
	for _, v := range []variant{oursMemory, oursDurable, stockPlain} {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.2f |\n", v.name, r.idle[v.name].fresh, r.idle[v.name].after, 100*r.idle[v.name].cores)
	}
	return b.String()
}

// writeCPU writes the CPU time of each load.
func (r *results) writeCPU(b *bytes.Buffer) {
	b.WriteString("| CPU time of the collector, µs a span |")
	for _, l := range loads {
		fmt.Fprintf(b, " %s | of stock with transform, redaction, batch |", l.name)
		if l == loads[0] {
			b.WriteString(" of the lower bound |")
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", 2*len(loads)+1) + "\n")
	bound := r.bounds["standard library"]
	for _, name := range []string{"standard library", "klauspost/compress"} {
		fmt.Fprintf(b, "| *lower bound: decode, encode, gzip level 1 (%s)* | %s | %s | %s | | | | |\n", name,
			spread(r.bounds[name], "%.2f"), spread(ratios(r.bounds[name], r.of(loads[0], stockEnriching, cpuOf)), "%.2f"), spread(ratios(r.bounds[name], bound), "%.2f"))
	}
	for _, v := range compared {
		fmt.Fprintf(b, "| %s |", v.name)
		for _, l := range loads {
			cpu := r.of(l, v, cpuOf)
			fmt.Fprintf(b, " %s | %s |", spread(cpu, "%.2f"), spread(ratios(cpu, r.of(l, stockEnriching, cpuOf)), "%.2f"))
			if l == loads[0] {
				fmt.Fprintf(b, " %s |", spread(ratios(cpu, bound), "%.2f"))
			}
		}
		b.WriteByte('\n')
	}
}

// writeSaturation writes what apps see while they send as fast as they are answered.
func (r *results) writeSaturation(b *bytes.Buffer) {
	b.WriteString("\n| at saturation | load | spans/s | p50 ms | p99 ms | bytes on the wire a span | peak MB | ready after ms |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, v := range compared {
		for _, l := range loads {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", v.name, l.name,
				spread(r.of(l, v, func(m measured) float64 { return m.throughput }), "%.0f"),
				spread(r.of(l, v, func(m measured) float64 { return m.p50 }), "%.1f"),
				spread(r.of(l, v, func(m measured) float64 { return m.p99 }), "%.0f"),
				spread(r.of(l, v, func(m measured) float64 { return m.wire }), "%.0f"),
				spread(r.of(l, v, func(m measured) float64 { return m.peak }), "%.0f"),
				spread(r.of(l, v, func(m measured) float64 { return m.ready }), "%.0f"))
		}
	}
}

// writeRates writes what apps see at a part of saturation.
func (r *results) writeRates(b *bytes.Buffer) {
	b.WriteString("\n| at a part of its own saturation, the run with the median p99 of three | | 5 % | 10 % | 25 % | 50 % | 75 % | 90 % | 50 %, 10 spans a request |\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, v := range inDetail {
		for _, line := range []struct {
			name, format string
			of           func(measured) float64
		}{
			{"spans/s", "%.0f", func(m measured) float64 { return m.throughput }},
			{"p50 ms", "%.2f", func(m measured) float64 { return m.p50 }},
			{"p99 ms", "%.1f", func(m measured) float64 { return m.p99 }},
			{"CPU µs a span", "%.2f", cpuOf},
		} {
			fmt.Fprintf(b, "| %s | %s |", v.name, line.name)
			for _, at := range r.rates[v.name] {
				fmt.Fprintf(b, " "+line.format+" |", line.of(at.measured))
			}
			fmt.Fprintf(b, " "+line.format+" |\n", line.of(r.small[v.name]))
		}
	}
}

// writeScale writes the CPU time by the number of apps, and by the size of requests.
func (r *results) writeScale(b *bytes.Buffer) {
	b.WriteString("\n| CPU µs a span with | 1 app | 4 | 16 | 64 | 10 spans a request | 1,000 | 10,000 |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, v := range inDetail {
		fmt.Fprintf(b, "| %s |", v.name)
		for _, s := range r.apps[v.name] {
			fmt.Fprintf(b, " %.2f |", s.measured.cpu)
		}
		fmt.Fprintf(b, " %.2f |", median(r.of(loads[1], v, cpuOf)))
		for _, s := range r.sizes[v.name] {
			fmt.Fprintf(b, " %.2f |", s.measured.cpu)
		}
		b.WriteByte('\n')
	}
}

// queueMarkdown writes the cost of the queue on disk, and of that with file_storage.
func (r *results) queueMarkdown() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. Median of %d rounds, with the least and the largest value in brackets.\n\n| CPU µs a span with |", machine(), *rounds)
	for _, l := range loads {
		fmt.Fprintf(&b, " %s | over the queue in memory |", l.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", 2*len(loads)) + "\n")
	for _, v := range []variant{oursMemory, oursDurable, oursFileStorage} {
		fmt.Fprintf(&b, "| %s |", v.name)
		for _, l := range loads {
			cpu := r.of(l, v, cpuOf)
			fmt.Fprintf(&b, " %s | %s |", spread(cpu, "%.2f"), spread(ratios(cpu, r.of(l, oursMemory, cpuOf)), "%.2f"))
		}
		b.WriteByte('\n')
	}
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
