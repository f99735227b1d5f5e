// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"
	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/decompress"
	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

// foreignFactor is how many times its size what is not OTLP is counted as, once
// it is decoded.
const foreignFactor = 8

// scanner is that of a protobuf or JSON request.
type scanner interface {
	Scan(piece []byte) otlpscan.Verdict
	Size() int64
}

// body is a request's body, what it has taken of the memory, and why it was
// refused if it was.
type body struct {
	guard    *guard
	request  *http.Request
	wire     io.ReadCloser
	inner    io.ReadCloser // wire, or what it decompresses to
	encoding string        // "" where the guard does not decompress
	opened   bool
	decoder  int64 // memory of the decoder, in bytes
	partial  *partial
	evicted  atomic.Bool
	how      protocol
	scanners []scanner
	read     int64
	taken    *budget.Request
	why      reason
	refusal  error
}

// Read reads the next piece, and refuses to go on where the request breaks a
// limit or there is no memory for it.
func (b *body) Read(p []byte) (int, error) {
	if b.refusal != nil {
		return 0, b.refusal
	}
	if err := b.open(); err != nil {
		return 0, err
	}
	n, err := b.inner.Read(p)
	if err != nil {
		b.guard.uploads.remove(b.partial)
		if b.evicted.Load() && !errors.Is(err, io.EOF) {
			return 0, b.refuse(noMemory)
		}
	}
	b.read += int64(n)
	if why, refused := b.refused(p[:n]); refused {
		err = b.refuse(why)
		b.discard()
		return 0, err
	}
	return n, err
}

// open begins to decompress.
func (b *body) open() error {
	if b.encoding == "" || b.opened {
		return nil
	}
	decoder, err := decompress.Open(b.encoding, b.wire, func(n int64) error {
		if n > b.guard.limits.Size {
			return b.refuse(tooLarge)
		}
		b.decoder = n
		if b.guard.grow(b.request.Context(), b.taken, n) != nil {
			return b.refuse(noMemory)
		}
		return nil
	})
	if err != nil {
		if b.evicted.Load() && b.refusal == nil {
			return b.refuse(noMemory)
		}
		return err
	}
	b.inner, b.opened = decoder, true
	return nil
}

// refuse ends the reading of a body and returns what to answer.
func (b *body) refuse(why reason) error {
	b.why, b.refusal = why, b.guard.refuse(b.request.Context(), why, b.how)
	return b.refusal
}

// refused counts a piece and says whether it goes too far.
func (b *body) refused(piece []byte) (reason, bool) {
	if b.opened && b.read > b.guard.maxBody {
		return tooLong, true
	}
	decoded := int64(0)
	for _, s := range b.scanners {
		if verdict := s.Scan(piece); verdict != otlpscan.Fine {
			return reasonOf(verdict), true
		}
		decoded = max(decoded, s.Size())
	}
	if len(b.scanners) == 0 {
		decoded = foreignFactor * b.read
	}
	// A body is there once more while io.ReadAll puts it together, and beside
	// what it is decoded to.
	need := b.decoder + b.read + max(b.read, decoded)
	if need > b.guard.limits.Size {
		return tooLarge, true
	}
	return noMemory, b.guard.grow(b.request.Context(), b.taken, need) != nil
}

// discard reads the rest of a refused body. A sender whose connection is closed
// while it still sends may never see the answer, and would send again. What is
// left is bounded in size. What is compressed is left alone: it costs time to
// decompress, and the server itself reads on a little.
func (b *body) discard() {
	if compressed := b.request.ContentLength < 0 && len(b.request.TransferEncoding) == 0; !compressed && b.encoding == "" {
		_, _ = io.Copy(io.Discard, b.wire)
	}
}

// Close closes the body.
func (b *body) Close() error {
	if b.opened {
		_ = b.inner.Close()
	}
	return b.wire.Close()
}

// release gives back all that the body has taken, when its request has ended.
func (b *body) release() {
	b.guard.uploads.remove(b.partial)
	if b.opened {
		_ = b.inner.Close()
	}
	b.taken.Release()
}
