// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	recordings = "../../cmd/otelcol-ociapm/alerts/testdata/"
	alertsFile = "../../docs/alerts.yaml"
	dashboard  = "../../deploy/grafana/otelcol-ociapm.json"
	// job and instance are what Prometheus adds to each series.
	job      = "otelcol-ociapm"
	instance = "collector:8888"
)

// recorder keeps what a Prometheus server would store of a collector.
type recorder struct {
	t         *testing.T
	collector *harness.Collector
	names     map[string]bool     // of metrics that alerts or the dashboard use
	values    map[string][]string // by series, in promtool's notation
	scrapes   int
}

var (
	metricName = regexp.MustCompile(`otelcol_[a-z_]+`)
	sample     = regexp.MustCompile(`(?m)^(otelcol_[a-z_]+)(?:\{(.*)\})? (\S+)$`)
)

func newRecorder(t *testing.T, collector *harness.Collector) *recorder {
	t.Helper()
	rec := &recorder{t: t, collector: collector, names: map[string]bool{}, values: map[string][]string{}}
	for _, path := range []string{alertsFile, dashboard} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range metricName.FindAllString(string(content), -1) {
			rec.names[name] = true
		}
	}
	return rec
}

// scrape reads the metrics once. A collector that does not answer is down, and all of
// its series end.
func (rec *recorder) scrape() {
	rec.t.Helper()
	text, err := rec.read()
	up := "1"
	if err != nil {
		up = "0"
	}
	rec.add(fmt.Sprintf("up{job=%q,instance=%q}", job, instance), up)
	for _, match := range sample.FindAllStringSubmatch(text, -1) {
		if rec.names[match[1]] {
			labels := strings.TrimPrefix(match[2]+",", ",")
			rec.add(fmt.Sprintf("%s{%sjob=%q,instance=%q}", match[1], labels, job, instance), match[3])
		}
	}
	rec.scrapes++
	for series, values := range rec.values {
		if len(values) < rec.scrapes {
			rec.values[series] = append(values, "stale")
		}
	}
}

func (rec *recorder) read() (string, error) {
	ctx, cancel := context.WithTimeout(rec.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+rec.collector.Metrics+"/metrics", http.NoBody)
	require.NoError(rec.t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func (rec *recorder) add(series, value string) {
	values, found := rec.values[series]
	if !found {
		values = slices.Repeat([]string{"_"}, rec.scrapes) // not there yet
	}
	rec.values[series] = append(values, value)
}

// firing is an alert with its labels, except for instance and severity.
type firing struct {
	alert  string
	labels map[string]string
}

// promtool returns the recording as a test for `promtool test rules`.
func (rec *recorder) promtool(t *testing.T, p problem) string {
	t.Helper()
	rules := readRules(t)
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by make test-delivery DELIVERY=-update: scrapes of a collector, one a\n# minute when played back.\n")
	fmt.Fprintf(&b, "rule_files: [../../../../docs/alerts.yaml]\nevaluation_interval: 1m\ntests:\n  - name: %s\n    interval: 1m\n    input_series:\n", p.name)
	for _, series := range slices.Sorted(maps.Keys(rec.values)) {
		fmt.Fprintf(&b, "      - series: '%s'\n        values: '%s'\n", series, strings.Join(rec.values[series], " "))
	}
	b.WriteString("    alert_rule_test:\n")
	for _, at := range []int{healthyScrapes - 1, healthyScrapes + problemScrapes - 1, healthyScrapes + problemScrapes + recoveryScrapes - 1} {
		for _, r := range rules {
			fmt.Fprintf(&b, "      - eval_time: %dm\n        alertname: %s\n", at, r.Alert)
			index := slices.IndexFunc(p.alerts, func(f firing) bool { return f.alert == r.Alert })
			if index < 0 || at != healthyScrapes+problemScrapes-1 {
				continue
			}
			labels := maps.Clone(p.alerts[index].labels)
			if labels == nil {
				labels = map[string]string{}
			}
			labels["instance"] = instance
			fmt.Fprintf(&b, "        exp_alerts:\n          - exp_labels: {severity: %s", r.Labels["severity"])
			for _, name := range slices.Sorted(maps.Keys(labels)) {
				fmt.Fprintf(&b, ", %s: %q", name, labels[name])
			}
			fmt.Fprintf(&b, "}\n            exp_annotations: {summary: %q}\n", r.summary(labels))
		}
	}
	return b.String()
}

// rule is an alert of docs/alerts.yaml.
type rule struct {
	Alert       string            `yaml:"alert"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readRules(t *testing.T) []rule {
	t.Helper()
	content, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(content, &file))
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

// summary returns the annotation of an alert with the given labels.
func (r *rule) summary(labels map[string]string) string {
	text := r.Annotations["summary"]
	for name, value := range labels {
		text = strings.ReplaceAll(text, "{{ $labels."+name+" }}", value)
	}
	return text
}

var recordedSeries = regexp.MustCompile(`(?m)^ +- series: '(.*)'$`)

// seriesOf returns the series of a recording.
func seriesOf(text string) []string {
	var all []string
	for _, match := range recordedSeries.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}
