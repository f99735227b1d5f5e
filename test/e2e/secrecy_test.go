// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// With debug logging on and every upload failing, in each possible way, the data key
// appears in nothing that the collector prints or serves.
func TestKeyIsNeverShown(t *testing.T) {
	faults := []apm.Fault{
		{Status: 400, Message: "malformed"},
		{Status: 401, Message: "unknown data key"},
		{Status: 403, Message: "wrong data key"},
		{Status: 404},
		{Status: 413},
		{Status: 429, RetryAfter: "1"},
		{Status: 500},
		{Status: 503, RetryAfter: "1"},
		{Status: 307, Redirect: "http://127.0.0.1:9/elsewhere"},
		{Down: true},
		{Reset: true},
	}
	sandbox := harness.StartSandbox(t)
	for _, fault := range faults {
		fault.Times = 1
		sandbox.AddFault(t, fault)
	}
	pages := harness.FreeAddress(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: `
extensions: {zpages: {endpoint: "` + pages + `"}}
exporters:
  debug: {verbosity: detailed}
  oci_apm: {retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}, sending_queue: {batch: {flush_timeout: 10ms}}}
service:
  extensions: [apm_paths, otlp_guard, gc_tuner, health_check, queue_storage, zpages]
  telemetry: {logs: {level: debug, sampling: }, traces: {processors: [{simple: {exporter: {console: {}}}}]}}
  pipelines: {traces: {exporters: [oci_apm, debug]}}`,
	})

	// The faults that drop an upload use up one each; the others cause retries.
	client := newOTLPClient(t, collector.GRPC)
	for id := range byte(4) {
		client.send(t, databaseSpan(id+1))
		require.Eventually(t, func() bool { return sandbox.Counts(t).Uploads.Total > int(id) }, awaitTimeout, pollInterval)
	}
	require.Eventually(t, func() bool { return sandbox.Counts(t).Spans.Stored > 0 }, awaitTimeout, pollInterval)

	output := collector.Output()
	for _, said := range []string{"400 Bad Request", "401 Unauthorized", "429 Too Many Requests", "503 Service Unavailable", "307 Temporary Redirect", "SELECT orders"} {
		assert.Contains(t, output, said)
	}
	requireClean(t, "the log", output)
	for name, url := range map[string]string{
		"metrics":       "http://" + collector.Metrics + "/metrics",
		"health check":  "http://" + collector.Health,
		"service page":  "http://" + pages + "/debug/servicez",
		"pipeline page": "http://" + pages + "/debug/pipelinez",
		"trace page":    "http://" + pages + "/debug/tracez",
	} {
		requireClean(t, name, page(t, url))
	}

	require.Zero(t, collector.Stop(t))
	requireClean(t, "the log of the shutdown", collector.Output())
	requireClean(t, "the sandbox's log", sandbox.Output())
}

func TestKeyIsNotInPrintConfig(t *testing.T) {
	env := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
	output, code := harness.RunCollector(t, env, "print-config", "--config", harness.ConfigFile(t, "agent.yaml"))
	require.Zero(t, code, output)
	assert.Contains(t, output, domainEndpoint)
	assert.Contains(t, output, "data_key: '[REDACTED]'")
	requireClean(t, "print-config", output)
}

func page(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode, url)
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NotEmpty(t, content)
	return string(content)
}
