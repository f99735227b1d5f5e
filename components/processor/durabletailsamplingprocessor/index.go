// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// indexKeys are the keys of the range of the journal's batch numbers. It is
// stored twice, so that damage to one record does not lose all batches.
var indexKeys = [...]string{"index", "index-copy"}

const (
	indexBytes    = 16 // an index without a checksum, the oldest format
	checkedBytes  = indexBytes + crc32.Size
	heldKeyPrefix = "held-"
)

// batchKey returns the key of a batch. Keys sort in the order of the numbers,
// so the storage is written at its end.
func batchKey(number uint64) string {
	return fmt.Sprintf("%016x", number)
}

// heldKey returns the key under which the held parts of a batch are stored.
func heldKey(number uint64) string { return heldKeyPrefix + batchKey(number) }

// numberOf returns the number of the batch to which a key belongs.
func numberOf(key string) (uint64, bool) {
	key = strings.TrimPrefix(key, heldKeyPrefix)
	if len(key) != len(batchKey(0)) {
		return 0, false
	}
	number, err := strconv.ParseUint(key, 16, 64)
	return number, err == nil
}

func encodeIndex(first, next uint64) []byte {
	data := binary.BigEndian.AppendUint64(make([]byte, 0, checkedBytes), first)
	data = binary.BigEndian.AppendUint64(data, next)
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

func decodeIndex(data []byte) (first, next uint64, ok bool) {
	switch len(data) {
	case indexBytes:
	case checkedBytes:
		if binary.BigEndian.Uint32(data[indexBytes:]) != crc32.Checksum(data[:indexBytes], castagnoli) {
			return 0, 0, false
		}
	default:
		return 0, 0, false
	}
	first, next = binary.BigEndian.Uint64(data), binary.BigEndian.Uint64(data[8:])
	if first > next {
		return 0, 0, false
	}
	return first, next, true
}

// readIndex returns the range of batch numbers in a storage. If neither copy
// can be read, it searches all keys, provided that the storage can list them.
func readIndex(ctx context.Context, client storage.Client) (first, next uint64, err error) {
	damaged := false
	for _, key := range indexKeys {
		data, getErr := client.Get(ctx, key)
		if getErr != nil {
			return 0, 0, getErr
		}
		var ok bool
		if first, next, ok = decodeIndex(data); ok {
			return first, next, nil
		}
		damaged = damaged || data != nil
	}
	walker, ok := client.(storage.Walker)
	if !ok {
		if damaged {
			return 0, 0, errors.New("neither copy of the index of the batches can be read, and the storage cannot list its keys; move the processor's file or folder out of the storage's directory")
		}
		return 0, 0, nil
	}
	found := false
	err = walker.Walk(ctx, func(key string, _ []byte) ([]*storage.Operation, error) {
		number, ok := numberOf(key)
		if !ok {
			return nil, nil
		}
		if !found {
			first, next, found = number, number+1, true
		}
		first, next = min(first, number), max(next, number+1)
		return nil, nil
	})
	return first, next, err
}
