// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configgrpc"
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
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// The contract of every exporter with the pipeline, for retryable and permanent errors.
// The backend is an OTLP receiver, which answers 500 to a permanent error. The exporter
// retries 500, so a proxy changes it to 400, as APM answers data that it rejects.
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

	// Data that was rejected once must be rejected again, and empty uploads must be
	// accepted. Otherwise the exporter would conclude that the data is not the cause.
	var mu sync.Mutex
	refused := map[string]bool{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.ModifyResponse = func(resp *http.Response) error {
		if resp.StatusCode == http.StatusInternalServerError {
			resp.StatusCode = http.StatusBadRequest
			mu.Lock()
			defer mu.Unlock()
			refused[resp.Request.Header.Get("X-Body")] = true
		}
		return nil
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		assert.NoError(t, err)
		mu.Lock()
		again := refused[hex.EncodeToString(body)]
		delete(refused, hex.EncodeToString(body)) // the next test sends the same items
		mu.Unlock()
		switch {
		case len(body) == 0:
		case again:
			w.WriteHeader(http.StatusBadRequest)
		default:
			req.Header.Set("X-Body", hex.EncodeToString(body))
			req.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, req)
		}
	}))
	defer backend.Close()

	for _, signal := range []pipeline.Signal{pipeline.SignalTraces, pipeline.SignalMetrics, pipeline.SignalLogs} {
		t.Run(signal.String(), func(t *testing.T) {
			cfg := plainConfig(backend.URL)
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

// plainConfig returns a configuration without compression, so that tests know the size
// of bodies.
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
		td.MarkReadOnly() // as if another exporter of the pipeline got the same data

		require.NoError(t, newTraces(t, plainConfig(sandbox.URL()), zap.NewNop()).ConsumeTraces(t.Context(), td))
		counts := sandbox.Counts()
		assert.Equal(t, 65, counts.Spans.Stored)
		assert.Zero(t, counts.Spans.Duplicates)
		assert.Equal(t, map[string]int{"shop": 65}, counts.Services, "each part has the resource")
		assert.Equal(t, 33, counts.Uploads.ByStatus["200"], "the control, and parts of two or three spans")
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

// A single item that is too large is dropped, and the log names it. No other item is
// dropped.
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
	assert.Equal(t, "OCI APM rejected a part of a request permanently; the part is dropped", said.Message)
	assert.EqualValues(t, 1, said.ContextMap()["dropped_items"])
	assert.Contains(t, fmt.Sprint(said.ContextMap()["errors"]), `span "INSERT huge" (trace 01000000000000000000000000000000, span 0e00000000000000) takes 5`)

	// If it is alone in a request, the request fails with the same error.
	alone := ptrace.NewTraces()
	large.CopyTo(alone.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	err := exp.ConsumeTraces(t.Context(), alone)
	require.ErrorContains(t, err, `span "INSERT huge"`)
	require.ErrorContains(t, err, "more than OCI APM accepts in one request")
	assert.True(t, consumererror.IsPermanent(err))
}

// If a part of a split request has to be retried, exactly the items that were not sent
// yet are sent again.
func TestSplitRepeatsOnlyWhatFailed(t *testing.T) {
	sandbox := startSandbox(t)
	const accepts = apm.Duration(time.Nanosecond)
	for _, fault := range []apm.Fault{{Status: 413}, {Delay: accepts}, {Delay: accepts}, {Status: 503}} {
		fault.Times = 1
		_, err := sandbox.AddFault(fault)
		require.NoError(t, err)
	}
	cfg := directConfig(sandbox.URL())
	cfg.RetryConfig = configretry.NewDefaultBackOffConfig()
	cfg.RetryConfig.InitialInterval = time.Millisecond
	require.NoError(t, newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(10)))
	assert.Equal(t, 10, sandbox.Counts().Spans.Stored)
	assert.Zero(t, sandbox.Counts().Spans.Duplicates)
	var items []int
	for _, upload := range sandbox.Uploads() {
		items = append(items, upload.Items)
	}
	assert.Equal(t, []int{5, 5, 5, 0, 10}, items, "the last upload first")
}
