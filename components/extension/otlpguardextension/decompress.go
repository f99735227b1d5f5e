// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"bytes"
	"crypto/rand"
	"io"
	"sync/atomic"

	// For zstd and snappy, which it registers beside gzip.
	_ "go.opentelemetry.io/collector/config/configgrpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// activeReceiving counts what is decompressed, for grpc has its compressors in
// common for all servers and clients. It is that of the guard that was started
// last, and nil where none runs.
var activeReceiving atomic.Pointer[receiving]

// cutMark ends a message whose decompression was given up. grpc would make
// INTERNAL of an error, which OTLP senders do not retry. Nobody can guess it.
var cutMark = []byte(rand.Text())

// uncounted is how much of a message is decompressed in any case. No answer to
// an export, which a client decompresses, is as long.
const uncounted = 64 << 10

func init() { //nolint:gochecknoinits // grpc wants compressors to be registered in init
	for _, name := range []string{"gzip", "zstd", "snappy"} {
		if inner := encoding.GetCompressor(name); inner != nil {
			encoding.RegisterCompressor(&compressor{inner: inner})
		}
	}
}

// compressor is the inner one, but gives up decompressing where memory is short.
type compressor struct{ inner encoding.Compressor }

// Name is that of the inner compressor.
func (c *compressor) Name() string { return c.inner.Name() }

// Compress is that of the inner compressor.
func (c *compressor) Compress(w io.Writer) (io.WriteCloser, error) { return c.inner.Compress(w) }

// Decompress returns what r decompresses to, or its beginning and cutMark.
func (c *compressor) Decompress(r io.Reader) (io.Reader, error) {
	inner, err := c.inner.Decompress(r)
	if err != nil {
		return nil, err
	}
	return &decompressed{inner: inner, counted: activeReceiving.Load()}, nil
}

// decompressed is a message that is decompressed.
type decompressed struct {
	inner   io.Reader
	counted *receiving // nil where nothing is counted
	size    int64
	mark    []byte // what is still to be read of cutMark
	cut     bool
}

// Read reads the next piece.
func (d *decompressed) Read(p []byte) (int, error) {
	if !d.cut && d.counted != nil && d.size > uncounted && !d.counted.mayDecompress(d.size) {
		d.cut, d.mark = true, cutMark
	}
	if d.cut {
		n := copy(p, d.mark)
		d.mark = d.mark[n:]
		if len(d.mark) == 0 {
			return n, io.EOF
		}
		return n, nil
	}
	n, err := d.inner.Read(p)
	d.size += int64(n)
	return n, err
}

// Close closes the inner reader.
func (d *decompressed) Close() error {
	if closer, ok := d.inner.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// wasCutShort says whether a message ends in cutMark.
func wasCutShort(data mem.BufferSlice) bool {
	mark := cutMark
	for i := len(data) - 1; i >= 0 && len(mark) > 0; i-- {
		piece := data[i].ReadOnlyData()
		n := min(len(piece), len(mark))
		if !bytes.Equal(piece[len(piece)-n:], mark[len(mark)-n:]) {
			return false
		}
		mark = mark[:len(mark)-n]
	}
	return len(mark) == 0
}
