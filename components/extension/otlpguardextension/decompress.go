// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"sync/atomic"

	// Registers the compressors zstd and snappy alongside gzip.
	_ "go.opentelemetry.io/collector/config/configgrpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/decompress"
)

// activeReceiving counts decompressed bytes. It is global because grpc shares
// its compressors between all servers and clients. It belongs to the guard that
// was started last, and is nil while none runs.
var activeReceiving atomic.Pointer[receiving]

// cutMarks are appended to a message whose decompression was abandoned, and
// encode the reason. If the decompressor returned an error, grpc would answer
// INTERNAL, which OTLP senders do not retry. The marks are random, so no sender
// can guess them.
var cutMarks = map[reason][]byte{noMemory: []byte(rand.Text()), tooLarge: []byte(rand.Text())}

// uncounted is the size up to which a message is always decompressed. The
// answer to an export, which a client decompresses, is never that long.
const uncounted = 64 << 10

// errCut is returned instead of a decoder for a message that is cut short.
var errCut = errors.New("no memory is free for the decoder")

// encodings maps gRPC's names to the equivalent Content-Encoding.
var encodings = map[string]string{"gzip": "gzip", "zstd": "zstd", "snappy": "x-snappy-framed"}

func init() { //nolint:gochecknoinits // grpc wants compressors to be registered in init
	for name := range encodings {
		if inner := encoding.GetCompressor(name); inner != nil {
			encoding.RegisterCompressor(&compressor{inner: inner})
		}
	}
}

// compressor wraps a gRPC compressor and stops decompressing when memory is
// short.
type compressor struct{ inner encoding.Compressor }

// Name returns the name of the inner compressor.
func (c *compressor) Name() string { return c.inner.Name() }

// Compress compresses with the inner compressor.
func (c *compressor) Compress(w io.Writer) (io.WriteCloser, error) { return c.inner.Compress(w) }

// Decompress returns the decompressed message, or its beginning followed by a
// cutMark.
func (c *compressor) Decompress(r io.Reader) (io.Reader, error) {
	d := &decompressed{counted: activeReceiving.Load()}
	inner, err := decompress.Open(encodings[c.Name()], r, d.take)
	switch {
	case errors.Is(err, decompress.ErrWindow):
		d.cutShort(tooLarge)
	case err != nil && !d.cut:
		return nil, err
	}
	d.inner = inner
	return d, nil
}

// decompressed is a message that is being decompressed.
type decompressed struct {
	inner   io.ReadCloser // nil if the message is cut short before it is opened
	counted *receiving    // nil if bytes are not counted
	decoder int64         // memory of the decoder, in bytes
	size    int64
	mark    []byte // the part of a cutMark that has not been read yet
	cut     bool
}

// take takes the memory for the decoder, or cuts the message short.
func (d *decompressed) take(n int64) error {
	if d.counted == nil {
		return nil
	}
	if !d.counted.mayDecompress(n) {
		d.cutShort(noMemory)
		return errCut
	}
	d.decoder = n
	d.counted.take(n)
	return nil
}

// cutShort makes the message end with a cutMark.
func (d *decompressed) cutShort(why reason) { d.cut, d.mark = true, cutMarks[why] }

// Read reads the next piece.
func (d *decompressed) Read(p []byte) (int, error) {
	if !d.cut && d.counted != nil && d.size > uncounted && !d.counted.mayDecompress(d.size) {
		d.cutShort(noMemory)
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

// Close gives the decoder and its memory back.
func (d *decompressed) Close() error {
	if d.decoder > 0 {
		d.counted.free(d.decoder)
		d.decoder = 0
	}
	if d.inner == nil {
		return nil
	}
	return d.inner.Close()
}

// cutShortFor returns why a message was cut short, or "" if it was not.
func cutShortFor(data mem.BufferSlice) reason {
	for why, mark := range cutMarks {
		if endsIn(data, mark) {
			return why
		}
	}
	return ""
}

// endsIn reports whether a message ends with a mark.
func endsIn(data mem.BufferSlice, mark []byte) bool {
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
