// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package decompress reads compressed requests and limits the memory of the
// decoder itself. A zstd frame of 26 bytes may declare a window of 512 MiB,
// which a decoder allocates before it returns the first byte; an lz4 block
// takes 4 MiB, and a snappy block as much as it declares.
package decompress // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/decompress"

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"
)

// The memory of each decoder in bytes, rounded up: windows, tables and buffers.
const (
	flateSize  = 64 << 10
	framedSize = 192 << 10
	lz4Size    = 9 << 20 // two blocks of the largest size, 4 MiB
)

// Take takes n bytes of memory for a decoder, or returns an error if they are
// not available. It is called once, before the decoder is allocated.
type Take func(n int64) error

// Open returns a reader of the decompressed body. It knows the encodings of
// confighttp: gzip, zstd, zlib, deflate, snappy, x-snappy-framed and lz4. It
// returns take's error if there is no memory for the decoder, and another error
// for an unknown encoding or a body that does not begin as its encoding
// requires.
//
// Close returns the decoder to its pool and leaves body open.
func Open(encoding string, body io.Reader, take Take) (io.ReadCloser, error) {
	switch encoding {
	case "gzip":
		return openPooled(&gzipReaders, body, take, func() (resetter, error) { return gzip.NewReader(body) })
	case "zlib", "deflate":
		return openPooled(&zlibReaders, body, take, func() (resetter, error) {
			r, err := zlib.NewReader(body)
			if err != nil {
				return nil, err
			}
			return zlibReader{r}, nil
		})
	case "zstd":
		return openZstd(body, take)
	case "snappy":
		return openSnappy(body, take)
	case "x-snappy-framed":
		return openFramed(body, take)
	case "lz4":
		if err := take(lz4Size); err != nil {
			return nil, err
		}
		return contained{io.NopCloser(lz4.NewReader(body))}, nil
	default:
		return nil, fmt.Errorf("unsupported Content-Encoding: %s", encoding)
	}
}

// contained turns a panic of a decoder into an error: a malformed body must not
// crash the process.
type contained struct{ inner io.ReadCloser }

// Read reads the next piece.
func (c contained) Read(p []byte) (n int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			n, err = 0, fmt.Errorf("decompress: %v", cause)
		}
	}()
	return c.inner.Read(p)
}

// Close closes the decoder.
func (c contained) Close() error { return c.inner.Close() }

// resetter is a decoder that can be used again.
type resetter interface {
	io.Reader
	Reset(r io.Reader) error
}

// zlibReader is a decoder for zlib without a dictionary.
type zlibReader struct{ inner io.ReadCloser }

// Read reads the next piece.
func (z zlibReader) Read(p []byte) (int, error) { return z.inner.Read(p) }

// Reset prepares the decoder for another body.
func (z zlibReader) Reset(r io.Reader) error { return z.inner.(zlib.Resetter).Reset(r, nil) }

var gzipReaders, zlibReaders sync.Pool

// pooled is a decoder that is returned to its pool.
type pooled struct {
	pool  *sync.Pool
	inner resetter
}

func openPooled(pool *sync.Pool, body io.Reader, take Take, create func() (resetter, error)) (io.ReadCloser, error) {
	if err := take(flateSize); err != nil {
		return nil, err
	}
	inner, ok := pool.Get().(resetter)
	var err error
	if ok {
		err = inner.Reset(body)
	} else {
		inner, err = create()
	}
	if err != nil {
		if ok {
			pool.Put(inner)
		}
		return nil, err
	}
	return contained{&pooled{pool: pool, inner: inner}}, nil
}

// Read reads the next piece.
func (p *pooled) Read(b []byte) (int, error) {
	if p.inner == nil {
		return 0, io.ErrClosedPipe
	}
	return p.inner.Read(b)
}

// Close returns the decoder to its pool.
func (p *pooled) Close() error {
	if p.inner != nil {
		p.pool.Put(p.inner)
		p.inner = nil
	}
	return nil
}

// snappyFrame begins a stream in snappy's framing format. Older collectors send
// it with Content-Encoding: snappy.
const snappyFrame = "\xff\x06\x00\x00sNaPpY"

var errSnappyLength = errors.New("snappy: the block is longer than it declares")

// openFramed reads snappy in its framing format.
func openFramed(body io.Reader, take Take) (io.ReadCloser, error) {
	if err := take(framedSize); err != nil {
		return nil, err
	}
	return contained{io.NopCloser(snappy.NewReader(body))}, nil
}

// openSnappy reads a block of snappy, which can only be decompressed as a
// whole.
func openSnappy(body io.Reader, take Take) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(body, 512)
	start, err := buffered.Peek(len(snappyFrame))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(start) == snappyFrame {
		return openFramed(buffered, take)
	}
	if len(start) == 0 {
		return io.NopCloser(buffered), nil // a snappy encoder writes nothing for an empty body
	}
	decoded, err := snappy.DecodedLen(start)
	if err != nil {
		return nil, err
	}
	longest := snappy.MaxEncodedLen(decoded)
	if longest < 0 {
		return nil, snappy.ErrTooLarge
	}
	// io.ReadAll may hold the compressed block twice.
	if err := take(int64(decoded) + 2*int64(longest)); err != nil {
		return nil, err
	}
	return &snappyBlock{body: buffered, longest: longest}, nil
}

// snappyBlock is a block that is decompressed on its first read.
type snappyBlock struct {
	body    io.Reader
	longest int    // maximum length of the block, according to its header
	rest    []byte // decompressed bytes that have not been read yet
}

// Read reads the next piece.
func (s *snappyBlock) Read(p []byte) (int, error) {
	if s.body != nil {
		block, err := io.ReadAll(io.LimitReader(s.body, int64(s.longest)+1))
		s.body = nil
		if err != nil {
			return 0, err
		}
		if len(block) > s.longest {
			return 0, errSnappyLength
		}
		if s.rest, err = snappy.Decode(nil, block); err != nil {
			return 0, err
		}
	}
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close discards the unread rest.
func (s *snappyBlock) Close() error {
	s.body, s.rest = nil, nil
	return nil
}
