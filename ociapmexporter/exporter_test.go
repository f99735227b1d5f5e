// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

func startSandbox(t *testing.T) *apm.Server {
	t.Helper()
	return startSandboxWith(t, apm.DefaultConfig())
}

func startSandboxWith(t *testing.T, config apm.Config) *apm.Server {
	t.Helper()
	config.Listen = "127.0.0.1:0"
	config.PrivateKey = testKey
	sandbox, err := apm.New(config, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, sandbox.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, sandbox.Shutdown(context.Background())) })
	return sandbox
}

// directConfig returns a configuration without a queue, so that the consume call returns
// the error of the upload.
func directConfig(endpoint string) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = endpoint
	cfg.DataKey = testKey
	cfg.RetryConfig.Enabled = false
	cfg.StartupCheck = false
	cfg.QueueConfig = configoptional.None[exporterhelper.QueueBatchConfig]()
	return cfg
}

func nopSettings(logger *zap.Logger) exporter.Settings {
	set := exportertest.NewNopSettings(metadata.Type)
	set.Logger = logger
	return set
}

func newTraces(t *testing.T, cfg *Config, logger *zap.Logger) exporter.Traces {
	t.Helper()
	exp, err := NewFactory().CreateTraces(t.Context(), nopSettings(logger), cfg)
	require.NoError(t, err)
	start(t, exp)
	return exp
}

func start(t *testing.T, c component.Component) {
	t.Helper()
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, c.Shutdown(context.Background())) })
}

func traces(spans int) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i := range spans {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{byte(i + 1)})
	}
	return td
}

func TestUploadThreeSignals(t *testing.T) {
	sandbox := startSandbox(t)
	cfg := directConfig(sandbox.URL())

	require.NoError(t, newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(3)))

	metrics, err := NewFactory().CreateMetrics(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	start(t, metrics)
	md := pmetric.NewMetrics()
	points := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptySum().DataPoints()
	points.AppendEmpty().SetIntValue(1)
	points.AppendEmpty().SetIntValue(2)
	require.NoError(t, metrics.ConsumeMetrics(t.Context(), md))

	logs, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	start(t, logs)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("x")
	require.NoError(t, logs.ConsumeLogs(t.Context(), ld))

	counts := sandbox.Counts()
	assert.Equal(t, 3, counts.Spans.Stored)
	assert.Equal(t, 2, counts.Metrics.DataPoints)
	assert.Equal(t, 1, counts.Logs.Records)
	assert.Equal(t, 3, counts.Uploads.Accepted)
	assert.Zero(t, counts.Uploads.Rejected)
}

// span_metrics sends a batch without items at each flush of an idle collector.
func TestBatchWithoutItemsIsNotUploaded(t *testing.T) {
	sandbox := startSandbox(t)
	cfg := directConfig(sandbox.URL())
	set := nopSettings(zap.NewNop())

	require.NoError(t, newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(0)))

	metrics, err := NewFactory().CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	start(t, metrics)
	md := pmetric.NewMetrics()
	require.NoError(t, metrics.ConsumeMetrics(t.Context(), md))
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetName("without points")
	require.NoError(t, metrics.ConsumeMetrics(t.Context(), md))

	logs, err := NewFactory().CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	start(t, logs)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	require.NoError(t, logs.ConsumeLogs(t.Context(), ld))

	assert.Zero(t, sandbox.Counts().Uploads.Total)
}

// The pipeline makes no copies for this exporter, although it batches.
func TestDataIsNotMutated(t *testing.T) {
	cfg := directConfig(testEndpoint)
	cfg.QueueConfig = createDefaultConfig().(*Config).QueueConfig
	require.True(t, cfg.QueueConfig.Get().Batch.HasValue())
	set := nopSettings(zap.NewNop())
	traces, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	metrics, err := NewFactory().CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	assert.False(t, traces.Capabilities().MutatesData)
	assert.False(t, metrics.Capabilities().MutatesData)
	assert.False(t, logs.Capabilities().MutatesData)
}

// A public key uploads traces only. Exporters of other signals are not created.
func TestPublicKeyTakesTracesOnly(t *testing.T) {
	for name, endpoint := range map[string]string{
		"configured": testEndpoint,
		"pasted":     testEndpoint + "/20200101/opentelemetry/public/v1/traces",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := directConfig(endpoint)
			if name == "configured" {
				cfg.DataKeyType = DataKeyTypePublic
			}
			set := exportertest.NewNopSettings(metadata.Type)
			_, err := NewFactory().CreateTraces(t.Context(), set, cfg)
			require.NoError(t, err)
			_, err = NewFactory().CreateMetrics(t.Context(), set, cfg)
			require.ErrorIs(t, err, errPublicKeySignal)
			_, err = NewFactory().CreateLogs(t.Context(), set, cfg)
			require.ErrorIs(t, err, errPublicKeySignal)
		})
	}
}

func TestUploadRefused(t *testing.T) {
	tests := []struct {
		name      string
		fault     apm.Fault
		permanent bool
		want      string
	}{
		{"malformed", apm.Fault{Status: 400, Message: "cannot decode"}, false, "400 Bad Request: cannot decode"},
		{"key", apm.Fault{Status: 401, Message: "unknown data key"}, false, "401 Unauthorized: unknown data key; check that the data key"},
		{"redirect", apm.Fault{Redirect: "https://elsewhere.invalid/"}, false, "a redirect is not followed"},
		{"throttled", apm.Fault{Status: 429, RetryAfter: "7"}, false, "429 Too Many Requests"},
		{"broken", apm.Fault{Status: 500}, false, "500 Internal Server Error"},
		{"down", apm.Fault{Down: true}, false, "upload to OCI APM failed"},
		{"reset", apm.Fault{Reset: true}, false, "OCI APM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sandbox := startSandbox(t)
			_, err := sandbox.AddFault(tt.fault)
			require.NoError(t, err)
			err = newTraces(t, directConfig(sandbox.URL()), zap.NewNop()).ConsumeTraces(t.Context(), traces(1))
			require.ErrorContains(t, err, tt.want)
			assert.Equal(t, tt.permanent, consumererror.IsPermanent(err))
			assert.NotContains(t, err.Error(), testKey)
		})
	}
}

// The redirect goes back to the sandbox, so that the test would see a client that follows
// it.
func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: status, Redirect: elsewhere.URL})
		require.NoError(t, err)
		err = newTraces(t, directConfig(sandbox.URL()), zap.NewNop()).ConsumeTraces(t.Context(), traces(1))
		require.Error(t, err)
		assert.False(t, consumererror.IsPermanent(err))
	}
	assert.False(t, followed.Load())
}

func TestPartialSuccessIsReported(t *testing.T) {
	sandbox := startSandbox(t)
	_, err := sandbox.AddFault(apm.Fault{PartialSuccess: &apm.PartialSuccess{Rejected: 2, Message: "too old"}})
	require.NoError(t, err)
	core, logs := observer.New(zap.WarnLevel)
	require.NoError(t, newTraces(t, directConfig(sandbox.URL()), zap.New(core)).ConsumeTraces(t.Context(), traces(5)))
	require.Equal(t, 1, logs.Len())
	assert.Equal(t, map[string]any{"rejected_items": int64(2), "message": "too old"}, logs.All()[0].ContextMap())
}

// No data is lost if a key is rotated while uploads are refused: the next attempt reads
// the file again.
func TestKeyFileIsRotated(t *testing.T) {
	sandbox := startSandbox(t)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(testKey), 0o600))
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = sandbox.URL()
	cfg.DataKeyFile = path
	cfg.RetryConfig.InitialInterval = 10 * time.Millisecond
	cfg.RetryConfig.MaxInterval = 10 * time.Millisecond
	cfg.QueueConfig.Get().Batch.Get().FlushTimeout = 10 * time.Millisecond
	exp := newTraces(t, cfg, zap.NewNop())

	const newKey = "ROTATEDKEY0123456789"
	require.NoError(t, sandbox.SetKeys(newKey, ""))
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
	require.Eventually(t, func() bool { return sandbox.Counts().Uploads.ByStatus["401"] > 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, os.WriteFile(path, []byte(newKey+"\n"), 0o600))
	require.Eventually(t, func() bool { return sandbox.Counts().Spans.Stored == 1 }, 10*time.Second, time.Millisecond)
}

// No way of printing the configuration shows the key.
func TestKeyIsOpaque(t *testing.T) {
	cfg := directConfig(testEndpoint)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(cfg))
	assert.Equal(t, "[REDACTED]", conf.Get("data_key"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(verb, cfg), testKey, verb)
	}
}
