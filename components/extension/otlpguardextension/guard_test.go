// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadatatest"
)

const message = "attribute values are nested more than 64 deep; the collector's otlp_guard rejects them"

// host has the guard among its extensions.
type host map[component.ID]component.Component

// GetExtensions returns the extensions.
func (h host) GetExtensions() map[component.ID]component.Component { return h }

// guarded is an OTLP receiver behind the guard, and the data that it has passed
// on.
type guarded struct {
	guard      *guard
	grpc, http string
	telemetry  *componenttest.Telemetry
	traces     *consumertest.TracesSink
	metrics    *consumertest.MetricsSink
	logs       *consumertest.LogsSink
}

// start starts a receiver whose paths for HTTP begin with the prefix.
func start(t *testing.T, prefix string) *guarded {
	t.Helper()
	return startWith(t, prefix, createDefaultConfig())
}

func startWith(t *testing.T, prefix string, config component.Config) *guarded {
	t.Helper()
	g := &guarded{
		grpc: freeAddress(t), http: freeAddress(t),
		telemetry: componenttest.NewTelemetry(),
		traces:    new(consumertest.TracesSink),
		metrics:   new(consumertest.MetricsSink),
		logs:      new(consumertest.LogsSink),
	}
	id := component.NewID(metadata.Type)
	set := metadatatest.NewSettings(g.telemetry)
	set.ID = id
	ext, err := NewFactory().Create(t.Context(), set, config)
	require.NoError(t, err)

	g.guard = ext.(*guard)
	g.guard.heap = func() int64 { return 0 } // the test's own heap is no collector's

	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	middlewares := []any{map[string]any{"id": "otlp_guard"}}
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{
		"grpc": map[string]any{"endpoint": g.grpc, "middlewares": middlewares, "max_recv_msg_size_mib": 32},
		"http": map[string]any{
			"endpoint": g.http, "middlewares": middlewares, "compression_algorithms": []any{},
			"traces_url_path": prefix + "/v1/traces", "metrics_url_path": prefix + "/v1/metrics", "logs_url_path": prefix + "/v1/logs",
		},
	}}).Unmarshal(cfg))
	settings := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	// One receiver for all signals, as in a collector: the factory shares it.
	traces, err := factory.CreateTraces(t.Context(), settings, cfg, g.traces)
	require.NoError(t, err)
	metrics, err := factory.CreateMetrics(t.Context(), settings, cfg, g.metrics)
	require.NoError(t, err)
	logs, err := factory.CreateLogs(t.Context(), settings, cfg, g.logs)
	require.NoError(t, err)

	all := []component.Component{ext, traces, metrics, logs}
	for _, c := range all {
		require.NoError(t, c.Start(t.Context(), host{id: ext}))
	}
	t.Cleanup(func() {
		for i := len(all) - 1; i >= 0; i-- {
			assert.NoError(t, all[i].Shutdown(context.Background()))
		}
		assert.NoError(t, g.telemetry.Shutdown(context.Background()))
	})
	return g
}

// limited returns the default configuration for a collector of mib MiB.
func limited(mib uint64) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.LimitMiB = mib
	return cfg
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func nest(value pcommon.Value, levels int) {
	for i := range levels {
		if i%2 == 0 {
			value = value.SetEmptySlice().AppendEmpty()
		} else {
			value = value.SetEmptyMap().PutEmpty("next")
		}
	}
	value.SetStr("bottom")
}

func traces(levels int) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("GET /")
	nest(span.Attributes().PutEmpty("deep"), levels)
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func metrics(levels int) pmetricotlp.ExportRequest {
	md := pmetric.NewMetrics()
	point := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptySum().DataPoints().AppendEmpty()
	nest(point.Attributes().PutEmpty("deep"), levels)
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

func logs(levels int) plogotlp.ExportRequest {
	ld := plog.NewLogs()
	nest(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body(), levels)
	return plogotlp.NewExportRequestFromLogs(ld)
}

type marshaler interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// signals makes requests of each signal.
var signals = map[string]func(levels int) marshaler{
	"traces":  func(levels int) marshaler { return traces(levels) },
	"metrics": func(levels int) marshaler { return metrics(levels) },
	"logs":    func(levels int) marshaler { return logs(levels) },
}

func (g *guarded) received() int {
	return len(g.traces.AllTraces()) + len(g.metrics.AllMetrics()) + len(g.logs.AllLogs())
}

func TestHTTP(t *testing.T) {
	for _, prefix := range []string{"", "/otlp"} {
		g := start(t, prefix)
		client := &http.Client{Transport: &http.Transport{}}
		t.Cleanup(client.CloseIdleConnections)
		post := func(t *testing.T, signal, contentType string, body []byte, zip bool) (int, []byte) {
			t.Helper()
			if zip {
				body = zipped(t, body)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+g.http+prefix+"/v1/"+signal, bytes.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Content-Type", contentType)
			if zip {
				request.Header.Set("Content-Encoding", "gzip")
			}
			response, err := client.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			return response.StatusCode, answer
		}

		came := 0
		for signal, request := range signals {
			for _, zip := range []bool{false, true} {
				t.Run(prefix+"/"+signal, func(t *testing.T) {
					body, err := request(65).MarshalProto()
					require.NoError(t, err)
					code, answer := post(t, signal, "application/x-protobuf", body, zip)
					assert.Equal(t, http.StatusBadRequest, code)
					said := &spb.Status{}
					require.NoError(t, proto.Unmarshal(answer, said))
					assert.Equal(t, message, said.GetMessage())
					assert.EqualValues(t, codes.InvalidArgument, said.GetCode())

					body, err = request(100).MarshalJSON()
					require.NoError(t, err)
					code, answer = post(t, signal, "application/json; charset=utf-8", body, zip)
					assert.Equal(t, http.StatusBadRequest, code)
					said = &spb.Status{}
					require.NoError(t, protojson.Unmarshal(answer, said))
					assert.Equal(t, message, said.GetMessage())
					assert.Equal(t, came, g.received())

					body, err = request(64).MarshalProto()
					require.NoError(t, err)
					code, answer = post(t, signal, "application/x-protobuf", body, zip)
					assert.Equal(t, http.StatusOK, code, string(answer))
					body, err = request(64).MarshalJSON()
					require.NoError(t, err)
					code, answer = post(t, signal, "application/json", body, zip)
					assert.Equal(t, http.StatusOK, code, string(answer))
					came += 2
					assert.Equal(t, came, g.received())
				})
			}
		}

		// A request that is not OTLP is left to the receiver to reject.
		code, _ := post(t, "traces", "text/plain; =", []byte("hello"), false)
		assert.Equal(t, http.StatusUnsupportedMediaType, code)
		code, _ = post(t, "traces", "text/plain", []byte("hello"), false)
		assert.Equal(t, http.StatusUnsupportedMediaType, code)
		code, _ = post(t, "traces", "application/x-protobuf", []byte("hello"), false)
		assert.Equal(t, http.StatusBadRequest, code)
		assertRefused(t, g, map[string]int64{"http_protobuf": 6, "http_json": 6})
	}
}

func TestGRPC(t *testing.T) {
	g := start(t, "")
	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	exports := map[string]func(levels int, options ...grpc.CallOption) error{
		"traces": func(levels int, options ...grpc.CallOption) error {
			_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), traces(levels), options...)
			return err
		},
		"metrics": func(levels int, options ...grpc.CallOption) error {
			_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), metrics(levels), options...)
			return err
		},
		"logs": func(levels int, options ...grpc.CallOption) error {
			_, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), logs(levels), options...)
			return err
		},
	}
	came := 0
	for signal, export := range exports {
		for _, compression := range []string{"identity", grpcgzip.Name} {
			t.Run(signal+"/"+compression, func(t *testing.T) {
				for _, levels := range []int{65, 20_000} { // 20,000 levels come in several buffers
					err := export(levels, grpc.UseCompressor(compression))
					assert.Equal(t, codes.InvalidArgument, status.Code(err))
					assert.Equal(t, message, status.Convert(err).Message())
					assert.Equal(t, came, g.received())
				}
				require.NoError(t, export(64, grpc.UseCompressor(compression)))
				came++
				assert.Equal(t, came, g.received())
			})
		}
	}
	assertRefused(t, g, map[string]int64{"grpc": 12})
}

func assertRefused(t *testing.T, g *guarded, counts map[string]int64) {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	for protocol, n := range counts {
		points = append(points, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("protocol", protocol), attribute.String("reason", "too_deep"))})
	}
	metadatatest.AssertEqualExtensionOtlpGuardRefusedRequests(t, g.telemetry, points, metricdatatest.IgnoreTimestamp())
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
