// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// One log line about the empty upload on startup says whether host, path and key are
// right, and if not, what to do.
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
			want: []string{"Connected to OCI APM: endpoint and data key accepted", apm.TracesPath},
		},
		{
			name: "a page with 200", level: "warn",
			endpoint: func(t *testing.T) string {
				t.Helper()
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
					_, _ = w.Write([]byte("<html><body>Sign in to continue</body></html>"))
				}))
				t.Cleanup(server.Close)
				return server.URL
			},
			want: []string{"answered with 200 OK", `type "text/html"`, "Sign in to continue", "answers in place of OCI APM: check the endpoint and proxy_url"},
		},
		{
			name: "everything is refused", endpoint: sandboxWith(apm.Fault{Status: 400}), level: "warn",
			want: []string{"Upload to OCI APM failed, will retry", "400 Bad Request"},
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
			name: "a proxy that requires a password", endpoint: func(*testing.T) string { return "https://testing.invalid" }, level: "warn",
			change: func(cfg *Config) { cfg.ClientConfig.ProxyURL = refusingProxy(t, 407) },
			want:   []string{"the proxy 127.0.0.1:", "refuses to connect to testing.invalid:443: 407 Proxy Authentication Required", "write both in front of its host in proxy_url, or in HTTPS_PROXY"},
		},
		{
			name: "a proxy that allows nothing", endpoint: func(*testing.T) string { return "https://testing.invalid" }, level: "warn",
			change: func(cfg *Config) { cfg.ClientConfig.ProxyURL = refusingProxy(t, 403) },
			want:   []string{"refuses to connect to testing.invalid:443: 403 Forbidden", "allow testing.invalid:443 in the proxy"},
		},
		{
			name: "a proxy that fails", endpoint: func(*testing.T) string { return "https://testing.invalid" }, level: "warn",
			change: func(cfg *Config) { cfg.ClientConfig.ProxyURL = refusingProxy(t, 502) },
			want:   []string{"502 Bad Gateway", "check that it reaches testing.invalid:443"},
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
			time.Sleep(20 * time.Millisecond) // a second line must not follow
			require.Equal(t, 1, logs.Len(), logs.All())
			entry := logs.All()[0]
			assert.Equal(t, tt.level, entry.Level.String())
			said := entry.Message + fmt.Sprint(entry.ContextMap())
			for _, want := range tt.want {
				assert.Contains(t, said, want)
			}
			assert.NotContains(t, said, testKey)
			assert.NotContains(t, said, proxyPassword)
		})
	}
}

// The check delays neither the startup nor the shutdown.
func TestStartupCheckDelaysNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never responds
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

const proxyPassword = "swordfish-of-the-proxy"

// refusingProxy returns the URL of a proxy that answers CONNECT with a status.
func refusingProxy(t *testing.T, status int) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(proxy.Close)
	return strings.Replace(proxy.URL, "://", "://user:"+proxyPassword+"@", 1)
}
