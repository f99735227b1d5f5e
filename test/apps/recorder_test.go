// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // the compression that many SDKs use

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// recorder is a proxy between the apps and the collector. It records what the collector
// has accepted, over OTLP/HTTP and OTLP/gRPC.
type recorder struct {
	t         *testing.T
	collector *harness.Collector
	server    *httptest.Server
	grpc      string // address

	mu      sync.Mutex
	spans   map[string]ptrace.Span // by trace and span id
	again   int                    // spans that an app sent a second time
	uploads []upload               // of spans over HTTP
	metrics []pmetric.Metrics
	logs    []plog.Logs
}

// upload has the path to which an app sent spans, and the key that it sent.
type upload struct{ path, authorization string }

// apmPath is the part of an APM domain's paths before OTLP's.
const apmPath = "/20200101/opentelemetry"

// startRecorder starts a recorder in front of the collector's OTLP addresses.
func startRecorder(t *testing.T, collector *harness.Collector) *recorder {
	t.Helper()
	r := &recorder{t: t, collector: collector, spans: map[string]ptrace.Span{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)

	conn, err := grpc.NewClient(collector.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.grpc = listener.Addr().String()
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &grpcTraces{recorder: r, client: ptraceotlp.NewGRPCClient(conn)})
	pmetricotlp.RegisterGRPCServer(server, &grpcMetrics{recorder: r, client: pmetricotlp.NewGRPCClient(conn)})
	plogotlp.RegisterGRPCServer(server, &grpcLogs{recorder: r, client: plogotlp.NewGRPCClient(conn)})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		assert.NoError(t, <-served)
	})
	return r
}

// endpoint is the recorder's address in the form of OTEL_EXPORTER_OTLP_ENDPOINT.
func (r *recorder) endpoint(overGRPC bool) string {
	if overGRPC {
		return "http://" + r.grpc
	}
	return r.server.URL
}

// ServeHTTP forwards a request, and records its content if the collector accepts it.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if !assert.NoError(r.t, err) {
		return
	}
	out, err := http.NewRequestWithContext(req.Context(), req.Method, "http://"+r.collector.HTTP+req.URL.RequestURI(), bytes.NewReader(body))
	if !assert.NoError(r.t, err) {
		return
	}
	out.Header = req.Header.Clone()
	resp, err := r.server.Client().Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if !assert.NoError(r.t, err) {
		return
	}
	if resp.StatusCode == http.StatusOK {
		assert.NoError(r.t, r.keep(req.URL.Path, req.Header, body))
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	if retry := resp.Header.Get("Retry-After"); retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer)
}

// exportRequest is the common part of the OTLP requests of the three signals.
type exportRequest interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func (r *recorder) keep(path string, header http.Header, body []byte) error {
	if header.Get("Content-Encoding") == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(reader); err != nil {
			return err
		}
	}
	read := func(request exportRequest) error {
		if header.Get("Content-Type") == "application/json" {
			return request.UnmarshalJSON(body)
		}
		return request.UnmarshalProto(body)
	}
	switch strings.TrimPrefix(path, apmPath) {
	case "/v1/traces":
		request := ptraceotlp.NewExportRequest()
		if err := read(&request); err != nil {
			return err
		}
		r.keepUpload(upload{path: path, authorization: header.Get("Authorization")})
		r.keepTraces(request.Traces())
	case "/v1/metrics":
		request := pmetricotlp.NewExportRequest()
		if err := read(&request); err != nil {
			return err
		}
		r.keepMetrics(request.Metrics())
	case "/v1/logs":
		request := plogotlp.NewExportRequest()
		if err := read(&request); err != nil {
			return err
		}
		r.keepLogs(request.Logs())
	}
	return nil
}

func (r *recorder) keepUpload(u upload) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uploads = append(r.uploads, u)
}

func (r *recorder) keepTraces(traces ptrace.Traces) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				id := span.TraceID().String() + span.SpanID().String()
				if _, found := r.spans[id]; found {
					r.again++
				}
				r.spans[id] = span
			}
		}
	}
}

func (r *recorder) keepMetrics(metrics pmetric.Metrics) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.metrics = append(r.metrics, metrics)
}

func (r *recorder) keepLogs(logs plog.Logs) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, logs)
}

// sent returns the spans that the collector has accepted, by trace and span id, and
// fails the test if one was sent twice.
func (r *recorder) sent() map[string]ptrace.Span {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Zero(r.t, r.again, "spans sent twice")
	return r.spans
}

// dataPoints returns the number of data points that the collector has accepted.
func (r *recorder) dataPoints() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	points := 0
	for _, metrics := range r.metrics {
		points += metrics.DataPointCount()
	}
	return points
}

// logRecords returns the number of log records that the collector has accepted.
func (r *recorder) logRecords() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	records := 0
	for _, logs := range r.logs {
		records += logs.LogRecordCount()
	}
	return records
}

// spansEnded returns the number of spans that have ended in a service's SDK, according
// to its last metrics: spans started minus live spans. Source: semantic-conventions,
// docs/otel/sdk-metrics.md.
func (r *recorder) spansEnded(service string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := map[string]int64{} // by metric and attributes; the sums are cumulative
	for _, metrics := range r.metrics {
		for _, resource := range metrics.ResourceMetrics().All() {
			if name, _ := resource.Resource().Attributes().Get("service.name"); name.AsString() != service {
				continue
			}
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					if metric.Name() != spansStarted && metric.Name() != spansLive {
						continue
					}
					for _, point := range metric.Sum().DataPoints().All() {
						last[fmt.Sprint(metric.Name(), point.Attributes().AsRaw())] = point.IntValue()
					}
				}
			}
		}
	}
	ended := int64(0)
	for key, value := range last {
		if strings.HasPrefix(key, spansLive) {
			value = -value
		}
		ended += value
	}
	return int(ended)
}

// Names of an SDK's metrics about itself.
const (
	spansStarted = "otel.sdk.span.started"
	spansLive    = "otel.sdk.span.live"
)

type grpcTraces struct {
	ptraceotlp.UnimplementedGRPCServer

	recorder *recorder
	client   ptraceotlp.GRPCClient
}

// Export forwards spans.
func (s *grpcTraces) Export(ctx context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	answer, err := s.client.Export(ctx, request)
	if err == nil {
		s.recorder.keepTraces(request.Traces())
	}
	return answer, err
}

type grpcMetrics struct {
	pmetricotlp.UnimplementedGRPCServer

	recorder *recorder
	client   pmetricotlp.GRPCClient
}

// Export forwards metrics.
func (s *grpcMetrics) Export(ctx context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	answer, err := s.client.Export(ctx, request)
	if err == nil {
		s.recorder.keepMetrics(request.Metrics())
	}
	return answer, err
}

type grpcLogs struct {
	plogotlp.UnimplementedGRPCServer

	recorder *recorder
	client   plogotlp.GRPCClient
}

// Export forwards log records.
func (s *grpcLogs) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	answer, err := s.client.Export(ctx, request)
	if err == nil {
		s.recorder.keepLogs(request.Logs())
	}
	return answer, err
}
