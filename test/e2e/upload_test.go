// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const tracesPath = "/20200101/opentelemetry/v1/traces"

// The upload of spans on the wire, for each ready configuration and each type of data
// key.
func TestTracesUpload(t *testing.T) {
	tests := []struct {
		name     string
		config   string
		override string
		endpoint string // appended to the sandbox's address
		key      string
		wantPath string
		wantKind string
	}{
		{name: "agent", config: "agent.yaml", key: harness.PrivateKey, wantPath: tracesPath, wantKind: "private"},
		{name: "sidecar", config: "sidecar.yaml", key: harness.PrivateKey, wantPath: tracesPath, wantKind: "private"},
		{name: "gateway", config: "gateway.yaml", key: harness.PrivateKey, wantPath: tracesPath, wantKind: "private"},
		{
			name: "private", config: "agent.yaml", override: "exporters: {oci_apm: {data_key_type: private}}",
			key: harness.PrivateKey, wantPath: "/20200101/opentelemetry/private/v1/traces", wantKind: "private",
		},
		{
			// A public key uploads traces only.
			name: "public", config: "agent.yaml", override: `
exporters: {oci_apm: {data_key_type: public}, nop: {}}
service: {pipelines: {metrics: {exporters: [nop]}, logs: {exporters: [nop]}}}`,
			key: harness.PublicKey, wantPath: "/20200101/opentelemetry/public/v1/traces", wantKind: "public",
		},
		{
			name: "pasted upload URL", config: "agent.yaml", endpoint: tracesPath + "/",
			key: harness.PrivateKey, wantPath: tracesPath, wantKind: "private",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sandbox := harness.StartSandbox(t)
			tap := tapWire(t, sandbox)
			collector := harness.StartCollector(t, harness.CollectorOptions{
				Config: tt.config, Overrides: tt.override, Endpoint: tap.URL + tt.endpoint, DataKey: tt.key,
			})
			newOTLPClient(t, collector.GRPC).send(t, databaseSpan(1))
			sandbox.AwaitSpans(t, 1)

			taken := tap.taken(t, tt.wantPath)
			require.Len(t, taken, 1)
			request := taken[0]
			assert.Equal(t, "POST", request.method)
			assert.Equal(t, []string{"dataKey " + tt.key}, request.header["Authorization"])
			assert.Equal(t, "application/x-protobuf", request.header.Get("Content-Type"))
			assert.Equal(t, "otelcol-ociapm/0.1.0 ("+runtime.GOOS+"/"+runtime.GOARCH+")", request.header.Get("User-Agent"))
			assert.True(t, bytes.HasPrefix(request.body, []byte{0x1f, 0x8b}), "the body is gzip")

			body := ptraceotlp.NewExportRequest()
			require.NoError(t, body.UnmarshalProto(request.decompressed(t)))
			assert.Equal(t, 1, body.Traces().SpanCount())

			span := sandbox.Spans(t)[0]
			assert.Equal(t, "shop", span.Service)
			assert.Equal(t, "postgresql", span.Attributes["db.system"])
			assert.Equal(t, "SELECT id FROM orders WHERE customer = $1", span.Attributes["db.statement"])
			assert.Equal(t, "SELECT", span.Attributes["db.operation"])
			assert.Equal(t, "postgresql:orders", span.Attributes["peer.service"])
			assert.Equal(t, tt.wantKind, string(sandbox.Uploads(t)[0].Key))
			requireClean(t, "the collector's output", collector.Output())
		})
	}
}

func TestMetricsAndLogsUpload(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	tap := tapWire(t, sandbox)
	collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: tap.URL, DataKey: harness.PrivateKey})
	client := newOTLPClient(t, collector.GRPC)

	md := pmetric.NewMetrics()
	metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("orders")
	metric.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(7)
	_, err := client.metrics.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	require.NoError(t, err)

	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("order placed")
	_, err = client.logs.Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
	require.NoError(t, err)

	require.Eventually(t, func() bool {
		counts := sandbox.Counts(t)
		return counts.Metrics.DataPoints == 1 && counts.Logs.Records == 1
	}, awaitTimeout, pollInterval)

	for _, path := range []string{"/20200101/opentelemetry/v1/metrics", "/20200101/opentelemetry/v1/logs"} {
		taken := tap.taken(t, path)
		require.Len(t, taken, 1, path)
		assert.Equal(t, []string{"dataKey " + harness.PrivateKey}, taken[0].header["Authorization"])
		assert.Equal(t, "application/x-protobuf", taken[0].header.Get("Content-Type"))
		assert.NotEmpty(t, taken[0].decompressed(t))
	}
}

// Traces of a real Apache httpd arrive complete and unchanged except for resource
// attributes, and none of them is treated as a database call.
func TestApacheHTTPD(t *testing.T) {
	for _, name := range []string{"propagating.jsonl", "defaults.jsonl"} {
		t.Run(name, func(t *testing.T) {
			sandbox := harness.StartSandbox(t)
			tap := tapWire(t, sandbox)
			collector := harness.StartCollector(t, harness.CollectorOptions{Endpoint: tap.URL, DataKey: harness.PrivateKey})
			client := newOTLPClient(t, collector.GRPC)

			sent := map[spanKey]ptrace.Span{}
			for _, request := range readRequests(t, filepath.Join("testdata", "apache-httpd", name)) {
				client.send(t, request)
				collectSpans(request, sent)
			}
			require.Len(t, sent, 66)

			sandbox.AwaitSpans(t, 66)
			counts := sandbox.Counts(t).Spans
			assert.Equal(t, 66, counts.Received)
			assert.Equal(t, 66, counts.Stored)

			arrived := tap.spans(t, tracesPath)
			require.Len(t, arrived, 66)
			for key, want := range sent {
				require.Contains(t, arrived, key)
				assert.Equal(t, marshalSpan(t, want), marshalSpan(t, arrived[key]), "span %s", key.span)
			}
			for _, span := range sandbox.Spans(t) {
				assert.NotContains(t, span.Attributes, "peer.service")
			}
		})
	}
}

// readRequests reads export requests in OTLP JSON, one per line.
func readRequests(t *testing.T, path string) []ptrace.Traces {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var requests []ptrace.Traces
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
		require.NoError(t, err)
		requests = append(requests, td)
	}
	require.NoError(t, lines.Err())
	return requests
}

func marshalSpan(t *testing.T, span ptrace.Span) string {
	t.Helper()
	td := ptrace.NewTraces()
	span.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(text)
}
