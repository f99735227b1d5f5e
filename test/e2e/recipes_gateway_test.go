// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

var sentToSecond = regexp.MustCompile(`otelcol_exporter_sent_spans.*otlp_http/second.* 1\n`)

func TestRecipeSecondBackend(t *testing.T) {
	got := make(chan []byte, 10)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		assert.Equal(t, "/v1/traces", req.URL.Path)
		assert.Empty(t, req.Header.Get("Authorization"), "the data key is for OCI APM only")
		body, err := io.ReadAll(req.Body)
		assert.NoError(t, err)
		got <- upload{header: req.Header, body: body}.decompressed(t)
	}))
	t.Cleanup(backend.Close)
	sandbox, collector := cook(t, recipe(t, "second-backend", "overlay", "http://localhost:14318", backend.URL))
	newOTLPClient(t, collector.GRPC).send(t, databaseSpan(1))
	sandbox.AwaitSpans(t, 1)
	select {
	case body := <-got:
		request := ptraceotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(body))
		assert.Equal(t, 1, request.Traces().SpanCount())
	case <-time.After(awaitTimeout):
		require.Fail(t, "the second backend got nothing")
	}
	require.Eventually(t, func() bool {
		return sentToSecond.MatchString(page(t, "http://"+collector.Metrics+"/metrics"))
	}, awaitTimeout, pollInterval)
}

// The gateway accepts clients with a password or a token, and an agent with a token
// delivers through it.
func TestRecipeSecuredGateway(t *testing.T) {
	folder := t.TempDir()
	certificate := certificateFiles(t, folder)
	for name, content := range map[string]string{
		"tokens": "token-of-the-agent\n", "token": "token-of-the-agent\n",
		"htpasswd": "shop:$2a$05$Q99bHAj8JIPwutI0T5jVme01um4058ainvOk9C.m/uYYTaV/Vecre\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	sandbox := harness.StartSandbox(t)
	gateway := harness.StartCollector(t, harness.CollectorOptions{
		Config: "gateway.yaml", Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: recipe(t, "secured-gateway", "overlay", "/etc/otelcol-ociapm", folder),
	})

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: certificate}}}
	t.Cleanup(client.CloseIdleConnections)
	for password, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "secret": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+gateway.HTTP+"/v1/traces", strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		if password != "" {
			req.SetBasicAuth("shop", password)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode, "password %q", password)
	}

	conn, err := grpc.NewClient(gateway.GRPC, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(certificate, "")))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), awaitTimeout)
	defer cancel()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(databaseSpan(1)))
	assert.Equal(t, codes.Unauthenticated, status.Code(err), "%v", err)

	agent := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: recipe(t, "secured-gateway", "sender", "gateway:4317", gateway.GRPC, "/etc/otelcol-ociapm", folder),
	})
	newOTLPClient(t, agent.GRPC).send(t, databaseSpan(2))
	sandbox.AwaitSpans(t, 1)
	assert.Equal(t, "0000000000000002", sandbox.Spans(t)[0].SpanID)
}

// certificateFiles writes httptest's self-signed certificate for 127.0.0.1 and returns a
// pool that trusts it.
func certificateFiles(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, content := range map[string][]byte{
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), "tls.crt": certificate, "ca.crt": certificate,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pool
}

// Zipkin's JSON, and Jaeger's Thrift over HTTP, as old tracers send them.
func TestRecipeLegacyTracers(t *testing.T) {
	zipkin, jaeger := harness.FreeAddress(t), harness.FreeAddress(t)
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, socket.Close())
	sandbox, _ := cook(t, recipe(t, "legacy-tracers", "overlay",
		"localhost:9411", zipkin, "localhost:14268", jaeger, "localhost:6831", socket.LocalAddr().String()))

	now := time.Now().UnixMicro()
	curl(t, "curl -s "+zipkin+`/api/v2/spans -H 'Content-Type: application/json' -d '[{"traceId":"5b8efff798038103","id":"0000000000000001","name":"select","kind":"CLIENT","timestamp":`+
		strconv.FormatInt(now, 10)+`,"duration":1000,"localEndpoint":{"serviceName":"zipkin-app"},"tags":{"db.system":"postgresql","db.name":"orders","db.statement":"SELECT 1"}}]'`+"\n")

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+jaeger+"/api/traces", bytes.NewReader(jaegerBatch("jaeger-app", "checkout", now)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-thrift")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusAccepted, resp.StatusCode)

	sandbox.AwaitSpans(t, 2)
	names := map[string]string{}
	for _, span := range sandbox.Spans(t) {
		names[span.Service] = span.Name
		if span.Service == "zipkin-app" {
			assert.Equal(t, "postgresql:orders", span.Attributes["peer.service"])
		}
	}
	assert.Equal(t, map[string]string{"zipkin-app": "select", "jaeger-app": "checkout"}, names)
}

// jaegerBatch returns a batch of one span in Thrift's binary protocol:
// https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/jaeger.thrift
func jaegerBatch(service, operation string, micros int64) []byte {
	const stop, i32, i64, text, structure, list = 0, 8, 10, 11, 12, 15
	var b []byte
	field := func(kind byte, id uint16) { b = binary.BigEndian.AppendUint16(append(b, kind), id) }
	str := func(id uint16, s string) {
		field(text, id)
		b, _ = binary.Append(b, binary.BigEndian, []int32{int32(len(s))}) //nolint:gosec // a few letters
		b = append(b, s...)
	}
	number := func(id uint16, n int64) {
		field(i64, id)
		b, _ = binary.Append(b, binary.BigEndian, n) // fails only for types without a fixed size
	}
	field(structure, 1) // process
	str(1, service)
	b = append(b, stop)
	field(list, 2) // spans
	b = binary.BigEndian.AppendUint32(append(b, structure), 1)
	number(1, 7) // trace ID, its low half, then its high one
	number(2, 0)
	number(3, 9) // span ID
	number(4, 0)
	str(5, operation)
	field(i32, 7) // flags: sampled
	b = binary.BigEndian.AppendUint32(b, 1)
	number(8, micros)
	number(9, 1000)
	return append(b, stop, stop)
}

// A configuration is fetched over https from a server whose certificate the machine
// trusts.
func TestRecipeCentralConfiguration(t *testing.T) {
	overlay := recipe(t, "central-configuration", "overlay")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, overlay) }))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	certificateFiles(t, folder)
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Environment: []string{"SSL_CERT_FILE=" + filepath.Join(folder, "ca.crt")},
		Arguments:   []string{"--config", server.URL + "/overlay.yaml"},
	})
	newOTLPClient(t, collector.GRPC).send(t, databaseSpan(1))
	sandbox.AwaitSpans(t, 1)
	assert.Equal(t, "production", sandbox.Spans(t)[0].Resource["deployment.environment.name"])
}
