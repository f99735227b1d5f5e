// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
)

// shipped are the memory limits of the ready configurations: of config/sidecar.yaml,
// of a sidecar in Kubernetes, of an agent there, of config/agent.yaml, and of a
// gateway and a sampler in Kubernetes.
var shipped = map[string]*Config{
	"sidecar":               limited(128),
	"sidecar in Kubernetes": limited(153),
	"agent in Kubernetes":   limited(409),
	"agent":                 limited(512),
	"gateway":               limited(819),
	"sampler":               sampler(),
}

func sampler() *Config {
	cfg := limited(1638)
	cfg.SharePercentage = 20
	return cfg
}

func spans(count, attributes int, statement string) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for i := range 12 {
		rs.Resource().Attributes().PutStr(fmt.Sprintf("resource.attribute.%d", i), "some value of it")
	}
	all := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range count {
		span := all.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 14: byte(i >> 8), 15: byte(i)})
		span.SetSpanID(pcommon.SpanID{1, 6: byte(i >> 8), 7: byte(i)})
		span.SetParentSpanID(pcommon.SpanID{2})
		span.SetName("SELECT orders")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(1_700_000_000_000_000_000)
		span.SetEndTimestamp(1_700_000_000_001_000_000)
		for j := range attributes {
			span.Attributes().PutStr(fmt.Sprintf("attribute.number.%d", j), "some value of it")
		}
		if statement != "" {
			span.Attributes().PutStr("db.query.text", statement)
		}
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func points(count int) pmetricotlp.ExportRequest {
	md := pmetric.NewMetrics()
	all := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for i := range count / 2 {
		histogram := all.AppendEmpty()
		histogram.SetName("http.server.request.duration")
		point := histogram.SetEmptyHistogram().DataPoints().AppendEmpty()
		point.BucketCounts().FromRaw(make([]uint64, 15))
		point.ExplicitBounds().FromRaw(make([]float64, 14))
		point.Attributes().PutInt("http.response.status_code", int64(i))
		sum := all.AppendEmpty()
		sum.SetName("http.server.active_requests")
		number := sum.SetEmptySum().DataPoints().AppendEmpty()
		number.SetIntValue(int64(i))
		for j := range 4 {
			number.Attributes().PutStr(fmt.Sprintf("attribute.number.%d", j), "some value of it")
			point.Attributes().PutStr(fmt.Sprintf("attribute.number.%d", j), "some value of it")
		}
	}
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

func records(count int) plogotlp.ExportRequest {
	ld := plog.NewLogs()
	all := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range count {
		record := all.AppendEmpty()
		record.Body().SetStr(strings.Repeat("a line of a log ", 8))
		for j := range 5 {
			record.Attributes().PutStr(fmt.Sprintf("attribute.number.%d", j), "some value of it")
		}
	}
	return plogotlp.NewExportRequestFromLogs(ld)
}

// What SDKs and collectors send is accepted at every limit that is shipped.
func TestStockRequestsAreAccepted(t *testing.T) {
	requests := map[string]marshaler{
		"512 spans with 128 attributes":            spans(512, 128, ""),
		"8,192 spans":                              spans(8192, 10, ""),
		"a statement of 2 MB":                      spans(1, 10, strings.Repeat("SELECT 1, ", 200_000)),
		"a statement of 2 MB of JSON":              spans(1, 10, strings.Repeat(`{"a":[1,2]},`, 160_000)),
		"an exception with a stack of 512 spans":   spans(512, 10, strings.Repeat("\tat org.example.Main(Main.java:1)\n", 100)),
		"10,000 data points":                       points(10_000),
		"8,192 log records":                        records(8192),
		"an empty request":                         spans(0, 0, ""),
		"512 spans, as an SDK has them by default": spans(512, 12, "SELECT 1"),
	}
	for configuration, config := range shipped {
		if testing.Short() && configuration != "sidecar" {
			continue // the race detector needs one, and make test has all
		}
		g := startWith(t, "", config)
		conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		for name, request := range requests {
			t.Run(configuration+"/"+name, func(t *testing.T) {
				path := "/v1/traces"
				var send func(...grpc.CallOption) error
				switch r := request.(type) {
				case ptraceotlp.ExportRequest:
					send = func(o ...grpc.CallOption) error {
						_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), r, o...)
						return err
					}
				case pmetricotlp.ExportRequest:
					path = "/v1/metrics"
					send = func(o ...grpc.CallOption) error {
						_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), r, o...)
						return err
					}
				case plogotlp.ExportRequest:
					path = "/v1/logs"
					send = func(o ...grpc.CallOption) error {
						_, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), r, o...)
						return err
					}
				}
				require.NoError(t, send())
				require.NoError(t, send(grpc.UseCompressor(grpcgzip.Name)))
				inProto, err := request.MarshalProto()
				require.NoError(t, err)
				inJSON, err := request.MarshalJSON()
				require.NoError(t, err)
				for contentType, body := range map[string][]byte{typeProtobuf: inProto, typeJSON: inJSON} {
					code, answer := postTo(t, g, path, contentType, body)
					require.Equal(t, http.StatusOK, code, "%s of %d KiB: %s", contentType, len(body)>>10, answer)
				}
				g.traces.Reset()
				g.metrics.Reset()
				g.logs.Reset()
			})
		}
	}
}

func postTo(t *testing.T, g *guarded, path, contentType string, body []byte) (int, []byte) {
	t.Helper()
	code, _, answer := postWith(t.Context(), t, g, path, http.Header{"Content-Type": {contentType}}, body)
	return code, answer
}

func postWith(ctx context.Context, t *testing.T, g *guarded, path string, header http.Header, body []byte) (int, http.Header, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.http+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, answer
}

// bombs are requests of a few kilobytes compressed and hundreds of megabytes
// decoded.
func TestBombsAreRefusedForGood(t *testing.T) {
	events := bytes.Repeat([]byte{0x5a, 0}, 900_000)
	event := append([]byte{0x12}, lengthOf(events)...)
	event = append(event, events...)
	pill := wrap(wrap(bytes.Repeat(event, 4), 0x12), 0x0a)
	emptySpans := wrap(wrap(bytes.Repeat([]byte{0x12, 0}, 5<<20), 0x12), 0x0a)
	for configuration, config := range shipped {
		g := startWith(t, "", config)
		for name, body := range map[string][]byte{"empty spans": emptySpans, "spans of empty events": pill} {
			t.Run(configuration+"/"+name, func(t *testing.T) {
				code, answer := postTo(t, g, "/v1/traces", typeProtobuf, body)
				assert.Equal(t, http.StatusRequestEntityTooLarge, code, "%s", answer)
				assert.Contains(t, string(answer), "MiB of memory")
			})
		}
		assert.Zero(t, g.received())
	}
}

func lengthOf(b []byte) (encoded []byte) {
	n := len(b)
	for n >= 0x80 {
		encoded = append(encoded, byte(n)|0x80)
		n >>= 7
	}
	return append(encoded, byte(n))
}

func wrap(b []byte, tag byte) []byte { return append(append([]byte{tag}, lengthOf(b)...), b...) }
