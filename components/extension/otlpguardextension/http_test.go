// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadatatest"
)

// encoded returns a body in an encoding of confighttp.
func encoded(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		return zipped(t, body)
	case "snappy":
		return snappy.Encode(nil, body)
	case "x-snappy-framed":
		w = snappy.NewBufferedWriter(&b)
	case "lz4":
		w = lz4.NewWriter(&b)
	case "zstd":
		var err error
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		require.NoError(t, err)
	default:
		w = zlib.NewWriter(&b)
	}
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func encodedAs(encoding string) http.Header {
	return http.Header{"Content-Type": {typeProtobuf}, "Content-Encoding": {encoding}}
}

// The guard decompresses every encoding that confighttp decompresses by
// default, and counts the result.
func TestEncodings(t *testing.T) {
	g := startWith(t, "", limited(409))
	sound, err := spans(100, 10, "").MarshalProto()
	require.NoError(t, err)
	bomb := wrap(wrap(bytes.Repeat([]byte{0x12, 0}, 5<<20), 0x12), 0x0a)
	for i, encoding := range []string{"gzip", "zlib", "deflate", "zstd", "snappy", "x-snappy-framed", "lz4"} {
		t.Run(encoding, func(t *testing.T) {
			code, _, answer := postWith(t.Context(), t, g, "/v1/traces", encodedAs(encoding), encoded(t, encoding, sound))
			assert.Equal(t, http.StatusOK, code, "%s", answer)
			assert.Equal(t, 100*(i+1), g.traces.SpanCount())
			code, _, answer = postWith(t.Context(), t, g, "/v1/traces", encodedAs(encoding), encoded(t, encoding, bomb))
			assert.Equal(t, http.StatusRequestEntityTooLarge, code, "%s", answer)
			code, _, answer = postWith(t.Context(), t, g, "/v1/traces", encodedAs(encoding), []byte("\x01broken"))
			assert.Equal(t, http.StatusBadRequest, code, "%s", answer)
		})
	}
	code, _, answer := postWith(t.Context(), t, g, "/v1/traces", encodedAs("br"), sound)
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, string(answer), "unsupported Content-Encoding: br")
	assert.Zero(t, g.guard.requests.Used())
}

// The size of a decompressed body is limited, as the receiver limits other
// bodies.
func TestMaxRequestBodySize(t *testing.T) {
	config := limited(1024)
	config.MaxRequestBodySize = 1 << 20
	g := startWith(t, "", config)
	body := append([]byte{0xa2, 0x06, 0x80, 0x80, 0x40}, make([]byte, 1<<20)...) // an unknown field of 1 MiB
	code, _, answer := postWith(t.Context(), t, g, "/v1/traces", encodedAs("gzip"), zipped(t, body))
	assert.Equal(t, http.StatusRequestEntityTooLarge, code)
	assert.Contains(t, string(answer), "larger than 1 MiB after decompression")
	metadatatest.AssertEqualExtensionOtlpGuardRefusedRequests(t, g.telemetry,
		[]metricdata.DataPoint[int64]{refusals(protobuf, tooLong)}, metricdatatest.IgnoreTimestamp())
}

// A decoder's own memory counts too: for the window of zstd, and for a block of
// snappy, memory must be free before anything is decoded.
func TestDecodersAreCounted(t *testing.T) {
	g := startWith(t, "", limited(128))
	var stream bytes.Buffer
	w, err := zstd.NewWriter(&stream, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(32<<20))
	require.NoError(t, err)
	_, err = w.Write([]byte{0x0a, 0})
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	require.NoError(t, w.Close())
	for encoding, body := range map[string][]byte{
		"zstd": stream.Bytes(), "snappy": snappy.Encode(nil, make([]byte, 10<<20)), "lz4": encoded(t, "lz4", []byte{0x0a, 0}),
	} {
		other := g.guard.requests.NewRequest()
		require.NoError(t, other.Grow(t.Context(), g.guard.requests.Largest()))
		code, header, answer := postWith(t.Context(), t, g, "/v1/traces", encodedAs(encoding), body)
		assert.Equal(t, http.StatusServiceUnavailable, code, "%s: %s", encoding, answer)
		assert.Equal(t, "1", header.Get("Retry-After"))
		other.Release()
	}
}

// A sender that stops in the middle of a body does not keep others out: when
// memory is short, the oldest such requests are canceled.
func TestUploadsThatStopAreEnded(t *testing.T) {
	g := startWith(t, "", limited(128))
	ctx, stop := context.WithCancel(t.Context())
	var hostile sync.WaitGroup
	defer hostile.Wait()
	defer stop()
	for range 60 {
		hostile.Go(func() {
			for ctx.Err() == nil {
				uploadAndStop(ctx, g.http, 1<<20)
			}
		})
	}
	require.Eventually(t, func() bool { return g.guard.requests.Used() > g.guard.requests.Size()/10*9 }, time.Minute, time.Millisecond)
	sound, err := spans(500, 10, strings.Repeat("SELECT 1, ", 20)).MarshalProto()
	require.NoError(t, err)
	for range 10 {
		began := time.Now()
		require.Eventually(t, func() bool {
			response, err := http.Post("http://"+g.http+"/v1/traces", typeProtobuf, bytes.NewReader(sound))
			if err != nil {
				return false
			}
			defer response.Body.Close()
			return response.StatusCode == http.StatusOK
		}, time.Minute, 10*time.Millisecond)
		t.Logf("a good client was served after %v", time.Since(began))
	}
}

// uploadAndStop sends a part of a request, then waits for a retryable answer or
// the end of the context.
func uploadAndStop(ctx context.Context, address string, size int) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", typeProtobuf, 2*size)
	_, _ = conn.Write(append([]byte{0xa2, 0x06, 0x80, 0x80, 0x80, 0x01}, make([]byte, size)...))
	answer, _ := io.ReadAll(conn)
	if len(answer) > 0 && !bytes.Contains(answer, []byte("503 Service Unavailable")) {
		panic(fmt.Sprintf("the answer to an upload that stopped: %s", answer))
	}
}

// Headers are not counted: they are small, or the request is rejected.
func TestHeadersAreBounded(t *testing.T) {
	g := start(t, "")
	for size, want := range map[int]int{maxHeaders - 1<<10: http.StatusOK, maxHeaders + 1: http.StatusRequestHeaderFieldsTooLarge} {
		header := http.Header{"Content-Type": {typeProtobuf}, "Baggage": {strings.Repeat("a", size)}}
		code, _, _ := postWith(t.Context(), t, g, "/v1/traces", header, nil)
		assert.Equal(t, want, code, "%d bytes", size)
	}
}
