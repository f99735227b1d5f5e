// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package exposition reads the metrics of a collector in Prometheus' text format.
package exposition // import "github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/exposition"

import (
	"regexp"
	"strconv"
	"strings"
)

// Metrics are samples by the name of their metric.
type Metrics map[string][]Sample

// Sample is a value with its labels as text, such as a="b",c="d".
type Sample struct {
	Labels string
	Value  float64
}

// sampleLine matches a line of the text format of Prometheus.
var sampleLine = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)

// Parse reads metrics. Names have no suffix _total. Lines that are not samples are
// skipped.
func Parse(text string) Metrics {
	found := Metrics{}
	for _, match := range sampleLine.FindAllStringSubmatch(text, -1) {
		if value, err := strconv.ParseFloat(match[3], 64); err == nil {
			name := strings.TrimSuffix(match[1], "_total")
			found[name] = append(found[name], Sample{Labels: match[2], Value: value})
		}
	}
	return found
}

// Has reports whether there is a sample of a metric.
func (m Metrics) Has(name string) bool { return len(m[name]) > 0 }

// Sum adds the samples of a metric that have all the given labels, such as
// outcome="retry". A label without its closing quote matches a prefix of the value.
func (m Metrics) Sum(name string, labels ...string) int64 {
	total := 0.0
	for _, s := range m[name] {
		matches := true
		for _, label := range labels {
			matches = matches && strings.Contains(","+s.Labels, ","+label)
		}
		if matches {
			total += s.Value
		}
	}
	return int64(total)
}
