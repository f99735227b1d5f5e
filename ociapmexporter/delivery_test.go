// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

// What every exporter promises the pipeline, with errors that are retryable and
// errors that are permanent. The OTLP receiver that stands for the backend says
// 500 for a permanent error, which APM says of data that is fine: a proxy makes
// it the 400 that APM says of data it will never take.
func TestConsumeContract(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	receiverFactory := otlpreceiver.NewFactory()
	receiverConfig := receiverFactory.CreateDefaultConfig().(*otlpreceiver.Config)
	receiverConfig.Protocols.GRPC = configoptional.None[configgrpc.ServerConfig]()
	protocol := receiverConfig.Protocols.HTTP.GetOrInsertDefault()
	protocol.ServerConfig.NetAddr.Endpoint = address
	protocol.TracesURLPath = apm.TracesPath
	protocol.MetricsURLPath = apm.MetricsPath
	protocol.LogsURLPath = apm.LogsPath

	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.ModifyResponse = func(resp *http.Response) error {
		if resp.StatusCode == http.StatusInternalServerError {
			resp.StatusCode = http.StatusBadRequest
		}
		return nil
	}
	backend := httptest.NewServer(proxy)
	defer backend.Close()

	for _, signal := range []pipeline.Signal{pipeline.SignalTraces, pipeline.SignalMetrics, pipeline.SignalLogs} {
		t.Run(signal.String(), func(t *testing.T) {
			cfg := directConfig(backend.URL)
			cfg.RetryConfig = configretry.NewDefaultBackOffConfig()
			cfg.RetryConfig.InitialInterval = time.Millisecond
			cfg.RetryConfig.MaxInterval = time.Millisecond
			exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
				T: t, NumberOfTestElements: 50, Signal: signal,
				ExporterFactory: NewFactory(), ExporterConfig: cfg,
				ReceiverFactory: receiverFactory, ReceiverConfig: receiverConfig,
			})
		})
	}
}

// smallSandbox answers 413 to a body of more than 4000 bytes.
func smallSandbox(t *testing.T) *apm.Server {
	t.Helper()
	config := apm.DefaultConfig()
	config.MaxRequestBytes = 4000
	return startSandboxWith(t, config)
}

// plainConfig sends bodies whose size a test can foresee.
func plainConfig(endpoint string) *Config {
	cfg := directConfig(endpoint)
	cfg.ClientConfig.Compression = "none"
	return cfg
}

func TestTooLargeIsSplit(t *testing.T) {
	filler := strings.Repeat("x", 1000)

	t.Run("traces", func(t *testing.T) {
		sandbox := smallSandbox(t)
		td := traces(65)
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			span.Attributes().PutStr("filler", filler)
		}
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "shop")
		td.MarkReadOnly() // as data is that another exporter gets as well

		require.NoError(t, newTraces(t, plainConfig(sandbox.URL()), zap.NewNop()).ConsumeTraces(t.Context(), td))
		counts := sandbox.Counts()
		assert.Equal(t, 65, counts.Spans.Stored)
		assert.Zero(t, counts.Spans.Duplicates)
		assert.Equal(t, map[string]int{"shop": 65}, counts.Services, "the resource goes with each part")
		assert.Equal(t, 32, counts.Uploads.ByStatus["200"], "parts of two or three spans")
	})

	t.Run("metrics", func(t *testing.T) {
		sandbox := smallSandbox(t)
		md := pmetric.NewMetrics()
		metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
		fill := func(attributes pcommon.Map) { attributes.PutStr("filler", filler) }
		for range 4 {
			points := metrics.AppendEmpty().SetEmptyGauge().DataPoints()
			sums := metrics.AppendEmpty().SetEmptySum().DataPoints()
			histograms := metrics.AppendEmpty().SetEmptyHistogram().DataPoints()
			exponential := metrics.AppendEmpty().SetEmptyExponentialHistogram().DataPoints()
			summaries := metrics.AppendEmpty().SetEmptySummary().DataPoints()
			for range 3 {
				fill(points.AppendEmpty().Attributes())
				fill(sums.AppendEmpty().Attributes())
				fill(histograms.AppendEmpty().Attributes())
				fill(exponential.AppendEmpty().Attributes())
				fill(summaries.AppendEmpty().Attributes())
			}
		}
		exp, err := NewFactory().CreateMetrics(t.Context(), exportertest.NewNopSettings(metadata.Type), plainConfig(sandbox.URL()))
		require.NoError(t, err)
		start(t, exp)
		require.NoError(t, exp.ConsumeMetrics(t.Context(), md))
		assert.Equal(t, 60, sandbox.Counts().Metrics.DataPoints)
		assert.Greater(t, sandbox.Counts().Uploads.ByStatus["413"], 10)
	})

	t.Run("logs", func(t *testing.T) {
		sandbox := smallSandbox(t)
		ld := plog.NewLogs()
		for range 5 {
			records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			for range 9 {
				records.AppendEmpty().Body().SetStr(filler)
			}
		}
		exp, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), plainConfig(sandbox.URL()))
		require.NoError(t, err)
		start(t, exp)
		require.NoError(t, exp.ConsumeLogs(t.Context(), ld))
		assert.Equal(t, 45, sandbox.Counts().Logs.Records)
	})
}

// One item that is too large by itself is dropped with a message that names it,
// and takes nothing else with it.
func TestSingleItemTooLarge(t *testing.T) {
	sandbox := smallSandbox(t)
	core, logs := observer.New(zap.ErrorLevel)
	exp := newTraces(t, plainConfig(sandbox.URL()), zap.New(core))

	td := traces(20)
	large := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(13)
	large.SetName("INSERT huge")
	large.Attributes().PutStr("db.statement", strings.Repeat("x", 5000))
	require.NoError(t, exp.ConsumeTraces(t.Context(), td))
	assert.Equal(t, 19, sandbox.Counts().Spans.Stored)
	require.Equal(t, 1, logs.Len())
	said := logs.All()[0]
	assert.Equal(t, "OCI APM refused a part of a request that was split: it is dropped", said.Message)
	assert.EqualValues(t, 1, said.ContextMap()["dropped_items"])
	assert.Contains(t, fmt.Sprint(said.ContextMap()["errors"]), `span "INSERT huge" (trace 01000000000000000000000000000000, span 0e00000000000000) takes 5`)

	// Alone, it is the error of its request.
	alone := ptrace.NewTraces()
	large.CopyTo(alone.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	err := exp.ConsumeTraces(t.Context(), alone)
	require.ErrorContains(t, err, `span "INSERT huge"`)
	require.ErrorContains(t, err, "more than OCI APM takes in one request")
	assert.True(t, consumererror.IsPermanent(err))
}

// When a part of a split request fails for now, that part alone is sent again.
func TestSplitRepeatsOnlyWhatFailed(t *testing.T) {
	sandbox := startSandbox(t)
	_, err := sandbox.AddFault(apm.Fault{Status: 413, Times: 1})
	require.NoError(t, err)
	_, err = sandbox.AddFault(apm.Fault{Status: 503, Times: 1})
	require.NoError(t, err)

	err = newTraces(t, directConfig(sandbox.URL()), zap.NewNop()).ConsumeTraces(t.Context(), traces(10))
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
	var failed consumererror.Traces
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, 5, failed.Data().SpanCount())
	assert.Equal(t, pcommon.SpanID{1}, failed.Data().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SpanID())
	assert.Equal(t, 5, sandbox.Counts().Spans.Stored)

	// With retries, all arrive once.
	_, err = sandbox.AddFault(apm.Fault{Status: 413, Times: 1})
	require.NoError(t, err)
	_, err = sandbox.AddFault(apm.Fault{Status: 503, Times: 1})
	require.NoError(t, err)
	sandbox.Reset()
	cfg := directConfig(sandbox.URL())
	cfg.RetryConfig = configretry.NewDefaultBackOffConfig()
	cfg.RetryConfig.InitialInterval = time.Millisecond
	require.NoError(t, newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(10)))
	assert.Equal(t, 10, sandbox.Counts().Spans.Stored)
	assert.Zero(t, sandbox.Counts().Spans.Duplicates)
}

func TestFallbackToPrivatePath(t *testing.T) {
	paths := func(sandbox *apm.Server) []string {
		var paths []string
		for _, upload := range sandbox.Uploads() {
			paths = append(paths, upload.Path)
		}
		slices.Reverse(paths) // the oldest first
		return paths
	}

	t.Run("works and is kept", func(t *testing.T) {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: 404, Times: 1})
		require.NoError(t, err)
		core, logs := observer.New(zap.WarnLevel)
		exp := newTraces(t, directConfig(sandbox.URL()), zap.New(core))
		for range 3 {
			require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
		}
		assert.Equal(t, []string{
			apm.TracesPath, apm.PrivateTracesPath, apm.PrivateTracesPath, apm.PrivateTracesPath,
		}, paths(sandbox))
		require.Equal(t, 1, logs.Len(), "one warning")
		assert.Contains(t, logs.All()[0].Message, "write data_key_type: private")
	})

	t.Run("is tried once where it answers 404 too", func(t *testing.T) {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: 404})
		require.NoError(t, err)
		exp := newTraces(t, directConfig(sandbox.URL()), zap.NewNop())
		for range 2 {
			err := exp.ConsumeTraces(t.Context(), traces(1))
			require.ErrorContains(t, err, "the upload to "+sandbox.URL()+apm.TracesPath+" with 404 Not Found")
			assert.True(t, consumererror.IsPermanent(err))
		}
		assert.Equal(t, []string{apm.TracesPath, apm.PrivateTracesPath, apm.TracesPath}, paths(sandbox))
	})

	t.Run("decides nothing when it fails for now", func(t *testing.T) {
		sandbox := startSandbox(t)
		for _, fault := range []apm.Fault{{Status: 404, Times: 1}, {Status: 503, Times: 1}, {Status: 404, Times: 1}, {Down: true, Times: 1}, {Status: 404, Times: 1}} {
			_, err := sandbox.AddFault(fault)
			require.NoError(t, err)
		}
		exp := newTraces(t, directConfig(sandbox.URL()), zap.NewNop())
		for range 2 {
			err := exp.ConsumeTraces(t.Context(), traces(1))
			require.Error(t, err)
			assert.False(t, consumererror.IsPermanent(err))
		}
		require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
	})

	t.Run("is for the unset type only", func(t *testing.T) {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: 404, Times: 1})
		require.NoError(t, err)
		cfg := directConfig(sandbox.URL())
		cfg.DataKeyType = DataKeyTypePrivate
		err = newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(1))
		assert.True(t, consumererror.IsPermanent(err))
	})

	// Many requests meet the first 404 together. None of them is dropped.
	t.Run("concurrently", func(t *testing.T) {
		var stored atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path != apm.PrivateTracesPath {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			stored.Add(1)
		}))
		defer server.Close()
		exp := newTraces(t, directConfig(server.URL), zap.NewNop())
		var senders sync.WaitGroup
		for range 50 {
			senders.Go(func() { assert.NoError(t, exp.ConsumeTraces(t.Context(), traces(1))) })
		}
		senders.Wait()
		assert.EqualValues(t, 50, stored.Load())
	})
}

// statusHost keeps the status events of a component.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// However many uploads fail, the log has a line for each change and a count,
// and the component's status says the same.
func TestHealthIsReportedOnChange(t *testing.T) {
	sandbox := startSandbox(t)
	core, logs := observer.New(zap.InfoLevel)
	set := exportertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	cfg := directConfig(sandbox.URL())
	exp, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	host := &statusHost{Host: componenttest.NewNopHost()}
	require.NoError(t, exp.Start(t.Context(), host))
	defer func() { require.NoError(t, exp.Shutdown(t.Context())) }()

	send := func(fault apm.Fault, times int) {
		if fault != (apm.Fault{}) {
			fault.Times = times
			_, err := sandbox.AddFault(fault)
			require.NoError(t, err)
		}
		for range times {
			_ = exp.ConsumeTraces(t.Context(), traces(1))
		}
	}
	send(apm.Fault{}, 2)
	send(apm.Fault{Status: 401, Message: "unknown data key"}, 40)
	send(apm.Fault{Status: 503}, 40)
	send(apm.Fault{}, 2)
	send(apm.Fault{Down: true}, 40)
	send(apm.Fault{}, 2)

	type line struct{ message, errorHas string }
	var said []line
	for _, entry := range logs.All() {
		if !strings.HasPrefix(entry.Message, "Uploads to OCI APM") {
			continue // exporterhelper's, which has nothing to retry here
		}
		text, _ := entry.ContextMap()["error"].(string)
		said = append(said, line{entry.Message, text})
		assert.NotContains(t, text, testKey)
	}
	require.Len(t, said, 5, said)
	for i, want := range []line{
		{"Uploads to OCI APM do not arrive", "401 Unauthorized: unknown data key; check that the data key belongs to this domain"},
		{"Uploads to OCI APM do not arrive", "503 Service Unavailable"},
		{"Uploads to OCI APM arrive again", ""},
		{"Uploads to OCI APM do not arrive", "upload to OCI APM failed"},
		{"Uploads to OCI APM arrive again", ""},
	} {
		assert.Equal(t, want.message, said[i].message)
		assert.Contains(t, said[i].errorHas, want.errorHas)
	}
	assert.EqualValues(t, 80, logs.FilterMessage("Uploads to OCI APM arrive again").All()[0].ContextMap()["failed_attempts"])

	host.mu.Lock()
	defer host.mu.Unlock()
	var statuses []componentstatus.Status
	for _, event := range host.events {
		statuses = append(statuses, event.Status())
	}
	assert.Equal(t, []componentstatus.Status{
		componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError, componentstatus.StatusOK,
		componentstatus.StatusRecoverableError, componentstatus.StatusOK,
	}, statuses)
	require.ErrorContains(t, host.events[0].Err(), "check that the data key belongs to this domain")
}

// The one empty upload at the start says in one line whether host, path and key
// are right, and what to do if not.
func TestStartupCheck(t *testing.T) {
	sandboxWith := func(fault apm.Fault) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			sandbox := startSandbox(t)
			if fault != (apm.Fault{}) {
				_, err := sandbox.AddFault(fault)
				require.NoError(t, err)
			}
			return sandbox.URL()
		}
	}
	refused := func(t *testing.T) string {
		t.Helper()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		return "http://" + listener.Addr().String()
	}
	silent := func(t *testing.T) string {
		t.Helper()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		return "http://" + listener.Addr().String()
	}
	tlsServer := func(t *testing.T) *httptest.Server {
		t.Helper()
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}

	var authority configopaque.String

	tests := []struct {
		name     string
		endpoint func(t *testing.T) string
		change   func(*Config)
		level    string
		want     []string
	}{
		{
			name: "right", endpoint: sandboxWith(apm.Fault{}), level: "info",
			want: []string{"OCI APM takes uploads: host, path and data key are right", apm.TracesPath},
		},
		{
			name: "wrong key", endpoint: sandboxWith(apm.Fault{}), level: "warn",
			change: func(cfg *Config) { cfg.DataKey = "WRONGKEY" },
			want:   []string{"401 Unauthorized", "check that the data key belongs to this domain"},
		},
		{
			name: "wrong path", endpoint: sandboxWith(apm.Fault{Status: 404}), level: "warn",
			want: []string{"404 Not Found", "check the endpoint: it is the domain's Data Upload Endpoint"},
		},
		{
			name: "unknown host", endpoint: func(*testing.T) string { return "https://testing.invalid" }, level: "warn",
			want: []string{"testing.invalid", "DNS of this machine"},
		},
		{
			name: "nothing listens", endpoint: refused, level: "warn",
			want: []string{"connection refused", "nothing listens there: check host and port of the endpoint"},
		},
		{
			name: "no answer", endpoint: silent, level: "warn",
			change: func(cfg *Config) { cfg.ClientConfig.Timeout = 50 * time.Millisecond },
			want:   []string{"no answer in time: allow outbound HTTPS"},
		},
		{
			name: "unknown authority", endpoint: func(t *testing.T) string { return tlsServer(t).URL }, level: "warn",
			want: []string{"certificate", "set tls::ca_file"},
		},
		{
			name: "another host's certificate", level: "warn",
			endpoint: func(t *testing.T) string {
				t.Helper()
				server := tlsServer(t)
				authority = configopaque.String(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
				return server.URL
			},
			change: func(cfg *Config) {
				cfg.ClientConfig.TLS.ServerName = "apm.example.org"
				cfg.ClientConfig.TLS.CAPem = authority
			},
			want: []string{"the certificate is another host's: correct the endpoint"},
		},
		{
			name: "no TLS", endpoint: func(t *testing.T) string {
				return strings.Replace(sandboxWith(apm.Fault{})(t), "http://", "https://", 1)
			}, level: "warn",
			want: []string{"no TLS session: check the endpoint"},
		},
		{
			name: "no proxy", endpoint: func(*testing.T) string { return "https://testing.invalid" }, level: "warn",
			change: func(cfg *Config) { cfg.ClientConfig.ProxyURL = refused(t) },
			want:   []string{"the proxy does not answer: correct proxy_url"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := directConfig(tt.endpoint(t))
			cfg.StartupCheck = true
			if tt.change != nil {
				tt.change(cfg)
			}
			core, logs := observer.New(zap.InfoLevel)
			newTraces(t, cfg, zap.New(core))
			require.Eventually(t, func() bool { return logs.Len() > 0 }, 10*time.Second, time.Millisecond)
			time.Sleep(20 * time.Millisecond) // for a second line, which must not come
			require.Equal(t, 1, logs.Len(), logs.All())
			entry := logs.All()[0]
			assert.Equal(t, tt.level, entry.Level.String())
			said := entry.Message + fmt.Sprint(entry.ContextMap())
			for _, want := range tt.want {
				assert.Contains(t, said, want)
			}
			assert.NotContains(t, said, testKey)
		})
	}
}

// The check delays neither the start nor the shutdown.
func TestStartupCheckDelaysNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	require.NoError(t, err)
	defer listener.Close()
	cfg := directConfig("http://" + listener.Addr().String())
	cfg.StartupCheck = true
	exp, err := NewFactory().CreateTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, exp.Shutdown(t.Context()))
	assert.Less(t, time.Since(begin), cfg.ClientConfig.Timeout/2)
}

func TestTelemetry(t *testing.T) {
	sandbox := startSandbox(t)
	for _, fault := range []apm.Fault{
		{Status: 413, Times: 1},
		{Status: 503, Times: 1},
		{PartialSuccess: &apm.PartialSuccess{Rejected: 2, Message: "too old"}, Times: 1},
		{Status: 422, Times: 1},
		{Down: true, Times: 1},
	} {
		_, err := sandbox.AddFault(fault)
		require.NoError(t, err)
	}
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), directConfig(sandbox.URL()))
	require.NoError(t, err)
	start(t, exp)
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(10))) // 413, then 503 and a partial success
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(3)))  // 422
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(1)))  // down
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))

	attributes := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(more, attribute.String("exporter", "oci_apm"), attribute.String("signal", "traces"))...)
	}
	uploads := func(n int64, outcome string, more attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attributes(attribute.String("outcome", outcome), more)}
	}
	status := func(code int) attribute.KeyValue { return attribute.Int("http.response.status_code", code) }
	metadatatest.AssertEqualExporterOciApmUploads(t, telemetry, []metricdata.DataPoint[int64]{
		uploads(1, outcomeSplit, status(413)),
		uploads(1, outcomeHeld, status(503)),
		uploads(2, outcomeAccepted, status(200)),
		uploads(1, outcomeDropped, status(422)),
		uploads(1, outcomeHeld, attribute.String("error.type", "connection_broken")),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	one := func(n int64) []metricdata.DataPoint[int64] {
		return []metricdata.DataPoint[int64]{{Value: n, Attributes: attributes()}}
	}
	metadatatest.AssertEqualExporterOciApmSplits(t, telemetry, one(1), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmRejectedItems(t, telemetry, one(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmDroppedItems(t, telemetry, one(3), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())

	// What is counted as uploaded is what was on the wire.
	wire := int64(0)
	for _, upload := range sandbox.Uploads() {
		wire += upload.Bytes
	}
	uploaded, err := telemetry.GetMetric("otelcol_exporter_oci_apm_uploaded_bytes")
	require.NoError(t, err)
	counted := uploaded.Data.(metricdata.Sum[int64]).DataPoints[0].Value
	assert.GreaterOrEqual(t, counted, wire) // the sandbox reads no body that it refuses at once
	assert.Positive(t, wire)
}
