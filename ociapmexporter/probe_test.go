// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pipeline"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// A probe has the words of the log, without the key, and uploads nothing.
func TestProbeUpload(t *testing.T) {
	sandbox := startSandbox(t)
	for _, signal := range []pipeline.Signal{pipeline.SignalTraces, pipeline.SignalMetrics, pipeline.SignalLogs} {
		probe := ProbeUpload(t.Context(), directConfig(sandbox.URL()), nopSettings(zap.NewNop()), signal)
		assert.Empty(t, probe.Problem, signal.String())
		assert.Equal(t, http.StatusOK, probe.Status)
		assert.Contains(t, probe.URL, "/v1/"+signal.String())
		assert.WithinDuration(t, time.Now(), probe.Date, time.Minute)
	}
	assert.Zero(t, sandbox.Counts().Spans.Received)

	cfg := directConfig(sandbox.URL())
	cfg.DataKey = "WRONGKEY0123456789"
	probe := ProbeUpload(t.Context(), cfg, nopSettings(zap.NewNop()), pipeline.SignalTraces)
	assert.Equal(t, http.StatusUnauthorized, probe.Status)
	assert.Contains(t, probe.Problem, "401 Unauthorized")
	assert.NotContains(t, probe.Problem, probe.Advice)
	assert.Equal(t, adviceForStatus(http.StatusUnauthorized, "traces"), probe.Advice)

	cfg = directConfig(sandbox.URL())
	cfg.DataKeyType = DataKeyTypePublic
	probe = ProbeUpload(t.Context(), cfg, nopSettings(zap.NewNop()), pipeline.SignalMetrics)
	assert.Equal(t, Probe{Kind: "configuration", Problem: errPublicKeySignal.Error()}, probe)
}

func TestProbeOfABrokenEndpoint(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization")) //nolint:gosec // the exporter must not repeat it
	}))
	probe := ProbeUpload(t.Context(), directConfig(echo.URL), nopSettings(zap.NewNop()), pipeline.SignalLogs)
	assert.Equal(t, http.StatusTeapot, probe.Status)
	assert.Contains(t, probe.Problem, "you sent dataKey [redacted]")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "sign in")
	}))
	defer page.Close()
	probe = ProbeUpload(t.Context(), directConfig(page.URL), nopSettings(zap.NewNop()), pipeline.SignalLogs)
	assert.True(t, strings.HasSuffix(probe.Problem, "which is not OCI APM's: sign in"), probe.Problem)
	assert.Equal(t, adviceForPage, probe.Advice)
	echo.Close()
	probe = ProbeUpload(t.Context(), directConfig(echo.URL), nopSettings(zap.NewNop()), pipeline.SignalLogs)
	assert.Equal(t, "connection_refused", probe.Kind)
	assert.NotEmpty(t, probe.Advice)
	assert.NotEmpty(t, probe.URL)

	sandbox := startSandbox(t)
	_, err := sandbox.AddFault(apm.Fault{Status: http.StatusServiceUnavailable})
	require.NoError(t, err)
	probe = ProbeUpload(t.Context(), directConfig(sandbox.URL()), nopSettings(zap.NewNop()), pipeline.SignalTraces)
	assert.Equal(t, http.StatusServiceUnavailable, probe.Status)
	assert.Contains(t, probe.Problem, "503 Service Unavailable")
}
