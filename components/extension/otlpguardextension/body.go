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

// foreignFactor is how much memory a body that is not OTLP is assumed to take
// once it is decoded, as a multiple of its size.
const foreignFactor = 8

// scanner scans a protobuf or JSON request.
type scanner interface {
	Scan(piece []byte) otlpscan.Verdict
	Size() int64
}

// body is a request's body. It records the memory that the request has taken
// and, if it was rejected, the reason.
type body struct {
	guard    *guard
	request  *http.Request
	wire     io.ReadCloser
	inner    io.ReadCloser // the bytes as sent, or a decoder of them
	encoding string        // "" if the guard does not decompress
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

// Read reads the next piece. It stops with an error once the request breaks a
// limit or no memory is free for it.
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

// open sets up decompression.
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

// refuse stops reading the body and returns the error to answer with.
func (b *body) refuse(why reason) error {
	b.why, b.refusal = why, b.guard.refuse(b.request.Context(), why, b.how)
	return b.refusal
}

// refused counts a piece and reports whether the request must be rejected, and
// why.
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
	// While io.ReadAll assembles the body, and later while it is decoded, a
	// second copy exists.
	need := b.decoder + b.read + max(b.read, decoded)
	if need > b.guard.limits.Size {
		return tooLarge, true
	}
	return noMemory, b.guard.grow(b.request.Context(), b.taken, need) != nil
}

// discard reads the rest of a rejected body. A sender whose connection is
// closed while it is still sending may never see the answer, and would retry.
// The rest is bounded in size. A compressed rest is not read: decompressing it
// takes time, and the server itself reads a little further.
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

// release gives back all the memory that the body has taken, once its request
// has ended.
func (b *body) release() {
	b.guard.uploads.remove(b.partial)
	if b.opened {
		_ = b.inner.Close()
	}
	b.taken.Release()
}
