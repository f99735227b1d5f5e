// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // the compressor of the gRPC client
	"google.golang.org/grpc/status"

	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

const (
	mebi = 1 << 20
	// memoryLimit is limit_mib of agent.yaml. memoryMargin allows for memory outside the
	// heap and for what the limiter has not measured yet.
	memoryLimit  = 512 * mebi
	memoryMargin = 128 * mebi

	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
	exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
)

// attack is a request that no good client sends, and the response it must get.
type attack struct {
	name string
	send func(t *testing.T, c *harness.Collector) string
	want string // pattern of the HTTP status or gRPC code
	// stored is the service whose one odd but valid span must be stored.
	stored string
}

func attacks() []attack {
	return []attack{
		{name: "malformed protobuf", send: post(protobufType, "", []byte{0x0a, 0xff, 0xff, 0xff, 0xff}), want: "400"},
		{name: "noise as protobuf", send: post(protobufType, "", bytes.Repeat([]byte("\x9d\x01noise"), 1000)), want: "400"},
		{name: "malformed JSON", send: post(jsonType, "", []byte(`{"resourceSpans":[{`)), want: "400"},
		{name: "JSON nested 1,000,000 deep", send: post(jsonType, "", deepJSON(1_000_000)), want: "400"},
		// Decoding this exceeds Go's maximum stack: the process would crash.
		{name: "protobuf nested 1,800,000 deep", send: post(protobufType, "", deepProtobuf(1_800_000)), want: "400"},
		{name: "wrong content type", send: post("text/plain", "", []byte("hello")), want: "415"},
		{name: "no content type", send: post("", "", []byte("hello")), want: "415"},
		{name: "unknown content encoding", send: post(protobufType, "br", []byte("hello")), want: "400"},
		{name: "broken gzip", send: post(protobufType, "gzip", []byte("hello")), want: "400"},
		{name: "gzip bomb of 1 GiB", send: post(protobufType, "gzip", gzipBomb(1<<30)), want: "413"},
		{name: "request over the limit", send: post(protobufType, "", make([]byte, 21*mebi)), want: "400"},
		{name: "GET", send: get("/v1/traces"), want: "405"},
		{name: "unknown path", send: get("/v1/traces/../../etc/passwd"), want: "404"},
		{name: "malformed gRPC message", send: invoke([]byte{0x0a, 0xff, 0xff, 0xff, 0xff}), want: "Internal"},
		{name: "gRPC message nested 1,700,000 deep", send: invoke(deepProtobuf(1_700_000)), want: "ResourceExhausted|InvalidArgument"},
		{name: "gRPC message over the limit", send: invoke(make([]byte, 17*mebi)), want: "ResourceExhausted"},
		{name: "gRPC gzip bomb", send: invoke(make([]byte, 256*mebi), grpc.UseCompressor("gzip")), want: "ResourceExhausted"},
		{name: "100,000 attributes", send: post(protobufType, "", oddSpan("many-attributes", func(span ptrace.Span) {
			for i := range 100_000 {
				span.Attributes().PutInt(fmt.Sprintf("attribute.%d", i), int64(i))
			}
		})), want: "200", stored: "many-attributes"},
		{name: "10 MB attribute", send: post(protobufType, "", oddSpan("large-attribute", func(span ptrace.Span) {
			span.Attributes().PutStr("db.query.text", "SELECT '"+strings.Repeat("0123456789", 1_000_000)+"'")
		})), want: "200", stored: "large-attribute"},
		{name: "invalid UTF-8", send: post(protobufType, "", oddSpan("invalid-utf8", func(span ptrace.Span) {
			span.SetName("caf\xe9 \xff\xfe")
			span.Attributes().PutStr("db.query.text", "SELECT 'caf\xe9' FROM \xff")
		})), want: "200", stored: "invalid-utf8"},
		// If this is accepted, APM rejects it with 400, which must not cost the other
		// spans of the upload.
		{name: "attribute nested 1,000 deep", send: post(protobufType, "", deepProtobuf(1_000)), want: "200|400"},
	}
}

// Hostile clients get the right response, memory stays within the limit, and other apps
// are not affected.
func TestHostileClients(t *testing.T) {
	sandbox := harness.StartSandbox(t, "--max-spans=1000000", "--max-bytes=2147483648")
	n := startNode(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey})
	good := startLoad(t, loadOptions{}, n)

	// These stay open during the attacks; the slow writers stay open during the shutdown.
	hangUp := holdIdleConnections(t, n.collector, pick(2000, 5000))
	writeSlowly(t, n.collector, 200)

	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			before := n.peakMemory()
			assert.Regexp(t, "^("+a.want+")$", a.send(t, n.collector))
			if a.stored != "" {
				require.Eventually(t, func() bool { return len(sandbox.TracesOf(t, a.stored)) == 1 }, 30*time.Second, pollInterval, "not stored")
			}
			t.Logf("peak memory %s, before %s", mebibytes(n.collector.PeakMemory()), mebibytes(before))
		})
		require.Positive(t, n.collector.PeakMemory(), "the collector has exited")
	}
	t.Run("large requests at once", func(t *testing.T) {
		requestsAtOnce(t, n.collector, 8)
		t.Logf("peak memory %s", mebibytes(n.collector.PeakMemory()))
	})

	good.Finish()
	r := &run{pipeline: ours, sandbox: sandbox, nodes: []*node{n}, load: good}
	r.awaitDrained(t)
	n.checkPages(t)
	hangUp()
	assert.Zero(t, n.stop(t), "exit code")
	checkNoKey(t, "the collector's log", n.log())
	result := r.account(t)
	t.Logf("the good clients: %+v", result)
	assert.Zero(t, result.lost)
	assert.Empty(t, good.Refused())
	assert.Less(t, n.peakMemory(), int64(memoryLimit+memoryMargin), "peak memory, bytes")
}

// post sends an HTTP request and returns the status.
func post(contentType, encoding string, body []byte) func(*testing.T, *harness.Collector) string {
	return func(t *testing.T, c *harness.Collector) string {
		t.Helper()
		return do(t, http.MethodPost, "http://"+c.HTTP+"/v1/traces", contentType, encoding, body)
	}
}

func get(path string) func(*testing.T, *harness.Collector) string {
	return func(t *testing.T, c *harness.Collector) string {
		t.Helper()
		return do(t, http.MethodGet, "http://"+c.HTTP+path, protobufType, "", nil)
	}
}

func do(t *testing.T, method, url, contentType, encoding string, body []byte) string {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	var resp *http.Response
	var err error
	// A server that responds before reading the whole body hangs up, and the client may
	// see that before the response.
	for range 3 {
		var req *http.Request
		req, err = http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", contentType)
		if contentType == "" {
			req.Header.Del("Content-Type")
		}
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		if resp, err = client.Do(req); err == nil {
			break
		}
	}
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Less(t, len(answer), 4096, "the answer repeats what was sent")
	return strconv.Itoa(resp.StatusCode)
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil } // the tests send nothing else
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (rawCodec) Name() string                       { return "proto" }

// invoke sends a gRPC message and returns the code.
func invoke(message []byte, options ...grpc.CallOption) func(*testing.T, *harness.Collector) string {
	return func(t *testing.T, c *harness.Collector) string {
		t.Helper()
		conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var answer []byte
		return status.Code(conn.Invoke(ctx, exportMethod, message, &answer, append(options, grpc.ForceCodec(rawCodec{}))...)).String()
	}
}

func gzipBomb(size int) []byte {
	var b bytes.Buffer
	writer := gzip.NewWriter(&b)
	zeros := make([]byte, mebi)
	for range size / len(zeros) {
		if _, err := writer.Write(zeros); err != nil {
			panic(err) // a bytes.Buffer accepts everything
		}
	}
	if err := writer.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// deepJSON returns an attribute whose value is an array nested to the given depth.
func deepJSON(depth int) []byte {
	return []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"deep","value":` +
		strings.Repeat(`{"arrayValue":{"values":[`, depth/2))
}

// deepProtobuf returns an export request of one span with an attribute whose value is an
// array nested to the given depth.
func deepProtobuf(depth int) []byte {
	// Built backwards from the inside, because each level starts with the length of its
	// content.
	reversed := make([]byte, 0, 12*depth)
	wrap := func(tag byte) {
		var length [binary.MaxVarintLen64]byte
		n := binary.PutUvarint(length[:], uint64(len(reversed)))
		for i := n - 1; i >= 0; i-- {
			reversed = append(reversed, length[i])
		}
		reversed = append(reversed, tag)
	}
	for range depth {
		wrap(0x0a) // ArrayValue.values
		wrap(0x2a) // AnyValue.array_value
	}
	wrap(0x12) // KeyValue.value
	wrap(0x4a) // Span.attributes
	id := bytes.Repeat([]byte{0xde}, 16)
	reversed = append(reversed, id[:8]...)
	reversed = append(reversed, 8, 0x12) // Span.span_id
	reversed = append(reversed, id...)
	reversed = append(reversed, 16, 0x0a) // Span.trace_id
	wrap(0x12)                            // ScopeSpans.spans
	wrap(0x12)                            // ResourceSpans.scope_spans
	wrap(0x0a)                            // ExportTraceServiceRequest.resource_spans
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return reversed
}

// oddSpan returns a request of one span of a service.
func oddSpan(service string, change func(ptrace.Span)) []byte {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	var id pcommon.TraceID
	copy(id[:], service)
	span.SetTraceID(id)
	span.SetSpanID(pcommon.SpanID{1})
	span.SetName("SELECT")
	span.SetKind(ptrace.SpanKindClient)
	span.Attributes().PutStr("db.system", "oracle")
	change(span)
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err) // cannot fail for what pdata has built
	}
	return body
}

// requestsAtOnce sends large requests within the limits, all at once. Each is accepted
// or the client is asked to retry.
func requestsAtOnce(t *testing.T, c *harness.Collector, count int) {
	t.Helper()
	body := oddSpan("at-once", func(span ptrace.Span) {
		for i := range 100 {
			span.Attributes().PutStr(fmt.Sprintf("attribute.%d", i), strings.Repeat("0123456789", 8_000))
		}
	})
	request := ptraceotlp.NewExportRequest()
	require.NoError(t, request.UnmarshalProto(body))
	var senders sync.WaitGroup
	answers := make([]error, count)
	for i := range count {
		s := otlpload.NewHTTPSender(c.HTTP)
		if i%2 == 0 {
			s = newGRPCSender(t, c.GRPC)
		}
		senders.Go(func() {
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			answers[i] = s.Send(ctx, request)
		})
	}
	senders.Wait()
	for _, err := range answers {
		if err != nil && !errors.Is(err, otlpload.ErrRetryable) {
			t.Errorf("a large request is neither accepted nor asked to retry: %v", err)
		}
	}
}

// holdIdleConnections opens connections and sends nothing until hangUp is called.
func holdIdleConnections(t *testing.T, c *harness.Collector, count int) (hangUp func()) {
	t.Helper()
	var conns []net.Conn
	hangUp = func() {
		for _, conn := range conns {
			_ = conn.Close() // the collector may have closed it before
		}
		conns = nil
	}
	t.Cleanup(hangUp)
	for i := range count {
		address := c.HTTP
		if i%2 == 0 {
			address = c.GRPC
		}
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	return hangUp
}

// writeSlowly opens connections that send one byte now and then. Half of them send a
// header, half a body.
func writeSlowly(t *testing.T, c *harness.Collector, count int) {
	t.Helper()
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range count {
		conn, err := net.DialTimeout("tcp", c.HTTP, 10*time.Second)
		require.NoError(t, err)
		head := "POST /v1/traces HTTP/1.1\r\nHost: " + c.HTTP + "\r\nX-Slow: "
		if i%2 == 0 {
			head = "POST /v1/traces HTTP/1.1\r\nHost: " + c.HTTP + "\r\nContent-Type: " + protobufType + "\r\nContent-Length: 10000000\r\n\r\n"
		}
		_, err = conn.Write([]byte(head))
		require.NoError(t, err)
		writers.Go(func() {
			defer conn.Close()
			for otlpload.Pause(stop, 200*time.Millisecond) {
				if _, err := conn.Write([]byte("a")); err != nil {
					return // the collector hung up, as it should sooner or later
				}
			}
		})
	}
	t.Cleanup(func() {
		close(stop)
		writers.Wait()
	})
}
