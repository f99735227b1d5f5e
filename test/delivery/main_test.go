// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// parallelRuns is how many runs go on at a time unless -parallel is set: they mostly
// wait.
const parallelRuns = "8"

var (
	long   = flag.Bool("long", os.Getenv("DELIVERY_LONG") != "", "run the long form: more rounds, longer outages")
	update = flag.Bool("update", false, "write the table to test/README.md")
)

// form is the name of the form that is run: short or long.
func form() string {
	if *long {
		return "long"
	}
	return "short"
}

var results struct {
	mu   sync.Mutex
	rows map[string]map[pipeline]outcome // by scenario
}

func report(s scenario, p pipeline, o outcome) {
	results.mu.Lock()
	defer results.mu.Unlock()
	if results.rows == nil {
		results.rows = map[string]map[pipeline]outcome{}
	}
	if results.rows[s.name] == nil {
		results.rows[s.name] = map[pipeline]outcome{}
	}
	results.rows[s.name][p] = o
}

func TestMain(m *testing.M) {
	flag.Parse()
	explicit := false
	flag.Visit(func(f *flag.Flag) { explicit = explicit || f.Name == "test.parallel" })
	if !explicit {
		if err := flag.Set("test.parallel", parallelRuns); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	start := time.Now()
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := show(time.Since(start)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// show prints the table, and writes it to the README when asked to.
func show(took time.Duration) error {
	if len(results.rows) == 0 {
		return nil
	}
	text, complete := table(took)
	fmt.Println(text)
	if !*update {
		return nil
	}
	if !complete {
		return fmt.Errorf("the table is not written: it has %d of %d scenarios, or a run has failed", len(results.rows), len(scenarios()))
	}
	return writeTable(text)
}

// table returns the results as Markdown, and whether they are complete.
func table(took time.Duration) (text string, complete bool) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "The %s form, %s, %d cores, %s.\n\n", form(), time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), took.Round(time.Second))
	b.WriteString("| scenario | accepted | stored | lost | duplicated | given up | peak memory | stock: accepted | stored | lost | duplicated | given up | peak memory |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	complete = true
	for _, s := range scenarios() {
		row := results.rows[s.name]
		if row == nil {
			complete = false
			continue
		}
		fmt.Fprintf(&b, "| %s |", s.name)
		for _, p := range []pipeline{ours, stock} {
			o, ok := row[p]
			if !ok {
				complete = false
				b.WriteString(" | | | | | |")
				continue
			}
			fmt.Fprintf(&b, " %d | %d | %s | %d | %d | %s |", o.accepted, o.stored, bold(o.lost), o.duplicated, o.givenUp, mebibytes(o.peak))
		}
		b.WriteByte('\n')
	}
	return b.String(), complete
}

// bold highlights a number that should be 0.
func bold(n int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("**%d**", n)
}

// writeTable puts the table between the markers of its form.
func writeTable(text string) error {
	path := filepath.Join("..", "README.md")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin := fmt.Appendf(nil, "<!-- delivery %s: begin -->\n", form())
	end := fmt.Appendf(nil, "<!-- delivery %s: end -->", form())
	before, rest, ok := bytes.Cut(content, begin)
	if !ok {
		return fmt.Errorf("%s has no line %q", path, begin)
	}
	_, after, ok := bytes.Cut(rest, end)
	if !ok {
		return fmt.Errorf("%s has no line %q", path, end)
	}
	return os.WriteFile(path, bytes.Join([][]byte{before, begin, []byte(text), end, after}, nil), 0o600)
}
