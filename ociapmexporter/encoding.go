// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// A stored request begins with a zero byte, which no encoded message does, and the
// version of its format.
const (
	// storedVersion1 has the number of items as a varint and the encoded items as
	// an S2 block.
	storedVersion1 = 1
	// storedVersion2 has the CRC-32C of what follows, 4 bytes in little endian,
	// and then what version 1 has.
	storedVersion2 = 2
)

const (
	storedHeaderBytes   = 2
	storedChecksumBytes = 4
	// maxStoredBytes is larger than any request: receivers reject far smaller ones. It
	// bounds what a damaged item can make the collector allocate.
	maxStoredBytes = 256 << 20
)

var (
	errStored        = errors.New("not a stored request of this exporter")
	errStoredVersion = errors.New("a stored request of another version")
	errStoredDamaged = errors.New("a stored request is damaged")
	errStoredSize    = fmt.Errorf("a request of more than %d MiB cannot be stored", maxStoredBytes>>20)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stored encodes and decodes requests for the queue on disk. Compression costs less
// than the disk pages that it saves.
type stored[T any] struct {
	signal *signal[T]
	// keep keeps an item that cannot be read outside of the queue. It returns false if
	// that has to be retried; then the item stays in the queue.
	keep func(ctx context.Context, data []byte, reason error) bool
}

var _ exporterhelper.QueueBatchEncoding[xexporterhelper.Request] = stored[any]{}

// Marshal returns the stored form of a request.
func (stored[T]) Marshal(_ context.Context, req xexporterhelper.Request) ([]byte, error) {
	r, ok := req.(*request[T])
	if !ok {
		return nil, errForeignRequest
	}
	if len(r.unreadable) == 1 && r.items == 0 {
		return r.unreadable[0], nil // put back as it was read
	}
	if r.size > maxStoredBytes {
		return nil, errStoredSize
	}
	body := r.body()
	data := make([]byte, storedHeaderBytes+storedChecksumBytes+binary.MaxVarintLen64+s2.MaxEncodedLen(len(body)))
	data[1] = storedVersion2
	at := storedHeaderBytes + storedChecksumBytes
	at += binary.PutUvarint(data[at:], uint64(r.items)) //nolint:gosec // a count
	at += len(s2.Encode(data[at:], body))
	data = data[:at]
	checked := data[storedHeaderBytes+storedChecksumBytes:]
	binary.LittleEndian.PutUint32(data[storedHeaderBytes:], crc32.Checksum(checked, castagnoli))
	return data, nil
}

// Unmarshal returns the request that was stored. exporterhelper deletes an item for
// which it gets an error, so an unreadable item is kept elsewhere first.
func (s stored[T]) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	ctx := context.Background()
	r, err := s.read(data)
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
			return nil, fmt.Errorf("%w: it does not have the %d items that it names", errStoredDamaged, r.items)
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
	body, err := s2.Decode(make([]byte, size), data[n:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStoredDamaged, err)
	}
	return encodedRequest(s.signal, body, int(items)), nil
}
