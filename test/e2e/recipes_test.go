// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// recipe returns a YAML block of a page in docs/recipes after replacements, given as
// pairs of old and new text. Each old text must occur.
func recipe(t *testing.T, page, block string, replace ...string) string {
	t.Helper()
	blocks := harness.PageBlocks(t, "docs/recipes/"+page+".md", block, "yaml")
	require.Len(t, blocks, 1)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, blocks[0], replace[i])
	}
	return strings.NewReplacer(replace...).Replace(blocks[0])
}

// cook starts a sandbox, and the agent with a recipe.
func cook(t *testing.T, overlay string) (*harness.Sandbox, *harness.Collector) {
	t.Helper()
	sandbox := harness.StartSandbox(t)
	return sandbox, harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Overrides: overlay,
	})
}

// awaitMetric waits until a metric has arrived, and returns its newest upload.
func awaitMetric(t *testing.T, sandbox *harness.Sandbox, name string) apm.Metric {
	t.Helper()
	var found apm.Metric
	require.Eventually(t, func() bool {
		for _, metric := range sandbox.Metrics(t) {
			if metric.Name == name {
				found = metric
				return true
			}
		}
		return false
	}, awaitTimeout, pollInterval, "metric %s", name)
	return found
}

// Every recipe page is started by a test here.
func TestRecipesAreTested(t *testing.T) {
	var source []byte
	for _, name := range []string{"recipes_test.go", "recipes_gateway_test.go", "dropin_test.go"} {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), "test", "e2e", name))
		require.NoError(t, err)
		source = append(source, content...)
	}
	pages, err := filepath.Glob(filepath.Join(harness.Root(t), "docs", "recipes", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	index, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "recipes", "README.md"))
	require.NoError(t, err)
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name == "README" {
			continue
		}
		assert.Contains(t, string(source), `recipe(t, "`+name+`"`)
		assert.Contains(t, string(index), "("+name+".md)")
	}
}

func TestRecipeHostMetrics(t *testing.T) {
	sandbox, collector := cook(t, recipe(t, "host-metrics", "overlay", "60s", "1s"))
	memory := awaitMetric(t, sandbox, "system.memory.usage")
	assert.NotEmpty(t, memory.DataPoints)
	assert.NotEmpty(t, memory.Resource["host.name"])
	for _, name := range []string{"system.cpu.time", "system.cpu.load_average.1m", "system.network.io"} {
		awaitMetric(t, sandbox, name)
	}
	assert.Regexp(t, `accepted_metric_points\S*host_metrics\S* [1-9]`, page(t, "http://"+collector.Metrics+"/metrics"))
}

func TestRecipeLogFiles(t *testing.T) {
	logs, offsets := t.TempDir(), filepath.Join(t.TempDir(), "offsets")
	file := filepath.Join(logs, "app.log")
	require.NoError(t, os.WriteFile(file, []byte("2026-11-27T12:00:00Z ERROR payment refused\nno form\n"), 0o600))
	sandbox, collector := cook(t, recipe(t, "log-files", "overlay", "/var/log/shop", logs, "/var/lib/otelcol-ociapm/offsets", offsets))

	records := awaitLogs(t, sandbox, 2)
	assert.Equal(t, "payment refused", records[0].Body)
	assert.Equal(t, int32(17), records[0].SeverityNumber)
	assert.Equal(t, "2026-11-27T12:00:00Z", records[0].Time.UTC().Format("2006-01-02T15:04:05Z07:00"))
	assert.Equal(t, "shop", records[0].Service)
	assert.Equal(t, map[string]any{"log.file.name": "app.log"}, records[0].Attributes)
	assert.Equal(t, "no form", records[1].Body)
	assert.Zero(t, records[1].SeverityNumber)

	// After a restart it continues at the same position.
	require.Zero(t, collector.Stop(t))
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("2026-11-27T12:00:01Z INFO open again\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	collector.Restart(t)
	assert.Equal(t, "open again", awaitLogs(t, sandbox, 3)[2].Body)
	assert.Len(t, sandbox.Logs(t), 3)
}

// awaitLogs waits for n log records and returns them, the oldest file line first.
func awaitLogs(t *testing.T, sandbox *harness.Sandbox, n int) []apm.LogRecord {
	t.Helper()
	require.Eventually(t, func() bool { return sandbox.Counts(t).Logs.Records >= n }, awaitTimeout, pollInterval)
	records := sandbox.Logs(t) // the newest first
	slices.Reverse(records)
	return records
}

func TestRecipePrometheus(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, "# TYPE orders_total counter\norders_total{shop=\"north\"} 7\n")
	}))
	t.Cleanup(app.Close)
	sandbox, _ := cook(t, recipe(t, "prometheus", "overlay", "60s", "1s", "localhost:9100", strings.TrimPrefix(app.URL, "http://")))
	orders := awaitMetric(t, sandbox, "orders_total")
	assert.Equal(t, "shop", orders.Service)
	require.Len(t, orders.DataPoints, 1)
	assert.Equal(t, "north", orders.DataPoints[0].Attributes["shop"])
	assert.InDelta(t, 7, orders.DataPoints[0].Value, 0)
	awaitMetric(t, sandbox, "up")
}

func TestRecipeSpanMetrics(t *testing.T) {
	overlay := filepath.Join(t.TempDir(), "overlay.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(recipe(t, "span-metrics", "overlay", "5m", "1s", "http.route", "db.namespace")), 0o600))
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Arguments: []string{"--config", harness.ConfigFile(t, "red-metrics.yaml"), "--config", overlay},
	})
	td := databaseSpan(1)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(span)
	span.SetSpanID(pcommon.SpanID{1})
	span.SetKind(ptrace.SpanKindServer)
	span.SetName("GET /rooms")
	newOTLPClient(t, collector.GRPC).send(t, td)
	sandbox.AwaitSpans(t, 2)

	calls := awaitCalls(t, sandbox, "database.calls").Attributes
	assert.NotEmpty(t, calls["collector.instance.id"])
	delete(calls, "collector.instance.id")
	assert.Equal(t, map[string]any{
		"service.name": "shop", "peer.service": "postgresql:orders", "db.system": "postgresql", "db.operation": "SELECT",
		"span.kind": "SPAN_KIND_CLIENT", "status.code": "STATUS_CODE_UNSET",
	}, calls)
	calls = awaitCalls(t, sandbox, "service.calls").Attributes
	assert.Equal(t, "GET /rooms", calls["span.name"])
	assert.Equal(t, "orders", calls["db.namespace"])
	for _, name := range []string{"database.duration", "service.duration"} {
		assert.Equal(t, "Histogram", awaitMetric(t, sandbox, name).Type)
	}
}

func TestRecipeRepeatedStatements(t *testing.T) {
	sandbox, collector := cook(t, recipe(t, "repeated-statements", "overlay"))
	td := databaseSpan(1)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(0).SetParentSpanID(pcommon.SpanID{1})
	for i := range byte(9) {
		span := spans.AppendEmpty()
		spans.At(0).CopyTo(span)
		span.SetSpanID(pcommon.SpanID{2, i})
	}
	newOTLPClient(t, collector.GRPC).send(t, td)
	sandbox.AwaitSpans(t, 2)
	require.Zero(t, collector.Stop(t))
	var counts []any
	for _, span := range sandbox.Spans(t) {
		counts = append(counts, span.Attributes["aggregation.span_count"])
	}
	assert.ElementsMatch(t, []any{nil, float64(9)}, counts)
}

// awaitCalls waits for a metric with one series that counted one call. A series begins at 0.
func awaitCalls(t *testing.T, sandbox *harness.Sandbox, name string) apm.DataPoint {
	t.Helper()
	var point apm.DataPoint
	require.Eventually(t, func() bool {
		for _, metric := range sandbox.Metrics(t) {
			if metric.Name == name && len(metric.DataPoints) == 1 && fmt.Sprint(metric.DataPoints[0].Value) == "1" {
				point = metric.DataPoints[0]
				return true
			}
		}
		return false
	}, awaitTimeout, pollInterval)
	return point
}

func TestRecipeSampling(t *testing.T) {
	sandbox, collector := cook(t, recipe(t, "sampling", "overlay"))
	client := newOTLPClient(t, collector.GRPC)
	td := ptrace.NewTraces()
	random := rand.NewChaCha8([32]byte{}) // the same IDs in each run
	for range 400 {
		var id pcommon.TraceID
		_, err := random.Read(id[:])
		require.NoError(t, err)
		resource := td.ResourceSpans().AppendEmpty()
		databaseSpan(1).ResourceSpans().At(0).MoveTo(resource)
		resource.ScopeSpans().At(0).Spans().At(0).SetTraceID(id)
	}
	client.send(t, td)
	require.Zero(t, collector.Stop(t)) // all sampled traces have been sent
	kept := sandbox.Counts(t).Spans.Stored
	assert.Greater(t, kept, 60)
	assert.Less(t, kept, 140)
}

func TestRecipeChangeAndDrop(t *testing.T) {
	sandbox, collector := cook(t, recipe(t, "change-and-drop", "overlay"))
	client := newOTLPClient(t, collector.GRPC)
	probe := databaseSpan(1)
	probe.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("url.path", "/healthz")
	client.send(t, probe)
	order := databaseSpan(2)
	order.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("http.request.header.authorization", "secret")
	client.send(t, order)
	sandbox.AwaitSpans(t, 1)
	logs := "curl -s " + collector.HTTP + `/v1/logs -H 'Content-Type: application/json' -d '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}'` + "\n"
	assert.JSONEq(t, `{"partialSuccess":{}}`, curl(t, logs))
	assert.Regexp(t, `otelcol_processor_filter_spans_filtered\S* 1\b`, page(t, "http://"+collector.Metrics+"/metrics"))

	require.Zero(t, collector.Stop(t))
	spans := sandbox.Spans(t)
	require.Len(t, spans, 1)
	assert.NotContains(t, spans[0].Attributes, "http.request.header.authorization")
	assert.Equal(t, "production", spans[0].Resource["deployment.environment.name"])
	assert.Zero(t, sandbox.Counts(t).Logs.Records)
}

func TestRecipeDiagnosis(t *testing.T) {
	zpages, pprof := harness.FreeAddress(t), harness.FreeAddress(t)
	sandbox, collector := cook(t, recipe(t, "diagnosis", "overlay", "localhost:55679", zpages, "localhost:1777", pprof))
	newOTLPClient(t, collector.GRPC).send(t, databaseSpan(1))
	sandbox.AwaitSpans(t, 1)
	collector.AwaitOutput(t, `peer\.service: Str\(postgresql:orders\)`)
	assert.Contains(t, page(t, "http://"+zpages+"/debug/pipelinez"), "oci_apm")
	heap := page(t, "http://"+pprof+"/debug/pprof/heap")
	assert.True(t, strings.HasPrefix(heap, "\x1f\x8b"), "a profile is gzip")
	requireClean(t, "the collector's output", collector.Output())
}
