// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package decompress

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// encoders has one encoder for each encoding, and one for each of the two
// formats that are called snappy.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":            func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"zlib":            func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"deflate":         func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"snappy":          func(w io.Writer) io.WriteCloser { return snappy.NewBufferedWriter(w) },
	"x-snappy-framed": func(w io.Writer) io.WriteCloser { return snappy.NewBufferedWriter(w) },
	"lz4":             func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		return z
	},
}

func compressed(t testing.TB, encoding string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := encoders[encoding](&b)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func zstdWith(t testing.TB, body []byte, window int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	require.NoError(t, err)
	_, err = w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Flush(), "so that the length is not known at the beginning")
	require.NoError(t, w.Close())
	return b.Bytes()
}

func allow(int64) error { return nil }

// The output of every encoder can be read, by new decoders and by reused ones.
func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(random.Uint32() % 256)
	}
	bodies := map[string][]byte{
		"nothing": nil,
		"a word":  []byte("spans"),
		"text":    []byte(strings.Repeat("SELECT * FROM rooms WHERE id = 7; ", 50_000)),
		"noise":   noise,
	}
	for encoding := range encoders {
		for name, body := range bodies {
			t.Run(encoding+"/"+name, func(t *testing.T) {
				for range 3 {
					taken := int64(0)
					r, err := Open(encoding, bytes.NewReader(compressed(t, encoding, body)), func(n int64) error {
						assert.Zero(t, taken, "asked once")
						taken = n
						return nil
					})
					require.NoError(t, err)
					assert.True(t, taken > 0 || len(body) == 0)
					got, err := io.ReadAll(r)
					require.NoError(t, err)
					assert.True(t, bytes.Equal(body, got), "%d bytes are read of %d", len(got), len(body))
					require.NoError(t, r.Close())
					require.NoError(t, r.Close(), "again")
				}
			})
		}
	}
}

// A single block of snappy can be read too.
func TestSnappyBlock(t *testing.T) {
	body := []byte(strings.Repeat("spans ", 10_000))
	taken := int64(0)
	r, err := Open("snappy", bytes.NewReader(snappy.Encode(nil, body)), func(n int64) error { taken = n; return nil })
	require.NoError(t, err)
	assert.Greater(t, taken, int64(len(body)))
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, body, got)

	longer := append(snappy.Encode(nil, []byte("spans")), bytes.Repeat([]byte("x"), 1000)...)
	r, err = Open("snappy", bytes.NewReader(longer), allow)
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	assert.ErrorIs(t, err, errSnappyLength)
}

// Without memory, no decoder is allocated.
func TestNoMemory(t *testing.T) {
	errFull := errors.New("full")
	for encoding := range encoders {
		_, err := Open(encoding, bytes.NewReader(compressed(t, encoding, []byte("spans"))), func(int64) error { return errFull })
		require.ErrorIs(t, err, errFull, encoding)
	}
	_, err := Open("snappy", bytes.NewReader(snappy.Encode(nil, []byte("spans"))), func(int64) error { return errFull })
	assert.ErrorIs(t, err, errFull)
}

// A zstd body takes the memory of its window. A window that is larger than any
// collector's encoder uses is rejected before anything is allocated.
func TestZstdWindow(t *testing.T) {
	body := bytes.Repeat([]byte("spans"), 50_000)
	for window, class := range map[int]int{512 << 10: 0, 1 << 20: 0, 4 << 20: 1, 8 << 20: 1, 32 << 20: 2} {
		taken := int64(0)
		r, err := Open("zstd", bytes.NewReader(zstdWith(t, body, window)), func(n int64) error { taken = n; return nil })
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		assert.True(t, bytes.Equal(body, got))
		assert.Equal(t, zstdClasses[class].size(), taken, "for a window of %d bytes", window)
	}
	_, err := Open("zstd", bytes.NewReader(zstdWith(t, body, 64<<20)), allow)
	require.ErrorIs(t, err, ErrWindow)

	// A later frame must not have a larger window than the first.
	two := append(zstdWith(t, body, 512<<10), zstdWith(t, body, 8<<20)...)
	r, err := Open("zstd", bytes.NewReader(two), allow)
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, zstd.ErrWindowSizeExceeded)
	require.NoError(t, r.Close())
}

// A decoder takes no more memory than it has asked for.
func TestSizes(t *testing.T) {
	body := bytes.Repeat([]byte("spans"), 200_000)
	for encoding := range encoders {
		bodies := [][]byte{compressed(t, encoding, body)}
		if encoding == "zstd" {
			bodies = append(bodies, zstdWith(t, body, 8<<20), zstdWith(t, body, 32<<20))
		}
		for _, in := range bodies {
			taken := int64(0)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			const many = 8
			readers := make([]io.ReadCloser, many)
			for i := range readers {
				var err error
				readers[i], err = Open(encoding, bytes.NewReader(in), func(n int64) error { taken += n; return nil })
				require.NoError(t, err)
				_, err = io.ReadFull(readers[i], make([]byte, 1000))
				require.NoError(t, err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			assert.LessOrEqual(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), taken+many<<10, encoding) //nolint:gosec // some megabytes
			for _, r := range readers {
				require.NoError(t, r.Close())
			}
		}
	}
}

func TestUnknownEncoding(t *testing.T) {
	_, err := Open("br", strings.NewReader("x"), allow)
	assert.EqualError(t, err, "unsupported Content-Encoding: br")
}

// panicking is a decoder that panics.
type panicking struct{ io.Closer }

func (panicking) Read([]byte) (int, error) { panic("out of step") }

func TestPanicsAreErrors(t *testing.T) {
	_, err := contained{panicking{}}.Read(nil)
	assert.EqualError(t, err, "decompress: out of step")
}

// No input crashes the process or makes a decoder take more memory than it has
// asked for.
func FuzzOpen(f *testing.F) {
	for encoding := range encoders {
		f.Add(encoding, compressed(f, encoding, []byte("spans and spans and spans")))
	}
	f.Add("snappy", snappy.Encode(nil, []byte("spans")))
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		r, err := Open(encoding, bytes.NewReader(body), func(n int64) error {
			if n > 64<<20 {
				return errors.New("too much")
			}
			return nil
		})
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(r, 64<<20))
		require.NoError(t, r.Close())
	})
}
