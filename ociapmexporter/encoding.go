// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// A stored request begins with a zero byte and the version of its format. No encoded
// protobuf message begins with a zero byte.
const (
	// storedVersion1 has the number of items as a varint and the encoded items as
	// an S2 block.
	storedVersion1 = 1
	// storedVersion2 has the CRC-32C of the rest (4 bytes, little endian), then the
	// fields of version 1. The block may be a single literal, that is, uncompressed.
	storedVersion2 = 2
)

const (
	storedHeaderBytes   = 2
	storedChecksumBytes = 4
	// maxStoredBytes is larger than any request: receivers reject far smaller ones. It
	// limits how much memory a damaged item can make the collector allocate.
	maxStoredBytes = 256 << 20
)

var (
	errStored        = errors.New("not a stored request of this exporter")
	errStoredVersion = errors.New("a stored request of another version")
	errStoredDamaged = errors.New("a stored request is damaged")
	errStoredSize    = fmt.Errorf("a request of more than %d MiB cannot be stored", maxStoredBytes>>20)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// compressFrom is the amount of queued data, in encoded bytes, from which on requests are
// stored compressed. Compressing and decompressing cost more than all other work of the
// queue. They are not worth it while APM accepts uploads, since items stay on disk only
// for a moment. During an outage the space is needed.
const compressFrom = 8 << 20

// stored encodes and decodes requests for the queue on disk.
type stored[T any] struct {
	signal *signal[T]
	// waiting counts the encoded bytes that were stored and not read back yet. It is too
	// low if the queue already held requests on startup.
	waiting *atomic.Int64
	// keep moves an unreadable item out of the queue. It returns false if that has to be
	// retried; then the item stays in the queue.
	keep func(ctx context.Context, data []byte, reason error) bool
}

var _ exporterhelper.QueueBatchEncoding[xexporterhelper.Request] = stored[any]{}

// Marshal returns the stored form of a request.
func (s stored[T]) Marshal(_ context.Context, req xexporterhelper.Request) ([]byte, error) {
	r, ok := req.(*request[T])
	if !ok {
		return nil, errForeignRequest
	}
	if len(r.unreadable) == 1 && r.items == 0 {
		return r.unreadable[0], nil // stored again unchanged
	}
	if r.size > maxStoredBytes {
		return nil, errStoredSize
	}
	body := r.body()
	head := make([]byte, storedHeaderBytes+storedChecksumBytes, storedHeaderBytes+storedChecksumBytes+binary.MaxVarintLen64)
	head[1] = storedVersion2
	head = binary.AppendUvarint(head, uint64(r.items)) //nolint:gosec // a count
	var data []byte
	if s.waiting.Add(int64(len(body))) > compressFrom {
		data = make([]byte, len(head)+s2.MaxEncodedLen(len(body)))
		data = data[:len(head)+len(s2.Encode(data[len(head):], body))]
	} else {
		data = appendLiteral(make([]byte, len(head), len(head)+maxLiteralHead+len(body)), body)
	}
	copy(data, head)
	checked := data[storedHeaderBytes+storedChecksumBytes:]
	binary.LittleEndian.PutUint32(data[storedHeaderBytes:], crc32.Checksum(checked, castagnoli))
	return data, nil
}

// Unmarshal returns the request that was stored. exporterhelper deletes an item for
// which it gets an error, so an unreadable item is kept elsewhere first.
func (s stored[T]) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	ctx := context.Background()
	r, err := s.read(data)
	if err == nil {
		if left := s.waiting.Add(-int64(r.size)); left < 0 {
			s.waiting.CompareAndSwap(left, 0)
		}
	}
	if err != nil && !s.keep(ctx, data, err) {
		return ctx, &request[T]{signal: s.signal, unreadable: [][]byte{data}}, nil
	}
	return ctx, r, err
}

func (s stored[T]) read(data []byte) (*request[T], error) {
	if len(data) < storedHeaderBytes || data[0] != 0 {
		return nil, errStored
	}
	version, rest := data[1], data[storedHeaderBytes:]
	switch version {
	case storedVersion1:
		r, err := s.readItems(rest)
		if err != nil {
			return nil, err
		}
		// There is no checksum, but a request with another number of items is damaged.
		if count, countErr := s.signal.layout.Count(r.pieces...); countErr != nil || count != r.items {
			return nil, fmt.Errorf("%w: it does not have the %d items that its header says", errStoredDamaged, r.items)
		}
		return r, nil
	case storedVersion2:
		if len(rest) < storedChecksumBytes || binary.LittleEndian.Uint32(rest) != crc32.Checksum(rest[storedChecksumBytes:], castagnoli) {
			return nil, fmt.Errorf("%w: its checksum is wrong", errStoredDamaged)
		}
		return s.readItems(rest[storedChecksumBytes:])
	}
	return nil, fmt.Errorf("%w: it has version %d, this collector reads %d and %d", errStoredVersion, version, storedVersion1, storedVersion2)
}

// readItems reads the number of items and the items.
func (s stored[T]) readItems(data []byte) (*request[T], error) {
	items, n := binary.Uvarint(data)
	if n <= 0 || items > maxStoredBytes {
		return nil, fmt.Errorf("%w: it has no count of items", errStoredDamaged)
	}
	size, err := s2.DecodedLen(data[n:])
	if err != nil || size > maxStoredBytes {
		return nil, fmt.Errorf("%w: it has no size", errStoredDamaged)
	}
	if body, ok := literal(data[n:], size); ok {
		return encodedRequest(s.signal, body, int(items)), nil
	}
	body, err := s2.Decode(make([]byte, size), data[n:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStoredDamaged, err)
	}
	return encodedRequest(s.signal, body, int(items)), nil
}

// The tag of a literal in an S2 block whose length less one follows in four bytes, in
// little endian. Source: Snappy's format description, 2.1.
const (
	longLiteral      = 63 << 2
	longLiteralBytes = 1 + 4
	maxLiteralHead   = binary.MaxVarintLen32 + longLiteralBytes
)

// appendLiteral appends an S2 block that has body uncompressed.
func appendLiteral(data, body []byte) []byte {
	data = binary.AppendUvarint(data, uint64(len(body)))
	if len(body) == 0 {
		return data
	}
	data = binary.LittleEndian.AppendUint32(append(data, longLiteral), uint32(len(body)-1)) //nolint:gosec // at most maxStoredBytes
	return append(data, body...)
}

// literal returns the body in a block of appendLiteral, without a copy. It returns false
// for any other block.
func literal(block []byte, size int) ([]byte, bool) {
	start := len(block) - size
	if size == 0 || start < 1+longLiteralBytes || block[start-longLiteralBytes] != longLiteral {
		return nil, false
	}
	_, n := binary.Uvarint(block)
	if n != start-longLiteralBytes || int64(binary.LittleEndian.Uint32(block[start-4:])) != int64(size)-1 {
		return nil, false
	}
	return block[start:], true
}
