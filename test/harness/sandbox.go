// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package harness // import "github.com/ociapm/otelcol-ociapm/test/harness"

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// The keys that a sandbox of the harness accepts. They are distinct enough to search for
// in a program's output.
const (
	PrivateKey = "HARNESSPRIVATEKEY0123456789ABCDEF"
	PublicKey  = "HARNESSPUBLICKEY0123456789ABCDEF"
)

// Sandbox is a running bin/apmsandbox and a client of its API.
type Sandbox struct {
	*Process

	// URL is the base of its upload paths and of its API.
	URL string
}

// StartSandbox starts a sandbox of OCI APM on a free loopback port and stops it when the
// test ends.
func StartSandbox(t testing.TB, args ...string) *Sandbox {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Binary(t, "apmsandbox"), append([]string{"--listen=127.0.0.1:0"}, args...)...)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	cmd.Env = cleanEnvironment("APMSANDBOX_PRIVATE_KEY="+PrivateKey, "APMSANDBOX_PUBLIC_KEY="+PublicKey)
	s := &Sandbox{Process: Start(t, cmd)}
	s.URL = s.AwaitOutput(t, `apmsandbox ready at (http://[^\s"]+)`)[1]
	return s
}

// Counts returns the sandbox's counts.
func (s *Sandbox) Counts(t testing.TB) apm.Counts {
	t.Helper()
	return get[apm.Counts](t, s.URL+"/api/v1/counts")
}

// Traces returns the stored traces, the newest first.
func (s *Sandbox) Traces(t testing.TB) []apm.TraceSummary {
	t.Helper()
	return get[apm.TraceList](t, s.URL+"/api/v1/traces?limit=1000").Traces
}

// TracesOf returns the stored traces that have a span of the service, up to
// 1000, the newest first.
func (s *Sandbox) TracesOf(t testing.TB, service string) []apm.TraceSummary {
	t.Helper()
	return get[apm.TraceList](t, s.URL+"/api/v1/traces?limit=1000&service="+url.QueryEscape(service)).Traces
}

// Trace returns all spans of one trace.
func (s *Sandbox) Trace(t testing.TB, id string) apm.Trace {
	t.Helper()
	return get[apm.Trace](t, s.URL+"/api/v1/traces/"+id)
}

// Spans returns the spans of all stored traces.
func (s *Sandbox) Spans(t testing.TB) []apm.Span {
	t.Helper()
	var spans []apm.Span
	for _, summary := range s.Traces(t) {
		spans = append(spans, s.Trace(t, summary.TraceID).Spans...)
	}
	return spans
}

// Topology returns the graph of services and peers.
func (s *Sandbox) Topology(t testing.TB) apm.Topology {
	t.Helper()
	return get[apm.Topology](t, s.URL+"/api/v1/topology")
}

// Checks returns the results of the checks of each service.
func (s *Sandbox) Checks(t testing.TB) []apm.ServiceChecks {
	t.Helper()
	type answer struct {
		Services []apm.ServiceChecks `json:"services"`
	}
	return get[answer](t, s.URL+"/api/v1/checks").Services
}

// Uploads returns the latest uploads, the newest first.
func (s *Sandbox) Uploads(t testing.TB) []apm.Upload {
	t.Helper()
	return get[struct {
		Uploads []apm.Upload `json:"uploads"`
	}](t, s.URL+"/api/v1/uploads").Uploads
}

// Metrics returns the latest metrics.
func (s *Sandbox) Metrics(t testing.TB) []apm.Metric {
	t.Helper()
	return get[struct {
		Metrics []apm.Metric `json:"metrics"`
	}](t, s.URL+"/api/v1/metrics?limit=1000").Metrics
}

// Logs returns the latest log records.
func (s *Sandbox) Logs(t testing.TB) []apm.LogRecord {
	t.Helper()
	return get[struct {
		Logs []apm.LogRecord `json:"logs"`
	}](t, s.URL+"/api/v1/logs?limit=1000").Logs
}

// AddFault makes the sandbox answer uploads with a fault.
func (s *Sandbox) AddFault(t testing.TB, fault apm.Fault) {
	t.Helper()
	body, err := json.Marshal(fault)
	require.NoError(t, err)
	do(t, http.MethodPost, s.URL+"/api/v1/faults", body)
}

// ClearFaults ends all faults.
func (s *Sandbox) ClearFaults(t testing.TB) {
	t.Helper()
	do(t, http.MethodDelete, s.URL+"/api/v1/faults", nil)
}

// SetPrivateKey replaces the private data key that the sandbox accepts.
func (s *Sandbox) SetPrivateKey(t testing.TB, key string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"private": key})
	require.NoError(t, err)
	do(t, http.MethodPut, s.URL+"/api/v1/keys", body)
}

// AwaitSpans waits until at least n spans are stored.
func (s *Sandbox) AwaitSpans(t testing.TB, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Counts(t).Spans.Stored >= n }, startTimeout, pollInterval,
		"%d spans are not stored", n)
}

// Missing returns how many of an app's accepted spans are not stored.
func (s *Sandbox) Missing(t testing.TB, app otlpload.Report) int {
	t.Helper()
	stored := map[string]int{} // spans by trace
	for _, trace := range s.TracesOf(t, app.Service()) {
		stored[trace.TraceID] = trace.Spans
	}
	missing := 0
	for first := 0; first < len(app.Accepted); first += otlpload.RequestsPerTrace {
		requests := app.Accepted[first:min(first+otlpload.RequestsPerTrace, len(app.Accepted))]
		id := app.TraceID(first).String()
		if app.AppsPerTrace == 1 && stored[id] == len(requests)*app.Spans {
			continue
		}
		found := map[string]bool{}
		if stored[id] > 0 {
			for _, span := range s.Trace(t, id).Spans {
				found[span.SpanID] = true
			}
		}
		for n, accepted := range requests {
			for i := range app.Spans {
				if accepted && !found[app.SpanID(first+n, i).String()] {
					missing++
				}
			}
		}
	}
	return missing
}

func get[T any](t testing.TB, url string) T {
	t.Helper()
	var answer T
	require.NoError(t, json.Unmarshal(do(t, http.MethodGet, url, nil), &answer))
	return answer
}

func do(t testing.TB, method, url string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, "%s %s: %s", method, url, content)
	return content
}
