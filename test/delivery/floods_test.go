// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// clients are a number of clients that repeat the same request.
type clients struct {
	name    string
	count   int
	divisor int // divides count when all kinds send together
	send    func(ctx context.Context, c *harness.Collector)
}

// floods are the kinds of hostile clients. None of them sends a token.
func floods(t *testing.T, largest int) []clients {
	t.Helper()
	list := []clients{
		{"poison pills of 7 KB over HTTP", 20, 10, posting("gzip", zip(t, poisonPill()))},
		{"poison pills over gRPC", 10, 10, invoking(poisonPill(), grpc.UseCompressor("gzip"))},
		{"windows of 512 MiB in zstd", 100, 10, posting("zstd", zstdOf(t, make([]byte, 1000), 512*mebi))},
		{"windows of 32 MiB in zstd", 100, 10, posting("zstd", zstdOf(t, make([]byte, 15*mebi), 32*mebi))},
		{"blocks of snappy", 100, 10, posting("snappy", snappy.Encode(nil, make([]byte, 15*mebi)))},
		{"gzip bombs", 100, 10, posting("gzip", gzipBomb(100*mebi))},
		{"half of a body, and then nothing", 300, 10, func(ctx context.Context, c *harness.Collector) { sendHalf(ctx, c.HTTP, mebi) }},
		{"calls in frames of one byte", 30, 10, func(ctx context.Context, c *harness.Collector) { sendFrames(ctx, c.GRPC, 15*mebi, 1, false) }},
		heldMessages(largest),
	}
	for _, empty := range []struct {
		name string
		body []byte
	}{
		{"empty spans", emptyMessages(0x12, 1, 2)},
		{"empty events", emptyMessages(0x5a, 1, 2, 2)},
		{"empty resources", emptyMessages(0x0a)},
	} {
		list = append(list,
			clients{empty.name + " over HTTP", 100, 10, posting("gzip", zip(t, empty.body))},
			clients{empty.name + " over gRPC", 10, 10, invoking(empty.body, grpc.UseCompressor("gzip"))})
	}
	return list
}

// heldMessages are connections that each hold a gRPC message of some mebibytes.
func heldMessages(mib int) clients {
	return clients{
		fmt.Sprintf("a hundred connections with a message of %d MiB each but for its last byte", mib), 100, 1,
		func(ctx context.Context, c *harness.Collector) { sendFrames(ctx, c.GRPC, mib*mebi, 16<<10, true) },
	}
}

func posting(encoding string, body []byte) func(context.Context, *harness.Collector) {
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	return func(ctx context.Context, c *harness.Collector) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.HTTP+"/v1/traces", bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", protobufType)
		request.Header.Set("Content-Encoding", encoding)
		if response, err := client.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
}

func invoking(message []byte, options ...grpc.CallOption) func(context.Context, *harness.Collector) {
	return func(ctx context.Context, c *harness.Collector) {
		conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return
		}
		defer conn.Close()
		var answer []byte
		_ = conn.Invoke(ctx, exportMethod, message, &answer, append(options, grpc.ForceCodec(rawCodec{}))...)
	}
}

// sendHalf sends part of a body and waits for a response.
func sendHalf(ctx context.Context, address string, size int) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", protobufType, 2*size)
	_, _ = conn.Write(protowire.AppendVarint(protowire.AppendTag(nil, 100, protowire.BytesType), uint64(2*size-8))) //nolint:gosec // a megabyte
	_, _ = conn.Write(make([]byte, size))
	_, _ = conn.Read(make([]byte, 1))
}

// sendFrames sends a gRPC message, except its last byte, in frames of the given size. If
// hold is set, it then waits for a response. It respects the server's flow-control
// windows: grpc-go resets a stream that exceeds them and discards its message.
func sendFrames(ctx context.Context, address string, size, frame int, hold bool) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return
	}
	var headers bytes.Buffer
	encoder := hpack.NewEncoder(&headers)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", exportMethod}, {":authority", "a"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers.Bytes(), EndHeaders: true})
	_ = framer.WriteData(1, false, binary.BigEndian.AppendUint32([]byte{0}, uint32(size))) //nolint:gosec // some megabytes
	updates := make(chan *http2.WindowUpdateFrame)
	go readUpdates(ctx, framer, updates)

	const initialWindow = 65_535                        // RFC 9113, section 6.9.2
	windows := [2]int{initialWindow, initialWindow - 5} // of the connection and of the stream
	for left := size - 1; left > 0; {
		if n := min(left, windows[0], windows[1], 32<<10); n > 0 {
			if _, err := conn.Write(frames(n, frame)); err != nil {
				return
			}
			windows[0], windows[1], left = windows[0]-n, windows[1]-n, left-n
			continue
		}
		update, ok := <-updates
		if !ok {
			return
		}
		windows[min(update.StreamID, 1)] += int(update.Increment)
	}
	for hold {
		_, hold = <-updates
	}
}

// readUpdates forwards the server's window updates until the server ends the call.
func readUpdates(ctx context.Context, framer *http2.Framer, updates chan<- *http2.WindowUpdateFrame) {
	defer close(updates)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.WindowUpdateFrame:
			update := *frame // the framer reuses it
			select {
			case updates <- &update:
			case <-ctx.Done():
				return
			}
		case *http2.RSTStreamFrame, *http2.HeadersFrame, *http2.GoAwayFrame:
			return
		}
	}
}

// frames returns zero bytes in DATA frames of a size.
func frames(n, size int) []byte {
	var b bytes.Buffer
	framer := http2.NewFramer(&b, nil)
	zeros := make([]byte, size)
	for ; n > 0; n -= size {
		_ = framer.WriteData(1, false, zeros[:min(n, size)]) // a bytes.Buffer accepts everything
	}
	return b.Bytes()
}

// emptyMessages is a request with as many empty messages as fit into 7 MiB.
func emptyMessages(tag byte, path ...protowire.Number) []byte {
	return inside(bytes.Repeat([]byte{tag, 0}, 7*mebi/2), path...)
}

// poisonPill is a request of four spans, each with 900,000 empty events.
func poisonPill() []byte {
	span := inside(bytes.Repeat([]byte{0x5a, 0}, 900_000), 2)
	return inside(bytes.Repeat(span, 4), 1, 2)
}

// inside nests a message in the fields of a path.
func inside(body []byte, path ...protowire.Number) []byte {
	for i := len(path) - 1; i >= 0; i-- {
		body = protowire.AppendBytes(protowire.AppendTag(nil, path[i], protowire.BytesType), body)
	}
	return body
}

func zip(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	writer := gzip.NewWriter(&b)
	_, err := writer.Write(body)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return b.Bytes()
}

// zstdOf compresses a body with a given window size.
func zstdOf(t *testing.T, body []byte, window int) []byte {
	t.Helper()
	var b bytes.Buffer
	writer, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	require.NoError(t, err)
	_, err = writer.Write(body)
	require.NoError(t, err)
	require.NoError(t, writer.Flush(), "so that the header does not contain the length")
	require.NoError(t, writer.Close())
	return b.Bytes()
}
