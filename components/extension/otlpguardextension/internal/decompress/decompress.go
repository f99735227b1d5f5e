// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package decompress reads compressed requests with a bound on the memory that
// the decoder itself takes. A zstd frame of 26 bytes may declare a window of
// 512 MiB, which a decoder allocates before it returns a byte; an lz4 block takes
// 4 MiB, and a snappy block whatever it declares.
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

// What the decoders take, in bytes, rounded up: their windows, tables and
// buffers.
const (
	flateSize  = 64 << 10
	framedSize = 192 << 10
	lz4Size    = 9 << 20 // two blocks of the largest size, 4 MiB
)

// Take takes n bytes of memory for a decoder, or returns why it may not have
// them. It is called once, before they are allocated.
type Take func(n int64) error

// Open returns what body decompresses to. The encodings are those of confighttp:
// gzip, zstd, zlib, deflate, snappy, x-snappy-framed and lz4. It returns take's
// error if there is no memory for the decoder, and another one for an encoding
// that it does not know or a body that begins with anything else.
//
// Close gives the decoder back, and does not close body.
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

// contained makes errors of a decoder's panics: a broken body must not end the
// process.
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

// Reset begins another body.
func (z zlibReader) Reset(r io.Reader) error { return z.inner.(zlib.Resetter).Reset(r, nil) }

var gzipReaders, zlibReaders sync.Pool

// pooled is a decoder that goes back to its pool.
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

// Close gives the decoder back.
func (p *pooled) Close() error {
	if p.inner != nil {
		p.pool.Put(p.inner)
		p.inner = nil
	}
	return nil
}

// snappyFrame begins a stream in snappy's framing format. Senders of an older
// collector call that snappy too.
const snappyFrame = "\xff\x06\x00\x00sNaPpY"

var errSnappyLength = errors.New("snappy: the block is longer than what it declares")

// openFramed reads snappy in its framing format.
func openFramed(body io.Reader, take Take) (io.ReadCloser, error) {
	if err := take(framedSize); err != nil {
		return nil, err
	}
	return contained{io.NopCloser(snappy.NewReader(body))}, nil
}

// openSnappy reads a snappy block, which cannot be read in pieces.
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
		return io.NopCloser(buffered), nil // what a snappy encoder makes of nothing
	}
	decoded, err := snappy.DecodedLen(start)
	if err != nil {
		return nil, err
	}
	longest := snappy.MaxEncodedLen(decoded)
	if longest < 0 {
		return nil, snappy.ErrTooLarge
	}
	// io.ReadAll may have the block twice.
	if err := take(int64(decoded) + 2*int64(longest)); err != nil {
		return nil, err
	}
	return &snappyBlock{body: buffered, longest: longest}, nil
}

// snappyBlock is a block that is decompressed when it is read.
type snappyBlock struct {
	body    io.Reader
	longest int    // that the block may be, by what it declares
	rest    []byte // what is decompressed and not read
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

// Close drops what is left.
func (s *snappyBlock) Close() error {
	s.body, s.rest = nil, nil
	return nil
}
