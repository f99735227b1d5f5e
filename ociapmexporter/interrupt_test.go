// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// startBaseExporter starts an exporter without exporterhelper around it.
func startBaseExporter(t *testing.T, cfg *Config, logger *zap.Logger) *baseExporter[ptrace.Traces] {
	t.Helper()
	base, err := newBaseExporter(cfg, nopSettings(logger), tracesSignal(), &discovery.Shared{})
	require.NoError(t, err)
	require.NoError(t, base.start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, base.shutdown(context.Background())) })
	return base
}

// exporterhelper gets the pause that APM asks for, after a whole upload and after a part.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  string
	}{
		{"7", "Throttle (7s)"},
		{"99999", "Throttle (15m0s)"},
		{time.Now().Add(100 * time.Hour).UTC().Format(http.TimeFormat), "Throttle (15m0s)"},
	} {
		t.Run(tt.value, func(t *testing.T) {
			sandbox := startSandbox(t)
			base := startBaseExporter(t, directConfig(sandbox.URL()), zap.NewNop())
			_, err := sandbox.AddFault(apm.Fault{Status: 429, RetryAfter: tt.value})
			require.NoError(t, err)
			err = base.push(t.Context(), newTestRequest(t, traces(3)))
			require.Error(t, err)
			assert.Contains(t, err.Error(), tt.want)
		})
	}

	// The retries wait for the pause.
	sandbox := startSandbox(t)
	_, err := sandbox.AddFault(apm.Fault{Status: 429, RetryAfter: "1", Times: 1})
	require.NoError(t, err)
	cfg := directConfig(sandbox.URL())
	cfg.RetryConfig.Enabled = true
	cfg.RetryConfig.InitialInterval = time.Millisecond
	begin := time.Now()
	require.NoError(t, newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(1)))
	assert.GreaterOrEqual(t, time.Since(begin), 900*time.Millisecond)
}

// A split is interrupted if APM asks another upload to pause. It continues after the
// pause, or as soon as APM accepts an upload.
func TestPauseEndsSplit(t *testing.T) {
	sandbox := smallSandbox(t)
	base := startBaseExporter(t, plainConfig(sandbox.URL()), zap.NewNop())
	_, err := sandbox.AddFault(apm.Fault{Status: 429, RetryAfter: "60", Times: 1})
	require.NoError(t, err)
	require.ErrorContains(t, base.push(t.Context(), newTestRequest(t, traces(1))), "Throttle (1m0s)")
	r := newTestRequest(t, numbered(1, 200))
	err = base.push(t.Context(), r)
	require.ErrorIs(t, err, errThrottled)
	require.Contains(t, err.Error(), "Throttle (")
	assert.Len(t, sandbox.Uploads(), 2, "the other upload, and the whole request")
	base.pace.resume()
	require.NoError(t, base.push(t.Context(), r.OnError(err)))
	assert.Equal(t, 200, sandbox.Counts().Spans.Stored)
}

// splitServer refuses uploads of more than one span as too large, and calls during when
// it gets a certain upload.
type splitServer struct {
	url     string
	uploads atomic.Int64
	at      int64
	during  func()
}

func newSplitServer(t *testing.T, at int64, during func()) *splitServer {
	t.Helper()
	s := &splitServer{at: at, during: during}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if s.uploads.Add(1) == s.at {
			s.during()
		}
		if count, countErr := tracesSignal().layout.Count(body); err != nil || countErr != nil || count > 1 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// A shutdown interrupts a split between two parts. With a queue on disk, the rest stays
// there for the next start. With a queue in memory it would be lost, so it is sent.
func TestShutdownEndsSplit(t *testing.T) {
	const spans, at = 40, 30
	for _, durable := range []bool{true, false} {
		t.Run("durable "+strconv.FormatBool(durable), func(t *testing.T) {
			stopped, proceed := make(chan struct{}), make(chan struct{})
			server := newSplitServer(t, at, func() { close(stopped); <-proceed })
			cfg := createDefaultConfig().(*Config)
			cfg.ClientConfig.Endpoint = server.url
			cfg.ClientConfig.Compression = "none"
			cfg.DataKey = testKey
			cfg.StartupCheck = false
			cfg.QueueConfig.Get().Batch.Get().FlushTimeout = time.Millisecond
			host := componenttest.NewNopHost()
			if durable {
				var id component.ID
				host, id = startStorage(t, t.TempDir())
				cfg.QueueConfig.Get().StorageID = &id
			}
			exp := startTraces(t, cfg, host)
			require.NoError(t, exp.ConsumeTraces(t.Context(), traces(spans)))
			<-stopped
			var shutdown sync.WaitGroup
			shutdown.Go(func() { assert.NoError(t, exp.Shutdown(context.Background())) })
			time.Sleep(200 * time.Millisecond) // let the shutdown begin
			close(proceed)
			shutdown.Wait()
			if !durable {
				assert.EqualValues(t, 80, server.uploads.Load(), "the whole, a control and all parts")
				return
			}
			assert.LessOrEqual(t, server.uploads.Load(), int64(at+1))
			server.uploads.Store(at)
			exp = startTraces(t, cfg, host)
			require.Eventually(t, func() bool { return server.uploads.Load() == at+80 }, 10*time.Second, time.Millisecond)
			require.NoError(t, exp.Shutdown(context.Background()))
		})
	}
}

// Canceling the context of a request interrupts its split, and is not reported as a
// failure of APM.
func TestCancelEndsSplit(t *testing.T) {
	for _, at := range []int64{1, 2, 30} {
		t.Run(strconv.FormatInt(at, 10), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			server := newSplitServer(t, at, cancel)
			core, logs := observer.New(zap.DebugLevel)
			base := startBaseExporter(t, plainConfig(server.url), zap.New(core))
			err := base.push(ctx, newTestRequest(t, traces(40)))
			require.ErrorIs(t, err, context.Canceled)
			assert.LessOrEqual(t, server.uploads.Load(), at+1)
			assert.Empty(t, base.report.health.problem)
			assert.Empty(t, logs.FilterMessage(uploadFailed).All())
		})
	}
}

// A shutdown cancels the upload of the startup check, and waits for the check.
func TestShutdownWaitsForStartupCheck(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.ReadAll(req.Body)
		close(asked)
		<-req.Context().Done()
	}))
	defer server.Close()
	cfg := directConfig(server.URL)
	cfg.StartupCheck = true
	base, err := newBaseExporter(cfg, nopSettings(zap.NewNop()), tracesSignal(), &discovery.Shared{})
	require.NoError(t, err)
	require.NoError(t, base.start(t.Context(), componenttest.NewNopHost()))
	<-asked
	var ended atomic.Bool
	stopCheck := base.stopCheck
	base.stopCheck = func() {
		go func() {
			time.Sleep(50 * time.Millisecond) // the check is slow to return
			ended.Store(true)
			stopCheck()
		}()
	}
	require.NoError(t, base.shutdown(context.Background()))
	assert.True(t, ended.Load(), "the shutdown did not wait")
}

// The time limit of an upload is the configured one, not exporterhelper's five seconds.
func TestTimeoutIsTheConfigured(t *testing.T) {
	deadlines := make(chan bool, 1)
	cfg := directConfig("http://127.0.0.1:1")
	base, err := newBaseExporter(cfg, nopSettings(zap.NewNop()), tracesSignal(), &discovery.Shared{})
	require.NoError(t, err)
	base.resolver = resolverFunc(func(ctx context.Context) error {
		_, has := ctx.Deadline()
		deadlines <- has
		return discovery.ErrUndiscovered
	})
	exp, err := newTracesExporter(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg, base)
	require.NoError(t, err)
	start(t, exp)
	require.Error(t, exp.ConsumeTraces(context.Background(), traces(1)))
	assert.False(t, <-deadlines, "exporterhelper has set a deadline")
}

// resolverFunc is a resolver whose Resolve is a function.
type resolverFunc func(ctx context.Context) error

func (resolverFunc) Start(component.Host)            {}
func (resolverFunc) Shutdown()                       {}
func (resolverFunc) WaitReady(context.Context) error { return nil }

func (f resolverFunc) Resolve(ctx context.Context) (endpoint.URLs, string, error) {
	return endpoint.URLs{}, "", f(ctx)
}
func (resolverFunc) OnRejectedKey(context.Context, string) (string, error) { return "", nil }
