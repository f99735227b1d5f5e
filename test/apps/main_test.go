// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"

	"go.uber.org/goleak"
)

// result is one row of the table at the end of the run.
type result struct {
	name     string
	versions string
	sent     int
	stored   int
	passed   bool
}

var results struct {
	mu   sync.Mutex
	rows []result
}

func report(r result) {
	results.mu.Lock()
	defer results.mu.Unlock()
	results.rows = append(results.rows, r)
}

func TestMain(m *testing.M) {
	code := m.Run()
	endChromium()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	printResults()
	os.Exit(code)
}

func printResults() {
	if len(results.rows) == 0 {
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "case\tversions\tspans sent\tspans stored\tresult")
	for _, row := range results.rows {
		outcome := "FAIL"
		if row.passed {
			outcome = "ok"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", row.name, row.versions, row.sent, row.stored, outcome)
	}
	_ = table.Flush()
}
