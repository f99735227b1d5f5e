// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	privateAuth = "dataKey " + DefaultPrivateKey
	publicAuth  = "dataKey " + DefaultPublicKey
)

// sandbox is a server under test on a loopback port, with a client.
type sandbox struct {
	t      *testing.T
	server *Server
	client *http.Client
	logs   *observer.ObservedLogs
}

func start(t *testing.T, options ...func(*Config)) *sandbox {
	t.Helper()
	config := DefaultConfig()
	config.Listen = "127.0.0.1:0"
	for _, option := range options {
		option(&config)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	server, err := New(config, zap.New(core))
	require.NoError(t, err)
	require.NoError(t, server.Start(t.Context()))
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		assert.NoError(t, server.Shutdown(ctx))
	})
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &sandbox{t: t, server: server, client: client, logs: logs}
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

type header map[string]string

func (s *sandbox) request(method, path string, body []byte, h header) (answer, error) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL()+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	for name, value := range h {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: read}, err
}

func (s *sandbox) do(method, path string, body []byte, h header) answer {
	s.t.Helper()
	a, err := s.request(method, path, body, h)
	require.NoError(s.t, err)
	return a
}

// upload posts protobuf with the private key.
func (s *sandbox) upload(path string, body []byte) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, body, header{"Authorization": privateAuth, "Content-Type": "application/x-protobuf"})
}

func (s *sandbox) uploadTraces(td ptrace.Traces) answer {
	s.t.Helper()
	return s.upload(TracesPath, protoOf(s.t, ptraceotlp.NewExportRequestFromTraces(td)))
}

// get reads an API answer into v.
func (s *sandbox) get(path string, v any) {
	s.t.Helper()
	a := s.do(http.MethodGet, path, nil, nil)
	require.Equal(s.t, http.StatusOK, a.status, string(a.body))
	require.NoError(s.t, json.Unmarshal(a.body, v))
}

func decodeJSON[T any](t *testing.T, body []byte) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(body, &v))
	return v
}

func (s *sandbox) fault(body string) FaultState {
	s.t.Helper()
	a := s.do(http.MethodPost, "/api/v1/faults", []byte(body), nil)
	require.Equal(s.t, http.StatusCreated, a.status, string(a.body))
	var state FaultState
	require.NoError(s.t, json.Unmarshal(a.body, &state))
	return state
}

func protoOf(t *testing.T, m otlpMessage) []byte {
	t.Helper()
	body, err := m.MarshalProto()
	require.NoError(t, err)
	return body
}

func jsonOf(t *testing.T, m otlpMessage) []byte {
	t.Helper()
	body, err := m.MarshalJSON()
	require.NoError(t, err)
	return body
}

func zipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buffer.Bytes()
}

// spanSpec describes a span in a test; ids are small numbers, times are
// milliseconds.
type spanSpec struct {
	trace, id, parent byte
	service           string
	name              string
	kind              ptrace.SpanKind
	start, end        int
	failed            bool
	attributes        map[string]any
}

func traceID(n byte) pcommon.TraceID { return pcommon.TraceID{15: n} }

func spanID(n byte) pcommon.SpanID { return pcommon.SpanID{7: n} }

func tracesOf(t *testing.T, specs ...spanSpec) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	for _, spec := range specs {
		resource := td.ResourceSpans().AppendEmpty()
		if spec.service != "" {
			resource.Resource().Attributes().PutStr("service.name", spec.service)
		}
		scope := resource.ScopeSpans().AppendEmpty()
		scope.Scope().SetName("test")
		scope.Scope().SetVersion("1.2.3")
		span := scope.Spans().AppendEmpty()
		span.SetTraceID(traceID(spec.trace))
		span.SetSpanID(spanID(spec.id))
		if spec.parent != 0 {
			span.SetParentSpanID(spanID(spec.parent))
		}
		span.SetName(spec.name)
		span.SetKind(spec.kind)
		span.SetStartTimestamp(millis(spec.start))
		span.SetEndTimestamp(millis(spec.end))
		if spec.failed {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
		require.NoError(t, span.Attributes().FromRaw(spec.attributes))
	}
	return td
}

func millis(n int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(time.UnixMilli(1_700_000_000_000 + int64(n)))
}

// oneSpan is a small valid request.
func oneSpan(t *testing.T) ptraceotlp.ExportRequest {
	t.Helper()
	return ptraceotlp.NewExportRequestFromTraces(tracesOf(t, spanSpec{trace: 1, id: 1, service: "web", name: "GET /", end: 5}))
}

// someMetrics holds five data points of as many types.
func someMetrics() pmetricotlp.ExportRequest {
	md := pmetric.NewMetrics()
	resource := md.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "web")
	metrics := resource.ScopeMetrics().AppendEmpty().Metrics()
	add := func(name string) pmetric.Metric {
		metric := metrics.AppendEmpty()
		metric.SetName(name)
		metric.SetUnit("1")
		return metric
	}
	add("gauge").SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(7)
	add("sum").SetEmptySum().DataPoints().AppendEmpty().SetDoubleValue(1.5)
	histogram := add("histogram").SetEmptyHistogram().DataPoints().AppendEmpty()
	histogram.SetCount(3)
	histogram.SetSum(9)
	add("exponential").SetEmptyExponentialHistogram().DataPoints().AppendEmpty().SetCount(4)
	add("summary").SetEmptySummary().DataPoints().AppendEmpty().SetCount(5)
	add("empty")
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

// someLogs holds two records.
func someLogs() plogotlp.ExportRequest {
	ld := plog.NewLogs()
	resource := ld.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "web")
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	first := records.AppendEmpty()
	first.SetTimestamp(millis(1))
	first.Body().SetStr("hello")
	first.SetSeverityText("INFO")
	first.SetTraceID(traceID(1))
	first.SetSpanID(spanID(1))
	first.Attributes().PutInt("n", 1)
	second := records.AppendEmpty()
	second.SetTimestamp(millis(2))
	second.Body().SetStr("world")
	second.SetSeverityNumber(plog.SeverityNumberWarn)
	return plogotlp.NewExportRequestFromLogs(ld)
}

// logged returns the number of log lines with the message at info or above.
func (s *sandbox) logged(message string) int {
	return s.logs.Filter(func(e observer.LoggedEntry) bool {
		return e.Level >= zapcore.InfoLevel && e.Message == message
	}).Len()
}

// everythingLogged is the text of all log lines.
func (s *sandbox) everythingLogged() string {
	var b strings.Builder
	for _, entry := range s.logs.All() {
		line, err := json.Marshal(entry.ContextMap())
		require.NoError(s.t, err)
		b.WriteString(entry.Message + string(line) + "\n")
	}
	return b.String()
}
