// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package decompress // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/decompress"

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// ErrWindow is returned for a zstd body that declares a larger window than any
// encoder of a collector or SDK uses.
var ErrWindow = errors.New("zstd: the window is larger than the limit")

// zstdClass holds the decoders for windows up to a given size.
type zstdClass struct {
	window int64
	// idle holds unused decoders. Its capacity is the number that is kept.
	idle chan *zstd.Decoder
}

// zstdClasses are sorted by window size: for short bodies, for the streams of
// most encoders (the maximum that RFC 9659 allows), and for those of a
// collector with zstd's best level. Once all were used, the decoders that are
// kept take some 15 MiB.
var zstdClasses = []zstdClass{
	{window: 1 << 20, idle: make(chan *zstd.Decoder, 3)},
	{window: 8 << 20, idle: make(chan *zstd.Decoder, 1)},
	{window: 32 << 20},
}

// size returns the memory of a decoder of the class, in bytes: the window,
// tables and buffers, and the allocator's rounding.
func (c *zstdClass) size() int64 { return c.window + c.window/16 + 1<<20 }

// zstdReader is a decoder that is returned to its class.
type zstdReader struct {
	class *zstdClass
	inner *zstd.Decoder
}

// openZstd reads zstd. The window of the first frame is the maximum for all
// frames.
func openZstd(body io.Reader, take Take) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(body, 512)
	start, err := buffered.Peek(zstd.HeaderMaxSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var header zstd.Header
	if err := header.Decode(start); err != nil {
		return nil, err
	}
	window := int64(min(header.WindowSize, 1<<62))
	for i := range zstdClasses {
		class := &zstdClasses[i]
		if window > class.window {
			continue
		}
		if err := take(class.size()); err != nil {
			return nil, err
		}
		return class.open(buffered)
	}
	return nil, fmt.Errorf("%w of 32 MiB: %d MiB", ErrWindow, window>>20)
}

func (c *zstdClass) open(body io.Reader) (io.ReadCloser, error) {
	select {
	case idle := <-c.idle:
		if err := idle.Reset(body); err != nil {
			return nil, err
		}
		return contained{&zstdReader{class: c, inner: idle}}, nil
	default:
	}
	window := uint64(c.window) //nolint:gosec // of the table
	inner, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecodeBuffersBelow(0))
	if err != nil {
		return nil, err
	}
	return contained{&zstdReader{class: c, inner: inner}}, nil
}

// Read reads the next piece.
func (z *zstdReader) Read(p []byte) (int, error) {
	if z.inner == nil {
		return 0, zstd.ErrDecoderClosed
	}
	return z.inner.Read(p)
}

// Close returns the decoder to its class, or discards it if enough are kept.
func (z *zstdReader) Close() error {
	if z.inner == nil {
		return nil
	}
	inner := z.inner
	z.inner = nil
	if err := inner.Reset(nil); err != nil {
		inner.Close()
		return nil //nolint:nilerr // it is dropped
	}
	select {
	case z.class.idle <- inner:
	default:
		inner.Close()
	}
	return nil
}
