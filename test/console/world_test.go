// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const webService = "apache-web-server"

// world is StayEasy behind a web server, the collector and the sandbox.
type world struct {
	sandbox   *harness.Sandbox
	collector *harness.Collector
	web       *webServer
}

// startWorld starts everything. overrides are merged over the collector's configuration.
func startWorld(t *testing.T, overrides string) *world {
	t.Helper()
	w := &world{sandbox: harness.StartSandbox(t)}
	w.collector = harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: w.sandbox.URL, DataKey: harness.PrivateKey,
		// scripts/run.sh does the same.
		Arguments: []string{"--config", filepath.Join(harness.Root(t), "scripts", "originals.yaml")},
		Overrides: overrides,
	})
	w.web = startWebServer(t, startStayEasy(t, w.collector), w.collector)
	return w
}

// startStayEasy starts the example app and returns its URL. environment is added to its
// own.
func startStayEasy(t *testing.T, collector *harness.Collector, environment ...string) string {
	t.Helper()
	folder := filepath.Join(harness.Root(t), "examples", "stayeasy")
	address := harness.FreeAddress(t)
	cmd := exec.CommandContext(t.Context(), python(t, "hypercorn"), "asgi:application", "--workers", "1", "--bind", address)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start ends it
	cmd.Dir = t.TempDir()
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "OTEL") && !strings.HasPrefix(variable, "STAYEASY") && !strings.HasPrefix(variable, "PYTHON") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+collector.HTTP, "OTEL_BSP_SCHEDULE_DELAY=200")
	cmd.Env = append(cmd.Env, environment...)
	harness.Start(t, cmd).AwaitOutput(t, `unning on http://`)
	return "http://" + address
}

// python returns the path of a program in StayEasy's Python environment.
func python(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join(harness.Root(t), ".venv", "stayeasy", "bin", program)
	_, err := os.Stat(path)
	require.NoError(t, err, "run `make test-console`, which installs it")
	return path
}

// startTraffic starts StayEasy's traffic script through the web server, and returns a
// function that waits until it exits.
func (w *world) startTraffic(t *testing.T, rounds int) (wait func()) {
	t.Helper()
	var output bytes.Buffer
	script := exec.CommandContext(t.Context(), python(t, "python"),
		filepath.Join(harness.Root(t), "examples", "stayeasy", "traffic.py"), "--base-url", w.web.url, "--rounds", strconv.Itoa(rounds), "--seed", "7")
	script.Stdout, script.Stderr = &output, &output
	require.NoError(t, script.Start())
	return func() { require.NoError(t, script.Wait(), "%s", &output) }
}

// traffic runs the script until it exits.
func (w *world) traffic(t *testing.T, rounds int) {
	t.Helper()
	w.startTraffic(t, rounds)()
}

// settle waits until the sandbox has every request's spans, from the web server and from
// the app, and returns the number of requests.
func (w *world) settle(t *testing.T) int {
	t.Helper()
	w.web.mu.Lock()
	requests := int(w.web.requests) //nolint:gosec // a few
	w.web.mu.Unlock()
	require.Eventually(t, func() bool {
		return total(t, w.sandbox, "service="+webService) == requests && total(t, w.sandbox, "service=stayeasy") == requests
	}, 2*awaitTimeout, pollInterval, "not everything arrives")
	return requests
}

// webServer is a proxy in front of StayEasy. For each request it sends the two spans
// that an Apache httpd with the OpenTelemetry module would send. They are taken from a
// capture and get the ids of the traceparent header that StayEasy receives. It also
// sends metrics and a line of an access log.
type webServer struct {
	t         *testing.T
	url       string
	collector *harness.Collector
	captured  ptrace.Traces

	mu       sync.Mutex
	requests uint64
	seconds  float64
}

func startWebServer(t *testing.T, app string, collector *harness.Collector) *webServer {
	t.Helper()
	capture, err := os.ReadFile(filepath.Join(harness.Root(t), "internal", "sandbox", "apm", "testdata", "apache-httpd.json"))
	require.NoError(t, err)
	request := ptraceotlp.NewExportRequest()
	require.NoError(t, request.UnmarshalJSON(capture))
	w := &webServer{t: t, collector: collector, captured: request.Traces()}
	target, err := url.Parse(app)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var trace pcommon.TraceID
		var serverSpan, clientSpan pcommon.SpanID
		_, _ = rand.Read(trace[:]) // never fails
		_, _ = rand.Read(serverSpan[:])
		_, _ = rand.Read(clientSpan[:])
		r.Header.Set("traceparent", fmt.Sprintf("00-%s-%s-01", hex.EncodeToString(trace[:]), hex.EncodeToString(clientSpan[:])))
		recorder := &statusRecorder{ResponseWriter: rw, status: http.StatusOK}
		start := time.Now()
		proxy.ServeHTTP(recorder, r)
		w.report(r, trace, serverSpan, clientSpan, start, time.Now(), recorder.status) //nolint:contextcheck // it is not part of the request
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// report sends the telemetry of one request.
func (w *webServer) report(r *http.Request, trace pcommon.TraceID, serverSpan, clientSpan pcommon.SpanID, start, end time.Time, status int) {
	td := ptrace.NewTraces()
	w.captured.CopyTo(td)
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.SetTraceID(trace)
		margin := time.Duration(0)
		if span.Kind() == ptrace.SpanKindServer {
			span.SetSpanID(serverSpan)
			span.Attributes().PutStr("http.target", r.URL.RequestURI())
		} else {
			span.SetSpanID(clientSpan)
			span.SetParentSpanID(serverSpan)
			span.Attributes().PutStr("http.url", "http://stayeasy.internal"+r.URL.RequestURI())
			margin = 50 * time.Microsecond
		}
		span.SetName("HTTP " + r.Method)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(margin)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(end.Add(-margin)))
		span.Attributes().PutStr("http.method", r.Method)
		span.Attributes().PutInt("http.status_code", int64(status))
	}
	send(w.t, w.collector, "traces", ptraceotlp.NewExportRequestFromTraces(td))

	w.mu.Lock()
	w.requests++
	w.seconds += end.Sub(start).Seconds()
	requests, seconds := w.requests, w.seconds
	w.mu.Unlock()
	send(w.t, w.collector, "metrics", pmetricotlp.NewExportRequestFromMetrics(w.metrics(start, end, requests, seconds)))
	send(w.t, w.collector, "logs", plogotlp.NewExportRequestFromLogs(w.log(r, trace, serverSpan, end, status)))
}

func (w *webServer) metrics(start, end time.Time, requests uint64, seconds float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	resource := md.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", webService)
	metrics := resource.ScopeMetrics().AppendEmpty().Metrics()
	duration := metrics.AppendEmpty()
	duration.SetName("http.server.request.duration")
	duration.SetUnit("s")
	point := duration.SetEmptyHistogram().DataPoints().AppendEmpty()
	duration.Histogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point.SetTimestamp(pcommon.NewTimestampFromTime(end))
	point.SetCount(requests)
	point.SetSum(seconds)
	total := metrics.AppendEmpty()
	total.SetName("http.server.requests")
	total.SetUnit("{request}")
	total.SetEmptySum().SetIsMonotonic(true)
	number := total.Sum().DataPoints().AppendEmpty()
	number.SetTimestamp(pcommon.NewTimestampFromTime(end))
	number.SetIntValue(int64(requests)) //nolint:gosec // a few
	last := metrics.AppendEmpty()
	last.SetName("http.server.last_duration")
	last.SetUnit("ms")
	gauge := last.SetEmptyGauge().DataPoints().AppendEmpty()
	gauge.SetTimestamp(pcommon.NewTimestampFromTime(end))
	gauge.SetDoubleValue(float64(end.Sub(start).Microseconds()) / 1000)
	return md
}

func (w *webServer) log(r *http.Request, trace pcommon.TraceID, span pcommon.SpanID, at time.Time, status int) plog.Logs {
	ld := plog.NewLogs()
	resource := ld.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", webService)
	record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	record.SetSeverityText("INFO")
	if status >= http.StatusBadRequest {
		record.SetSeverityNumber(plog.SeverityNumberWarn)
		record.SetSeverityText("WARN")
	}
	record.Body().SetStr(fmt.Sprintf("%s %s %d", r.Method, r.URL.RequestURI(), status))
	record.SetTraceID(trace)
	record.SetSpanID(span)
	record.Attributes().PutInt("http.status_code", int64(status))
	return ld
}

type protoMessage interface{ MarshalProto() ([]byte, error) }

// send sends OTLP to the collector, as an app does.
func send(t *testing.T, collector *harness.Collector, signal string, message protoMessage) {
	t.Helper()
	post(t, "http://"+collector.HTTP+"/v1/"+signal, message, "")
}

// upload sends OTLP to the sandbox, as the collector does.
func upload(t *testing.T, sandbox *harness.Sandbox, signal string, message protoMessage) {
	t.Helper()
	post(t, sandbox.URL+"/20200101/opentelemetry/v1/"+signal, message, "dataKey "+harness.PrivateKey)
}

func post(t *testing.T, url string, message protoMessage, authorization string) {
	if status := answerTo(t, url, message, authorization); status != 0 && status != http.StatusOK {
		t.Errorf("POST %s: %d", url, status)
	}
}

// answerTo posts a message and returns the status of the answer, or 0 after an error.
func answerTo(t *testing.T, url string, message protoMessage, authorization string) int {
	body, err := message.MarshalProto()
	if err != nil {
		t.Error(err)
		return 0
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	client := http.Client{Timeout: awaitTimeout, Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}
