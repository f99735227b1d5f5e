// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadatatest"
)

const exportTraces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// rawCodec sends bytes unchanged.
type rawCodec struct{}

// Name returns the name of the protobuf codec, since the bytes are protobuf.
func (rawCodec) Name() string { return "proto" }

// Marshal takes a message's bytes.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

// Unmarshal ignores the answer.
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }

func dial(t *testing.T, g *guarded) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// assertShortOfMemory fails unless a gRPC answer is one that senders retry.
func assertShortOfMemory(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
	details := status.Convert(err).Details()
	require.Len(t, details, 1)
	assert.Equal(t, time.Second, details[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration())
}

// While others hold the memory, a request is refused with a status that senders
// retry.
func TestRequestsAreRefusedForNow(t *testing.T) {
	g := startWith(t, "", limited(128))
	for range 2 * smallShare { // small requests that take the rest
		other := g.guard.requests.NewRequest()
		if other.Grow(t.Context(), min(g.guard.requests.Size()/smallShare, g.guard.requests.Size()-g.guard.requests.Used())) == nil {
			t.Cleanup(other.Release)
		}
	}
	require.Zero(t, g.guard.requests.Size()-g.guard.requests.Used())

	request := spans(10, 10, "")
	inProto, err := request.MarshalProto()
	require.NoError(t, err)
	inJSON, err := request.MarshalJSON()
	require.NoError(t, err)
	for contentType, body := range map[string][]byte{typeProtobuf: inProto, typeJSON: inJSON} {
		code, header, answer := postWith(t.Context(), t, g, "/v1/traces", http.Header{"Content-Type": {contentType}}, body)
		assert.Equal(t, http.StatusServiceUnavailable, code, "%s", answer)
		assert.Equal(t, "1", header.Get("Retry-After"))
	}
	_, err = ptraceotlp.NewGRPCClient(dial(t, g)).Export(t.Context(), request)
	assertShortOfMemory(t, err)
	metadatatest.AssertEqualExtensionOtlpGuardRefusedRequests(t, g.telemetry, []metricdata.DataPoint[int64]{
		refusals("http_protobuf", noMemory), refusals("http_json", noMemory), refusals(overGRPC, noMemory),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionOtlpGuardMemoryUsage(t, g.telemetry, []metricdata.DataPoint[int64]{
		{Value: g.guard.requests.Size(), Attributes: attribute.NewSet(attribute.String("use", "requests"))},
		{Value: g.guard.receiving.inUse(), Attributes: attribute.NewSet(attribute.String("use", "receiving"))},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionOtlpGuardMemoryLimit(t, g.telemetry, []metricdata.DataPoint[int64]{
		{Value: g.guard.requests.Size(), Attributes: attribute.NewSet(attribute.String("use", "requests"))},
		{Value: g.guard.receiving.limit, Attributes: attribute.NewSet(attribute.String("use", "receiving"))},
	}, metricdatatest.IgnoreTimestamp())
}

func refusals(how protocol, why reason) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(
		attribute.String("protocol", string(how)), attribute.String("reason", string(why)))}
}

// A request that is too large by itself is rejected permanently over gRPC too.
func TestTooLargeOverGRPC(t *testing.T) {
	g := startWith(t, "", limited(128))
	body := wrap(wrap(bytes.Repeat([]byte{0x12, 0}, 1<<20), 0x12), 0x0a)
	for _, compression := range []string{"identity", grpcgzip.Name} {
		err := dial(t, g).Invoke(t.Context(), exportTraces, body, &spb.Status{}, grpc.UseCompressor(compression), grpc.ForceCodecV2(rawCodec{}))
		assert.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
		assert.Empty(t, status.Convert(err).Details())
		assert.Contains(t, status.Convert(err).Message(), "send less at a time")
	}
}

// Memory is given back when a request ends, however it ends.
func TestMemoryComesFree(t *testing.T) {
	g := startWith(t, "", limited(128))
	conn := dial(t, g)
	sound, err := spans(100, 10, "").MarshalProto()
	require.NoError(t, err)
	large := wrap(wrap(bytes.Repeat([]byte{0x12, 0}, 1<<20), 0x12), 0x0a)
	for _, body := range [][]byte{sound, []byte("broken"), sound[:len(sound)-10], large} {
		for _, contentType := range []string{typeProtobuf, typeJSON, "text/plain"} {
			// A receiver that does not read the body at all may close the connection first.
			response, err := http.Post("http://"+g.http+"/v1/traces", contentType, bytes.NewReader(body))
			if err == nil {
				require.NoError(t, response.Body.Close())
			}
		}
		for _, compression := range []string{"identity", grpcgzip.Name} {
			_ = conn.Invoke(t.Context(), exportTraces, body, &spb.Status{}, grpc.UseCompressor(compression), grpc.ForceCodecV2(rawCodec{}))
			_ = conn.Invoke(t.Context(), "/no.such/Method", body, &spb.Status{}, grpc.UseCompressor(compression), grpc.ForceCodecV2(rawCodec{}))
		}
	}
	assert.Eventually(t, func() bool {
		g.guard.receiving.mu.Lock()
		defer g.guard.receiving.mu.Unlock()
		return g.guard.requests.Used() == 0 && g.guard.receiving.unfinished.count() == 0 && g.guard.uploads.count() == 0
	}, 10*time.Second, 10*time.Millisecond)
}

// A hundred connections with an incomplete message each, together with
// decompression bombs, do not keep a well-behaved client out and take no more
// than their share.
func TestHeldMessages(t *testing.T) {
	g := startWith(t, "", limited(409))
	ctx, stop := context.WithCancel(t.Context())
	var hostile sync.WaitGroup
	defer hostile.Wait()
	defer stop()
	for range 100 {
		hostile.Go(func() {
			for ctx.Err() == nil {
				holdMessage(ctx, g.grpc, 4<<20)
			}
		})
	}
	bomb := zipped(t, make([]byte, 15<<20))
	for range 10 {
		conn := dial(t, g)
		hostile.Go(func() {
			for ctx.Err() == nil {
				_ = conn.Invoke(ctx, exportTraces, make([]byte, 15<<20), &spb.Status{}, grpc.UseCompressor(grpcgzip.Name), grpc.ForceCodecV2(rawCodec{}))
				request, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.http+"/v1/traces", bytes.NewReader(bomb))
				request.Header = http.Header{"Content-Type": {typeProtobuf}, "Content-Encoding": {"gzip"}}
				if response, err := http.DefaultClient.Do(request); err == nil {
					_ = response.Body.Close()
				}
			}
		})
	}
	client := ptraceotlp.NewGRPCClient(dial(t, g))
	request := spans(100, 10, "")
	tries := 0
	for range 20 {
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			tries++
			_, err := client.Export(ctx, request)
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		assert.LessOrEqual(t, g.guard.receiving.inUse(), g.guard.receiving.limit/2*3)
		assert.LessOrEqual(t, g.guard.requests.Used(), g.guard.requests.Size())
	}
	assert.LessOrEqual(t, tries, 40, "how often the good client had to try")
	http.DefaultClient.CloseIdleConnections()
}

// holdMessage sends a message except for its last byte, and waits until the
// server cancels the call.
func holdMessage(ctx context.Context, address string, size int) {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(size)) //nolint:gosec // some megabytes
	body := io.MultiReader(bytes.NewReader(head), bytes.NewReader(make([]byte, size-1)), untilDone{ctx})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+exportTraces, body)
	if err != nil {
		return
	}
	request.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

// untilDone is a body without an end.
type untilDone struct{ ctx context.Context }

// Read waits for the context to end.
func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// The sender of an uncompressed body receives the answer although the body is
// rejected before its end: if the connection were closed with unread bytes, it
// would be reset.
func TestRestOfARefusedBodyIsRead(t *testing.T) {
	g := start(t, "")
	deep, err := traces(65).MarshalProto()
	require.NoError(t, err)
	body := slices.Concat(deep, make([]byte, 15<<20))
	conn, err := net.Dial("tcp", g.http)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", typeProtobuf, len(body))
	require.NoError(t, err)
	_, err = io.Copy(conn, bytes.NewReader(body))
	require.NoError(t, err, "the whole body is read")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	said := &spb.Status{}
	require.NoError(t, proto.Unmarshal(answer, said))
	assert.Equal(t, message, said.GetMessage())
	// The connection can be used again.
	_, err = fmt.Fprint(conn, "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	response, err = http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusUnsupportedMediaType, response.StatusCode)
}

// A silent connection is closed within seconds, instead of the two minutes that
// are grpc's default and that a shutdown would have to wait.
func TestSilentConnectionsAreClosed(t *testing.T) {
	g := newGuard(limited(182), 182<<20, nil)
	options, err := g.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	server := grpc.NewServer(options...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		assert.NoError(t, <-served)
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(2*handshakeTimeout)))
	_, err = io.Copy(io.Discard, conn) // the server's settings, and then the end
	assert.NoError(t, err, "closed within %v", 2*handshakeTimeout)
}

// Buffers that grpc does not return are no longer counted once they are
// garbage-collected.
func TestLostBuffersAreNotCounted(t *testing.T) {
	r := newReceiving(1 << 20)
	for range 60 {
		kept := r.Get(2 << 10)
		r.Put(kept)
		r.Get(10 << 10) // and dropped
	}
	require.Positive(t, r.inUse())
	assert.Eventually(t, func() bool {
		collect()
		return r.inUse() == 0
	}, 10*time.Second, 10*time.Millisecond)
}

// The mark of a message that was cut short is found wherever the boundaries of
// its buffers are.
func TestCutMark(t *testing.T) {
	for why, mark := range cutMarks {
		whole := append([]byte(strings.Repeat("x", 100)), mark...)
		for i := range whole {
			assert.Equal(t, why, cutShortFor(mem.BufferSlice{mem.SliceBuffer(whole[:i]), mem.SliceBuffer(whole[i:])}))
			assert.Empty(t, cutShortFor(mem.BufferSlice{mem.SliceBuffer(whole[:i])}))
		}
	}
	assert.Empty(t, cutShortFor(nil))
}

// collect frees unreferenced buffers, which takes two collections.
func collect() {
	runtime.GC()
	runtime.GC()
}
