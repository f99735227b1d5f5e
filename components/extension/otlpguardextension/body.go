// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"io"
	"net/http"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/budget"
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
	inner    io.ReadCloser
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
	n, err := b.inner.Read(p)
	b.read += int64(n)
	if why, refused := b.refused(p[:n]); refused {
		b.why, b.refusal = why, b.guard.refuse(b.request.Context(), why, b.how)
		b.discard()
		return 0, b.refusal
	}
	return n, err
}

// refused counts a piece and says whether it goes too far.
func (b *body) refused(piece []byte) (reason, bool) {
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
	need := b.read + max(b.read, decoded)
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
	if compressed := b.request.ContentLength < 0 && len(b.request.TransferEncoding) == 0; !compressed {
		_, _ = io.Copy(io.Discard, b.inner)
	}
}

// Close closes the body.
func (b *body) Close() error { return b.inner.Close() }
