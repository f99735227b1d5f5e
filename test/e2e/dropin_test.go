// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// atDebug logs everything that a collector can log, spans included.
const atDebug = `
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {logs: {level: debug, sampling: }, traces: {processors: [{simple: {exporter: {console: {}}}}]}}
  pipelines: {traces: {exporters: [oci_apm, debug]}}`

// send posts a body and returns the response's status, type and body.
func send(t *testing.T, url, authorization, contentType string, body []byte) (code int, answerType, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(content)
}

// An app that uploads to an APM domain can upload to each configuration of the collector
// after only its endpoint is changed. Its key must appear nowhere.
func TestAPMPaths(t *testing.T) {
	for _, shape := range []string{"agent", "sidecar", "gateway"} {
		t.Run(shape, func(t *testing.T) {
			sandbox := harness.StartSandbox(t)
			collector := harness.StartCollector(t, harness.CollectorOptions{
				Config: shape + ".yaml", Endpoint: sandbox.URL, DataKey: "the-collectors-own", Overrides: atDebug,
			})
			sandbox.SetPrivateKey(t, "the-collectors-own")
			_, _, usual := send(t, "http://"+collector.HTTP+"/v1/traces", "", "application/x-protobuf", nil)
			spans := 0
			for _, kind := range []string{"", "private/", "public/"} {
				for _, end := range []string{"", "/"} {
					spans++
					body, err := ptraceotlp.NewExportRequestFromTraces(databaseSpan(byte(spans))).MarshalProto()
					require.NoError(t, err)
					url := "http://" + collector.HTTP + "/20200101/opentelemetry/" + kind + "v1/traces" + end
					code, answerType, answer := send(t, url, "dataKey "+harness.PrivateKey, "application/x-protobuf", body)
					assert.Equal(t, http.StatusOK, code, url)
					assert.Equal(t, "application/x-protobuf", answerType)
					assert.Equal(t, usual, answer)
				}
			}
			sandbox.AwaitSpans(t, spans)
			for _, span := range sandbox.Spans(t) {
				assert.Equal(t, "postgresql:orders", span.Attributes["peer.service"])
			}

			metrics, err := pmetricotlp.NewExportRequest().MarshalJSON()
			require.NoError(t, err)
			logs, err := plogotlp.NewExportRequest().MarshalJSON()
			require.NoError(t, err)
			for path, body := range map[string][]byte{"v1/metrics": metrics, "private/v1/metrics/": metrics, "v1/logs": logs, "private/v1/logs": logs} {
				code, _, answer := send(t, "http://"+collector.HTTP+"/20200101/opentelemetry/"+path, "", "application/json", body)
				assert.Equal(t, http.StatusOK, code, path)
				assert.JSONEq(t, `{"partialSuccess":{}}`, answer)
			}

			code, _, answer := send(t, "http://"+collector.HTTP+"/20200101/opentelemetry/v1/traces", "", "application/x-protobuf", nestedArrays(65))
			assert.Equal(t, http.StatusBadRequest, code, "otlp_guard knows the signal: %s", answer)
			code, _, _ = send(t, "http://"+collector.HTTP+"/20200101/opentelemetry/v1/unknown", "", "application/json", []byte("{}"))
			assert.Equal(t, http.StatusNotFound, code)

			require.Zero(t, collector.Stop(t))
			requireClean(t, "the log", collector.Output())
		})
	}
}

func TestRecipeAPMZipkin(t *testing.T) {
	address := harness.FreeAddress(t)
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: "the-collectors-own",
		Overrides: recipe(t, "apm-zipkin", "overlay", "localhost:9411", address) + "  " + "telemetry: {logs: {level: debug, sampling: }}\n",
	})
	sandbox.SetPrivateKey(t, "the-collectors-own")
	const span = `[{"traceId":"5b8efff798038103","id":"%s","kind":"CLIENT","name":"query","timestamp":1700000000000000,"duration":1000,` +
		`"localEndpoint":{"serviceName":"shop"},"remoteEndpoint":{"serviceName":"orders-db","ipv4":"192.0.2.7","port":1521}}]`
	for id, kind := range map[string]string{"eee19b7ec3c1b174": "public", "eee19b7ec3c1b175": "private"} {
		url := "http://" + address + "/20200101/observations/" + kind + "-span?dataFormat=zipkin&dataFormatVersion=2&dataKey=" + harness.PublicKey
		code, _, answer := send(t, url, "", "application/json", fmt.Appendf(nil, span, id))
		assert.Equal(t, http.StatusAccepted, code, answer)
	}
	sandbox.AwaitSpans(t, 2)
	for _, got := range sandbox.Spans(t) {
		assert.Equal(t, "00000000000000005b8efff798038103", got.TraceID)
		assert.Equal(t, "orders-db", got.Attributes["peer.service"])
	}

	url := "http://" + address + "/20200101/observations/public-span?dataFormat=apm&dataFormatVersion=1&dataKey=" + harness.PublicKey
	code, _, answer := send(t, url, "", "application/json", []byte("{}"))
	assert.Equal(t, http.StatusUnsupportedMediaType, code)
	assert.Contains(t, answer, "let them upload to the APM domain directly")

	requireClean(t, "the metrics", page(t, "http://"+collector.Metrics+"/metrics"))
	require.Zero(t, collector.Stop(t))
	requireClean(t, "the log", collector.Output())
}

func TestGatewayInsistsOnADataKey(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "keys"), []byte(harness.PublicKey+"\n"), 0o600))
	sandbox := harness.StartSandbox(t)
	gateway := harness.StartCollector(t, harness.CollectorOptions{
		Config: "gateway.yaml", Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: recipe(t, "secured-gateway", "data-key", "/etc/otelcol-ociapm", folder),
	})
	body, err := ptraceotlp.NewExportRequestFromTraces(databaseSpan(1)).MarshalProto()
	require.NoError(t, err)
	for authorization, want := range map[string]int{
		"":                             http.StatusUnauthorized,
		"dataKey another":              http.StatusUnauthorized,
		"Bearer " + harness.PublicKey:  http.StatusUnauthorized,
		"dataKey " + harness.PublicKey: http.StatusOK,
	} {
		for _, path := range []string{"/v1/traces", "/20200101/opentelemetry/v1/traces"} {
			code, _, answer := send(t, "http://"+gateway.HTTP+path, authorization, "application/x-protobuf", body)
			assert.Equal(t, want, code, "%s", path)
			assert.NotContains(t, answer, harness.PublicKey)
		}
	}
	sandbox.AwaitSpans(t, 1)
}
