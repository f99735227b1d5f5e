// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	against     = flag.String("against", "", "other builds of the collector, for TestCompare: `files` with commas between them")
	overrides   = flag.String("overrides", "", "configuration `files` to merge over agent.yaml, each for one more collector, for TestCompare")
	queueOnDisk = flag.Bool("disk", false, "with the queue on disk, for TestCompare")

	chosenSpans = flag.Int("spans", spansUsually, "the spans of a request, for TestCompare and TestProfile")
	chosenApps  = flag.Int("apps", appsUsually, "the number of apps, for TestCompare and TestProfile")
	chosenRate  = flag.Float64("rate", 0, "the spans a second of all apps, 0 for as many as are accepted, for TestCompare and TestProfile")
	chosenHTTP  = flag.Bool("http", false, "send over HTTP, not gRPC, for TestCompare and TestProfile")
)

// chosen returns the load that the flags ask for.
func chosen() drive {
	d := usually()
	d.spans, d.apps, d.rate = *chosenSpans, *chosenApps, *chosenRate
	if *chosenHTTP {
		d.protocol = "http"
	}
	return d
}

// TestCompare measures a change alone: the collector in bin, other builds of it, and other
// configurations of it. All have the same load at the same time, so that whatever else the
// machine does slows all of them alike. It needs -test.parallel with as many as there are.
func TestCompare(t *testing.T) {
	if *against == "" && *overrides == "" {
		t.Skip("nothing to compare with: neither -against nor -overrides is set")
	}
	base := oursMemory
	if *queueOnDisk {
		base = oursDurable
	}
	base.name = "bin"
	variants := []variant{base}
	for _, path := range listed(t, *against) {
		variants = append(variants, variant{name: filepath.Base(path), binary: path, configs: base.configs})
	}
	for _, path := range listed(t, *overrides) {
		variants = append(variants, variant{name: filepath.Base(path), binary: base.binary, configs: with(base.configs, path)})
	}

	all := map[string][]measured{}
	for round := range *rounds {
		for name, m := range together(t, variants, round) {
			all[name] = append(all[name], m)
		}
	}
	for _, line := range []struct {
		name, format string
		of           func(measured) float64
	}{
		{"CPU µs a span", "%.2f", cpuOf},
		{"spans/s", "%.0f", func(m measured) float64 { return m.throughput }},
		{"p50 ms", "%.2f", func(m measured) float64 { return m.p50 }},
		{"p99 ms", "%.1f", func(m measured) float64 { return m.p99 }},
		{"bytes on the wire a span", "%.1f", func(m measured) float64 { return m.wire }},
		{"peak MB", "%.0f", func(m measured) float64 { return m.peak }},
		{"first span accepted, ms", "%.0f", func(m measured) float64 { return m.ready }},
	} {
		for _, v := range variants {
			values := column(all[v.name], line.of)
			fmt.Printf("%-26s %-20s %-28s of bin %s\n", line.name, v.name, spread(values, line.format), spread(ratios(values, column(all[base.name], line.of)), "%.3f"))
		}
	}
}

// together measures collectors at the same time.
func together(t *testing.T, variants []variant, round int) map[string]measured {
	t.Helper()
	results := make([]measured, len(variants))
	t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
		for i := range variants {
			i = (i + round) % len(variants) // none is always the first
			to := startSink(t)
			c := startWarm(t, variants[i], to)
			t.Run(variants[i].name, func(t *testing.T) {
				t.Parallel()
				results[i] = measure(t, c, to, chosen())
				results[i].ready = float64(c.accepting.Microseconds()) / 1e3
			})
		}
	})
	byName := map[string]measured{}
	for i, v := range variants {
		byName[v.name] = results[i]
	}
	return byName
}

// listed returns the absolute paths of files with commas between them.
func listed(t *testing.T, files string) []string {
	t.Helper()
	paths := slices.DeleteFunc(strings.Split(files, ","), func(path string) bool { return path == "" })
	for i, path := range paths {
		absolute, err := filepath.Abs(path)
		require.NoError(t, err)
		paths[i] = absolute
	}
	return paths
}
