// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const doctorPage = `<!doctype html><html lang="en"><title>apmctl doctor</title>
<style>body { margin: 0; background: #1d2126 } main { padding: 16px 20px } h1 { display: none }
pre { margin: 0; color: #d5d9de; font: 14px/1.35 "DejaVu Sans Mono", monospace } .good { color: #6fc276 } .bad { color: #ff7a70 } .none { color: #8a929b }
</style><main><h1>apmctl doctor</h1><pre>$ apmctl doctor

`

// The picture of apmctl doctor in the README: a collector without the processors for
// database calls. It is not taken from the demo: it shows a terminal, and the demo's
// collector has nothing to fix.
func TestDoctorPicture(t *testing.T) {
	if *picturesFolder == "" {
		t.Skip("it only takes a picture: test/e2e has the tests")
	}
	sandbox := harness.StartSandbox(t)
	queue := t.TempDir()
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey, QueueDirectory: queue,
		Overrides: "service: {pipelines: {traces: {processors: [memory_limiter]}}}",
	})
	cmd := exec.CommandContext(t.Context(), harness.Binary(t, "apmctl"), "doctor", "--config", harness.ConfigFile(t, "agent.yaml"),
		"--config", harness.AddressesFile(t, collector.GRPC, collector.HTTP, collector.Health, collector.Metrics), "--config", collector.OverridesFile)
	cmd.Env = []string{"APM_ENDPOINT=" + sandbox.URL, "APM_DATA_KEY=" + harness.PrivateKey, "OTELCOL_QUEUE_DIRECTORY=" + queue, "HOME=" + t.TempDir()}
	output, err := cmd.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	_, findings, found := strings.Cut(string(output), "\n\n")
	require.True(t, found)
	text := html.EscapeString(strings.ReplaceAll(findings, queue, "/var/lib/otelcol-ociapm/queue"))
	for symbol, class := range map[string]string{"✓": "good", "✗": "bad", "–": "none"} {
		text = strings.ReplaceAll(text, "  "+symbol+" ", `  <span class="`+class+`">`+symbol+"</span> ")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(doctorPage + text + "</pre></main></html>"))
	}))
	t.Cleanup(server.Close)
	startBrowser(t).open(t, server.URL, viewport{width: 900, height: 820, dark: true}).picture("doctor")
}
