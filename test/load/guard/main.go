// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command guard runs the micro-benchmarks of the code that handles every span. It fails
// if one is more expensive than the committed baseline: by a single allocation, or by
// more time than a busy machine explains. Time is measured relative to a fixed piece of
// work, so that machines are comparable.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
)

// guarded are the benchmarks, by package.
var guarded = []struct{ pkg, pattern string }{
	{"./ociapmexporter", "^BenchmarkRequest$"},
	{"./dbspanenricherprocessor", "^BenchmarkProcess$"},
	{"./peerserviceprocessor", "^BenchmarkProcess$"},
	{"./internal/dbspan", "^BenchmarkRead$"},
	{"./internal/otlpscan", "^BenchmarkProtoScanner$"},
	{"./internal/sqltext", "^Benchmark(Analyze|Sanitize|AnalyzeAndSanitize)$/^(short|binds|500B)$"},
	{"./internal/sqltext", "^BenchmarkOracleSQLID$"},
}

// slower is the tolerated factor over a benchmark's baseline. It is generous: machines
// differ in more than one speed, and CI shares its machine.
const slower = 3.0

// cost is the cost of one operation.
type cost struct {
	Allocs float64 `json:"allocs"`
	// Time is relative to the time of calibrate.
	Time float64 `json:"time"`
}

func main() {
	update := flag.Bool("update", false, "write the baseline")
	baseline := flag.String("baseline", "guard/baseline.json", "the baseline's `file`")
	root := flag.String("root", "../..", "the repository's root `folder`")
	flag.Parse()
	if err := run(*root, *baseline, *update); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(root, baseline string, update bool) error {
	want := map[string]cost{}
	if !update {
		var err error
		if want, err = read(baseline); err != nil {
			return err
		}
	}
	got := map[string]cost{}
	for _, g := range guarded {
		costs, err := settle(want, func() (map[string]cost, error) { return measure(root, g.pkg, g.pattern) })
		if err != nil {
			return fmt.Errorf("%s: %w", g.pkg, err)
		}
		if len(costs) == 0 {
			return fmt.Errorf("%s: no benchmark matches %s", g.pkg, g.pattern)
		}
		maps.Copy(got, costs)
	}
	if update {
		return write(baseline, got)
	}
	report, err := compare(want, got)
	fmt.Print(report)
	return err
}

// attempts is how often a package is measured while a benchmark in it is too slow. Other
// load on the machine may slow down a whole run; slow code is slow every time.
const attempts = 4

// settle measures until no benchmark is too slow, or all attempts are used. The lowest
// result of a benchmark counts.
func settle(want map[string]cost, measure func() (map[string]cost, error)) (map[string]cost, error) {
	least := map[string]cost{}
	for range attempts {
		costs, err := measure()
		if err != nil {
			return nil, err
		}
		tooSlow := false
		for name, c := range costs {
			if before, seen := least[name]; seen {
				c = cost{Allocs: min(c.Allocs, before.Allocs), Time: min(c.Time, before.Time)}
			}
			least[name] = c
			known, ok := want[name]
			tooSlow = tooSlow || ok && c.Time > slower*known.Time
		}
		if !tooSlow {
			break
		}
	}
	return least, nil
}

// rounds is how often the benchmarks of a package run in one attempt.
const rounds = 20

// operations is how often an operation runs in a round.
const operations = 2000

// measure runs the benchmarks of a package. The lowest of several rounds counts:
// disturbances only add time. The fixed work is timed in each round, so that a load that
// lasts slows down both.
func measure(root, pkg, pattern string) (map[string]cost, error) {
	folder, err := os.MkdirTemp("", "guard")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "bench.test")
	build := exec.Command("go", "test", "-c", "-o", binary, pkg)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}

	costs := map[string]cost{}
	unit := newCalibration()
	for range rounds {
		unit.measure()
		bench := exec.Command(binary, "-test.run=^$", "-test.bench="+pattern, "-test.benchmem", fmt.Sprintf("-test.benchtime=%dx", operations))
		bench.Dir = filepath.Join(root, pkg)
		out, err := bench.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		if err := lower(costs, pkg, out); err != nil {
			return nil, err
		}
	}
	for name, c := range costs {
		c.Time /= unit.seconds(operations * c.Time)
		costs[name] = c
	}
	return costs, nil
}

// lower reads a benchmark's output, and keeps the lowest costs, their time in seconds.
func lower(costs map[string]cost, pkg string, out []byte) error {
	reader := benchfmt.NewReader(bytes.NewReader(out), pkg)
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue // a line of another kind
		}
		seconds, timed := result.Value("sec/op")
		allocs, counted := result.Value("allocs/op")
		if !timed || !counted {
			return fmt.Errorf("%s reports no time or no number of allocations", result.Name)
		}
		name := strings.TrimPrefix(pkg, "./") + "/" + withoutProcs(result.Name.String())
		c, seen := costs[name]
		if !seen {
			c = cost{Allocs: math.Inf(1), Time: math.Inf(1)}
		}
		costs[name] = cost{Allocs: min(c.Allocs, allocs), Time: min(c.Time, seconds)}
	}
	return reader.Err()
}

// withoutProcs removes the suffix for the number of processors, as in Read-2.
func withoutProcs(name string) string {
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i]
		}
	}
	return name
}

// calibration is the lowest time of a fixed piece of work, in seconds, when it runs once,
// and several times without a break. On a busy machine, what is short finds a quiet
// moment, and what is long does not: a benchmark is compared with work that lasts as long.
type calibration map[int]float64

func newCalibration() calibration {
	return calibration{1: math.Inf(1), 4: math.Inf(1), 16: math.Inf(1), 64: math.Inf(1)}
}

// measure does the work.
func (c calibration) measure() {
	for times, least := range c {
		begin := time.Now()
		for range times {
			work()
		}
		c[times] = min(least, time.Since(begin).Seconds()/float64(times))
	}
}

// seconds returns the time of the work for a benchmark that runs for window seconds.
func (c calibration) seconds(window float64) float64 {
	times := slices.Sorted(maps.Keys(c))
	for _, n := range times {
		if c[n]*float64(n) >= window {
			return c[n]
		}
	}
	return c[times[len(times)-1]]
}

// work resembles the benchmarks: it hashes, allocates and looks up.
func work() {
	known := map[string]uint64{}
	for i := range 2000 {
		hash := fnv.New64a()
		text := "SELECT name FROM rooms WHERE id = " + strconv.Itoa(i%500)
		_, _ = hash.Write([]byte(text))
		known[text] += hash.Sum64()
	}
	if len(known) != 500 {
		panic("the work is not what it was")
	}
}

var errDearer = errors.New("a benchmark has become more expensive: make it cheaper, or run `make check-bench UPDATE=-update` and say in the commit why it is worth it")

// compare returns a table, and an error if a benchmark became more expensive, or if it
// needs fewer allocations than the baseline.
func compare(want, got map[string]cost) (string, error) {
	var b strings.Builder
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(got)) {
		c, known := want[name]
		verdict := ""
		switch {
		case !known:
			verdict = "NOT IN THE BASELINE"
		case got[name].Allocs != c.Allocs:
			verdict = fmt.Sprintf("ALLOCATIONS: %.0f before", c.Allocs)
		case got[name].Time > slower*c.Time:
			verdict = fmt.Sprintf("TIME: %.2g times the baseline", got[name].Time/c.Time)
		}
		fmt.Fprintf(&b, "%-64s %6.0f allocs %9.2g of the unit  %s\n", name, got[name].Allocs, got[name].Time, verdict)
		if verdict != "" {
			problems = append(problems, fmt.Errorf("%s: %s", name, verdict))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[name]; !ok {
			problems = append(problems, fmt.Errorf("%s: it is in the baseline, and did not run", name))
		}
	}
	if len(problems) > 0 {
		return b.String(), errors.Join(append(problems, errDearer)...)
	}
	return b.String(), nil
}

func read(path string) (map[string]cost, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	var costs map[string]cost
	err = json.Unmarshal(content, &costs)
	return costs, err
}

func write(path string, costs map[string]cost) error {
	for name, c := range costs {
		c.Time, _ = strconv.ParseFloat(strconv.FormatFloat(c.Time, 'g', 3, 64), 64) // a formatted number parses
		costs[name] = c
	}
	content, err := json.MarshalIndent(costs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644) //nolint:gosec // a file of the repository
}
