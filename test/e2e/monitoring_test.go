// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A healthy start says what an operator needs, in about ten short lines.
func TestQuietStart(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"agent.yaml", "gateway.yaml", "sidecar.yaml"} {
		t.Run(config, func(t *testing.T) {
			t.Parallel()
			sandbox := harness.StartSandbox(t)
			collector := harness.StartCollector(t, harness.CollectorOptions{Config: config, Endpoint: sandbox.URL, DataKey: harness.PrivateKey})
			for range 3 { // one for each signal
				collector.AwaitOutput(t, "Connected to OCI APM: endpoint and data key accepted")
			}
			require.Eventually(t, func() bool { return strings.Count(collector.Output(), "Connected to OCI APM") == 3 }, awaitTimeout, pollInterval)
			lines := strings.Split(strings.TrimSpace(collector.Output()), "\n")
			assert.LessOrEqual(t, len(lines), 10)
			for _, line := range lines {
				assert.Less(t, len(line), 300, line)
				assert.NotContains(t, line, "service.instance.id")
				assert.Contains(t, line, "\tinfo\t")
			}
		})
	}
}

// exporterStatus is what the page of component status says about the spans' exporter.
type exporterStatus struct {
	code       int
	Healthy    bool           `json:"healthy"`
	Status     string         `json:"status"`
	Error      string         `json:"error"`
	Attributes map[string]any `json:"attributes"`
}

// time returns an attribute that is a time.
func (s exporterStatus) time(t *testing.T, name string) time.Time {
	t.Helper()
	text, _ := s.Attributes[name].(string)
	parsed, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err, "%s of %v", name, s.Attributes)
	return parsed
}

func (s exporterStatus) used() float64 {
	used, _ := s.Attributes["queue_used_percent"].(float64)
	return used
}

var named = regexp.MustCompile(`otelcol_[a-z_]+`)

// While APM is down and the queue is full, the probe stays ready, and the status says
// since when, how full the queue is, and when the last upload was. The metrics that
// docs/monitoring.md names exist. (cmd/otelcol-ociapm/alerts checks those of the alerts.)
func TestMonitoring(t *testing.T) {
	t.Parallel()
	status := harness.FreeAddress(t)
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Overrides: `
extensions: {healthcheckv2: {http: {endpoint: "` + status + `"}}}
exporters: {oci_apm: {sending_queue: {queue_size: 4000, batch: {flush_timeout: 100ms, min_size: 1}}, retry_on_failure: {max_interval: 1s}}}`,
	})
	client := newOTLPClient(t, collector.GRPC)
	read := func() exporterStatus { return readStatus(t, status) }
	probe := func() { page(t, "http://"+collector.Health+"/") } // requires 200

	client.send(t, databaseSpan(1))
	sandbox.AwaitSpans(t, 1)
	probe()
	healthy := read()
	assert.Equal(t, http.StatusOK, healthy.code)
	assert.True(t, healthy.Healthy)
	assert.WithinDuration(t, time.Now(), healthy.time(t, "last_upload"), time.Minute)
	assert.NotContains(t, healthy.Attributes, "failing_since")

	sandbox.AddFault(t, apm.Fault{Status: http.StatusServiceUnavailable})
	began := time.Now().Truncate(time.Second)
	refused := false
	for id := byte(3); id < 100 && !refused; id++ {
		ctx, cancel := context.WithTimeout(t.Context(), awaitTimeout)
		_, err := client.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(databaseSpan(id)))
		cancel()
		refused = err != nil
	}
	require.True(t, refused, "the queue never gets full")
	probe()
	require.Eventually(t, func() bool { status := read(); return !status.Healthy && status.used() > 85 }, awaitTimeout, 100*time.Millisecond)
	full := read()
	assert.Equal(t, http.StatusInternalServerError, full.code)
	assert.False(t, full.Healthy)
	assert.Equal(t, "StatusRecoverableError", full.Status)
	assert.Contains(t, full.Error, "503 Service Unavailable")
	assert.False(t, full.time(t, "failing_since").Before(began))
	assert.False(t, full.time(t, "last_upload").After(full.time(t, "failing_since")))
	assert.Equal(t, "bytes", full.Attributes["queue_unit"])
	probe()

	sandbox.ClearFaults(t)
	require.Eventually(t, func() bool { status := read(); return status.Healthy && status.used() == 0 }, awaitTimeout, 100*time.Millisecond)
	recovered := read()
	assert.Equal(t, http.StatusOK, recovered.code)
	assert.False(t, recovered.time(t, "last_upload").Before(full.time(t, "failing_since")))
	assert.NotContains(t, recovered.Attributes, "failing_since")

	for range 2 { // each is followed by an empty upload, which is accepted
		sandbox.AddFault(t, apm.Fault{Status: http.StatusUnprocessableEntity, Times: 1})
		sandbox.AddFault(t, apm.Fault{Delay: apm.Duration(time.Nanosecond), Times: 1})
	}
	client.send(t, databaseSpan(200))
	collector.AwaitOutput(t, "OCI APM rejected an upload permanently; its data is dropped")
	scrape := func() string { return page(t, "http://"+collector.Metrics+"/metrics") }
	require.Eventually(t, func() bool { return strings.Contains(scrape(), "otelcol_exporter_send_failed_spans") }, awaitTimeout, 100*time.Millisecond,
		"it is counted after it is logged")
	requireMetrics(t, scrape())
}

func readStatus(t *testing.T, address string) exporterStatus {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/status?verbose", http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var got struct {
		Components map[string]struct {
			Components map[string]exporterStatus `json:"components"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal(content, &got), string(content))
	status := got.Components["pipeline:traces"].Components["exporter:oci_apm"]
	status.code = resp.StatusCode
	return status
}

// requireMetrics requires that each metric that the page names is scraped, or is one of
// our components, whose list is generated.
func requireMetrics(t *testing.T, scraped string) {
	t.Helper()
	root := harness.Root(t)
	var documented strings.Builder
	for _, pattern := range []string{"*/documentation.md", "components/*/*/documentation.md"} {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, path := range matches {
			documented.WriteString(readPage(t, path))
		}
	}
	names := named.FindAllString(readPage(t, filepath.Join(root, "docs", "monitoring.md")), -1)
	slices.Sort(names)
	names = slices.Compact(names)
	assert.Greater(t, len(names), 5)
	for _, metric := range names {
		exists := regexp.MustCompile(`(?m)^`+metric+`(_total)?[{ ]`).MatchString(scraped) || strings.Contains(documented.String(), "### "+metric+"\n")
		assert.True(t, exists, "%s of docs/monitoring.md is no metric", metric)
	}
}

// The lines of docs/monitoring.md and the exporter's README are those of the source.
func TestDocumentedLogLines(t *testing.T) {
	t.Parallel()
	root := harness.Root(t)
	_, table, found := strings.Cut(readPage(t, filepath.Join(root, "docs", "monitoring.md")), "\n## Log\n")
	require.True(t, found)
	var source strings.Builder
	for _, folder := range []string{"ociapmexporter/*.go", "ociapmexporter/internal/discovery/*.go", "components/extension/queuestorageextension/*.go", "cmd/otelcol-ociapm/*.go"} {
		matches, err := filepath.Glob(filepath.Join(root, folder))
		require.NoError(t, err)
		for _, path := range matches {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			source.Write(content)
		}
	}
	lines := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	assert.Greater(t, len(lines), 10)
	for _, line := range lines {
		if strings.HasPrefix(line[1], "Memory usage") {
			continue // of upstream
		}
		assert.Contains(t, source.String(), `"`+line[1]+`"`)
	}
}
