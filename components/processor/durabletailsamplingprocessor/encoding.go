// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxBatchBytes is more than any receiver takes at once. It keeps a damaged length
// from having that much memory allocated.
const maxBatchBytes = 1 << 30

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// encode returns a batch as it is stored: protobuf, compressed.
func encode(td ptrace.Traces) ([]byte, error) {
	data, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		return nil, err
	}
	if len(data) > maxBatchBytes {
		return nil, fmt.Errorf("%d bytes of spans at once are more than can be stored", len(data))
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], s2.MaxEncodedLen(len(data)))
	return bytes.Clone(s2.Encode((*buffer)[:cap(*buffer)], data)), nil
}

// decode returns a batch that was stored.
func decode(data []byte) (ptrace.Traces, error) {
	size, err := s2.DecodedLen(data)
	if err != nil {
		return ptrace.Traces{}, err
	}
	if size > maxBatchBytes {
		return ptrace.Traces{}, fmt.Errorf("it says that it has %d bytes", size)
	}
	data, err = s2.Decode(make([]byte, size), data)
	if err != nil {
		return ptrace.Traces{}, err
	}
	return new(ptrace.ProtoUnmarshaler).UnmarshalTraces(data)
}
