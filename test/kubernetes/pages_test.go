// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// renderFiles writes the configuration that the chart renders for a workload into a new
// folder, with the given files as its credentials.
func renderFiles(t *testing.T, values, component string, credentials map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range credentials {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data_key"), []byte(harness.PrivateKey), 0o600))
	data := named(renderChart(t, values), "ConfigMap", "x-otelcol-ociapm-"+component)["data"].(object)
	paths := strings.NewReplacer("/var/run/secrets/otelcol-ociapm-credentials", dir, "/var/run/secrets/otelcol-ociapm", dir, "/var/lib/otelcol-ociapm", dir)
	for name, content := range data {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(paths.Replace(content.(string))), 0o600))
	}
	return dir
}

// startGateway starts the collector of a gateway as the chart configures it.
func startGateway(t *testing.T, sandbox *harness.Sandbox, values string, credentials map[string]string) *harness.Collector {
	t.Helper()
	dir := renderFiles(t, values, "gateway", credentials)
	return harness.StartCollector(t, harness.CollectorOptions{
		Config: filepath.Join(dir, "collector.yaml"), Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Arguments: []string{"--config", filepath.Join(dir, "exporter.yaml"), "--config", filepath.Join(dir, "chart.yaml")},
	})
}

// A token is checked before the body of a request is read over HTTP, and after decoding
// over gRPC, as the page says.
func TestAppsWithToken(t *testing.T) {
	certificate := issue(t, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}, nil)
	files := keyPair(t, certificate)
	files["token"] = "first # of team a\nsecond\n"
	collector := startGateway(t, harness.StartSandbox(t), harness.PageBlocks(t, "docs/security.md", "apps with a token", "yaml")[0], files)
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate.Leaf)
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}

	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	send := func(authorization, body string) int {
		resp := roundTrip(t, transport, http.MethodPost, "https://"+collector.HTTP+"/v1/traces", body, map[string]string{"Authorization": authorization})
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusOK, send("Bearer first", "{}"))
	assert.Equal(t, http.StatusOK, send("Bearer second", "{}"))
	assert.Equal(t, http.StatusBadRequest, send("Bearer second", "not JSON"))
	for _, authorization := range []string{"", "first", "Bearer third", "dataKey first"} {
		assert.Equal(t, http.StatusUnauthorized, send(authorization, "not JSON"), authorization)
	}

	conn, err := grpc.NewClient(collector.GRPC, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	call := func(authorization, message string) codes.Code {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", authorization)
		err := conn.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", []byte(message), new([]byte), grpc.ForceCodec(rawCodec{}))
		return status.Code(err)
	}
	assert.Equal(t, codes.OK, call("Bearer second", ""))
	assert.Equal(t, codes.Unauthenticated, call("Bearer third", ""))
	malformed := call("Bearer third", "\xff\xff")
	assert.NotEqual(t, codes.OK, malformed)
	assert.NotEqual(t, codes.Unauthenticated, malformed, "it is decoded first")
}

// rawCodec sends messages as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal([]byte, any) error   { return nil }
func (rawCodec) Name() string                  { return "proto" }

// A browser asks whether the page's origin may send, and the page sends the public key.
func TestBrowsers(t *testing.T) {
	collector := startGateway(t, harness.StartSandbox(t), harness.PageBlocks(t, "docs/security.md", "browsers", "yaml")[0], map[string]string{"public_data_key": "PUBLICKEY"})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	url := "http://" + collector.HTTP + "/v1/traces"
	const origin = "https://shop.example.com"

	preflight := map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
	resp := roundTrip(t, transport, http.MethodOptions, url, "", preflight)
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	assert.Equal(t, origin, resp.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "authorization,content-type", resp.Header.Get("Access-Control-Allow-Headers"))
	preflight["Origin"] = "https://other.example.com"
	assert.Empty(t, roundTrip(t, transport, http.MethodOptions, url, "", preflight).Header.Get("Access-Control-Allow-Origin"))

	resp = roundTrip(t, transport, http.MethodPost, url, "{}", map[string]string{"Origin": origin, "Authorization": "dataKey PUBLICKEY"})
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, origin, resp.Header.Get("Access-Control-Allow-Origin"))
	for _, authorization := range []string{"", "dataKey OTHER", "Bearer PUBLICKEY"} {
		resp = roundTrip(t, transport, http.MethodPost, url, "{}", map[string]string{"Origin": origin, "Authorization": authorization})
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, authorization)
	}
	// APM's own path for public keys is the same.
	resp = roundTrip(t, transport, http.MethodPost, "http://"+collector.HTTP+"/20200101/opentelemetry/public/v1/traces", "{}", map[string]string{"Authorization": "dataKey PUBLICKEY"})
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

// roundTrip sends a request with JSON and returns the response without its body.
func roundTrip(t *testing.T, transport http.RoundTripper, method, url, body string, headers map[string]string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	client := http.Client{Transport: transport, Timeout: time.Minute}
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}
