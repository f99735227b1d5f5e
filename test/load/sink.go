// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package load // import "github.com/ociapm/otelcol-ociapm/test/load"

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sink accepts uploads on a loopback address. It reads each one and answers with an
// empty success. This is the minimum for an HTTP server and leaves the cores to the
// collector.
type sink struct {
	url    string
	server *http.Server
	served sync.WaitGroup

	uploads atomic.Int64
	bytes   atomic.Int64 // compressed size of the bodies
	last    atomic.Int64 // when the last upload had arrived, Unix time in ns

	// counting makes the sink decode the uploads and count their spans.
	counting atomic.Bool
	spans    atomic.Int64
	broken   atomic.Int64 // uploads that cannot be decoded

	// down makes the sink refuse every upload with 503.
	down atomic.Bool
}

func newSink(ctx context.Context) (*sink, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + listener.Addr().String()}
	s.server = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	s.served.Go(func() { _ = s.server.Serve(listener) })
	return s, nil
}

func (s *sink) close() {
	_ = s.server.Close()
	s.served.Wait()
}

var readBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func (s *sink) serve(w http.ResponseWriter, r *http.Request) {
	if s.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	n, ok := int64(0), true
	if s.counting.Load() {
		n, ok = s.count(r)
	} else {
		buffer := readBuffers.Get().(*[256 << 10]byte)
		for {
			m, err := r.Body.Read(buffer[:])
			n += int64(m)
			if err != nil {
				ok = err == io.EOF
				break
			}
		}
		readBuffers.Put(buffer)
	}
	if !ok {
		s.broken.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.uploads.Add(1)
	s.bytes.Add(n)
	s.last.Store(time.Now().UnixNano())
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// count decodes an upload and returns its compressed size.
func (s *sink) count(r *http.Request) (int64, bool) {
	wire := &countingReader{inner: r.Body}
	body := io.Reader(wire)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(wire)
		if err != nil {
			return 0, false
		}
		body = unzipped
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return 0, false
	}
	exported := ptraceotlp.NewExportRequest()
	if err := exported.UnmarshalProto(content); err != nil {
		return 0, false
	}
	s.spans.Add(int64(exported.Traces().SpanCount()))
	return wire.n, true
}

type countingReader struct {
	inner io.Reader
	n     int64
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.inner.Read(p)
	c.n += int64(n)
	return n, err
}
