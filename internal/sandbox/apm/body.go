// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// maxPooledBuffer is the largest buffer worth keeping for the next upload.
const maxPooledBuffer = 4 << 20

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// countingReader counts the bytes that were read.
type countingReader struct {
	reader io.Reader
	n      int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.n += int64(n)
	return n, err
}

// readBody reads the body, decompressed, into buffer.
func (u *upload) readBody(buffer *bytes.Buffer) *problem {
	limit := u.server.config.MaxDecompressedBytes
	wire := &countingReader{reader: http.MaxBytesReader(u.w, u.r.Body, u.server.config.MaxRequestBytes)}
	defer func() {
		u.info.Bytes = wire.n
		u.info.BytesDecompressed = int64(buffer.Len())
	}()

	var body io.Reader = wire
	compressed, _ := contentEncoding(u.r)
	if compressed {
		unzipped, err := gzip.NewReader(wire)
		if err != nil {
			return u.readProblem(err, true)
		}
		defer unzipped.Close() // returns what Read returned
		body = unzipped
	}
	n, err := buffer.ReadFrom(io.LimitReader(body, limit+1))
	if err != nil {
		return u.readProblem(err, compressed)
	}
	if n > limit {
		return &problem{
			status: http.StatusRequestEntityTooLarge, reason: "too_large",
			message: fmt.Sprintf("the decompressed body is larger than %d bytes: send smaller batches, or raise --max-decompressed-bytes of the sandbox", limit),
		}
	}
	return nil
}

func (u *upload) readProblem(err error, compressed bool) *problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return u.server.tooLarge()
	}
	if _, ok := errors.AsType[net.Error](err); compressed && !ok {
		return badRequest("gzip", "the body is not valid gzip, although Content-Encoding says so")
	}
	return badRequest("body", "the body ended early or could not be read")
}
