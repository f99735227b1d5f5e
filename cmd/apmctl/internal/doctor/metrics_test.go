// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

const scraped = `# HELP otelcol_receiver_accepted_spans x
otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} 40
otelcol_receiver_accepted_spans_total{receiver="otlp",transport="http"} 2
otelcol_exporter_sent_spans_total{exporter="oci_apm"} 41
otelcol_exporter_sent_spans_total{exporter="debug"} 100
otelcol_exporter_oci_apm_uploads_total{exporter="oci_apm",outcome="retry"} 3
otelcol_exporter_queue_size{exporter="oci_apm",data_type="traces"} 1e+06
otelcol_exporter_queue_capacity{exporter="oci_apm",data_type="traces"} 4e+06
otelcol_extension_queue_storage_stored_items{queue="a"} 5
up 1
`

func TestMetrics(t *testing.T) {
	m := parseMetrics(scraped)
	assert.Equal(t, int64(42), m.sum("otelcol_receiver_accepted_spans"))
	assert.Equal(t, int64(2), m.sum("otelcol_receiver_accepted_spans", `transport="http"`))
	assert.Equal(t, ok(Received, "42 spans accepted since its start, test traces included"), m.receivedFinding())
	assert.Equal(t, ok(Delivered, "41 spans uploaded since its start, the last upload at 2026-01-01T00:00:00Z"), m.deliveredFinding("oci_apm", "2026-01-01T00:00:00Z", true))
	assert.Equal(t, failed(Delivered, "41 spans uploaded since its start, 3 attempts failed", "see upload-traces"), m.deliveredFinding("oci_apm", "", false))
	assert.Equal(t, ok(QueueContent, "5 requests wait for upload (25 % of the queue)"), m.queueFinding("oci_apm", true))
	assert.Equal(t, Failed, m.queueFinding("oci_apm", false).Status)

	assert.Equal(t, Failed, metrics{}.receivedFinding().Status)
	assert.Equal(t, Skipped, metrics{}.deliveredFinding("oci_apm", "", true).Status)
	assert.Equal(t, "0 spans accepted since its start, test traces included, 3 spans and 0 requests refused",
		parseMetrics("otelcol_receiver_refused_spans_total 3\n").receivedFinding().Text)
	assert.Equal(t, Failed, parseMetrics("otelcol_extension_otlp_guard_refused_requests_total 2\n").receivedFinding().Status)
	assert.Equal(t, Failed, parseMetrics("otelcol_exporter_oci_apm_dropped_items_total{exporter=\"oci_apm\"} 3\n").deliveredFinding("oci_apm", "", true).Status)
	assert.Equal(t, Failed, parseMetrics("otelcol_receiver_accepted_spans_total 3\n").deliveredFinding("oci_apm", "", true).Status)
}

// A collector that sends to a gateway uploads nothing itself.
func TestForwarded(t *testing.T) {
	const accepted = "otelcol_receiver_accepted_spans_total 3\n"
	for text, want := range map[string]Status{
		"": Skipped,
		accepted + `otelcol_exporter_sent_spans_total{exporter="otlp"} 3`: OK,
		accepted: Failed,
		accepted + `otelcol_exporter_sent_spans_total{exporter="other"} 3`:                                                                       Failed,
		accepted + `otelcol_exporter_sent_spans_total{exporter="otlp"} 3` + "\n" + `otelcol_exporter_send_failed_spans_total{exporter="otlp"} 1`: Failed,
	} {
		assert.Equal(t, want, parseMetrics(text).forwardedFinding("otlp").Status, text)
	}
	assert.Equal(t, Skipped, parseMetrics(accepted).forwardedFinding("").Status)
}

func TestNewest(t *testing.T) {
	assert.Equal(t, "2026-02-01T00:00:00Z", newest(map[string]any{
		"a":           map[string]any{"last_upload": "2026-01-01T00:00:00Z"},
		"b":           map[string]any{"c": map[string]any{"last_upload": "2026-02-01T00:00:00Z"}},
		"last_upload": "never",
	}, "last_upload"))
	assert.Empty(t, newest("text", "last_upload"))
}

func TestMetricsAddress(t *testing.T) {
	const path = "service::telemetry::metrics::"
	for want, values := range map[string]map[string]any{
		"localhost:8888": {},
		"":               {path + "level": "none"},
		"0.0.0.0:9999": {path + "readers": []any{map[string]any{"pull": map[string]any{"exporter": map[string]any{
			"prometheus": map[string]any{"host": "0.0.0.0", "port": 9999},
		}}}}},
	} {
		s := &settings{conf: confmap.NewFromStringMap(values)}
		assert.Equal(t, want, s.metricsAddress())
	}
}

func TestAppFinding(t *testing.T) {
	conf := confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{"otlp": map[string]any{"protocols": map[string]any{
			"grpc": map[string]any{"endpoint": "localhost:4317"}, "http": map[string]any{"endpoint": "localhost:4318"},
		}}},
		"service": map[string]any{"pipelines": map[string]any{"traces": map[string]any{
			"receivers": []any{"otlp"}, "exporters": []any{"oci_apm"},
		}}},
	})
	s := &settings{conf: conf}
	s.readPipelines()
	require.Len(t, s.pipelines, 1)
	p := &patient{settings: s}
	for _, tt := range []struct{ name, target, protocol, text, advice string }{
		{endpointVariable, "http://localhost:4318", "http/protobuf", "it sends to http://localhost:4318", ""},
		{endpointVariable, "http://localhost:4317", "", "it sends to http://localhost:4317", ""},
		{endpointVariable, "http://127.0.0.1:4318/v1/traces", "", "has the path /v1/traces", "leave the path out"},
		{endpointVariable, "http://[::1]:4318", "", "it sends to http://[::1]:4318", ""},
		{endpointVariable, "http://localhost:4317", "http/json", "gRPC port", "http://localhost:4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
		{endpointVariable, "http://localhost:4318", "grpc", "HTTP port", "http://localhost:4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
		{endpointVariable, "http://localhost:9999", "", "does not listen", "http://localhost:4318"},
		{endpointVariable, "https://localhost:4318", "", "with TLS", "http instead of https"},
		{endpointVariable, "http://localhost:4318/v1/traces", "http/protobuf", "has the path /v1/traces", "leave the path out"},
		{tracesEndpointVariable, "http://localhost:4318", "http/protobuf", "has not the path /v1/traces", "unset it"},
		{endpointVariable, "localhost", "", "is not a URL", "write http://localhost:4318"},
	} {
		got := p.appFinding("it", tt.name, tt.target, tt.protocol)
		assert.Contains(t, got.Text, tt.text, tt.target)
		assert.Contains(t, got.Advice, tt.advice, tt.target)
		assert.Equal(t, tt.advice != "", got.Status == Failed, tt.target)
	}
	assert.Equal(t, OK, p.defaultTarget("it").Status)
	for protocols, want := range map[string]Status{
		"{http: {endpoint: 'localhost:4318'}}": OK, "{grpc: {endpoint: 'localhost:4317'}}": OK, "{http: {endpoint: 'localhost:5000'}}": Failed,
	} {
		other := patientOf(t, "receivers: {otlp: {protocols: "+protocols+"}}\nservice: {pipelines: {traces: {receivers: [otlp]}}}")
		assert.Equal(t, want, other.defaultTarget("it").Status, protocols)
	}
	got := p.appFinding("it", endpointVariable, "http://gateway.example.com:4318", "grpc")
	assert.Equal(t, skipped(AppExporter, "it sends to http://gateway.example.com:4318, on another machine: run apmctl doctor there"), got)

	const tlsPath = "receivers::otlp::protocols::http::tls"
	require.NoError(t, conf.Merge(confmap.NewFromStringMap(map[string]any{tlsPath: map[string]any{"cert_file": "cert.pem"}})))
	assert.Equal(t, OK, p.appFinding("it", endpointVariable, "https://localhost:4318", "").Status)
	assert.Equal(t, "write https instead of http", p.appFinding("it", endpointVariable, "http://localhost:4318", "").Advice)
	assert.Equal(t, OK, p.appFinding("it", endpointVariable, "http://localhost:4317", "").Status)
}
