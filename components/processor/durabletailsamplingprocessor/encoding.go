// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// A record is stored as a mark, the version of its encoding, the CRC-32C of the
// content as four bytes in big-endian order, and then the content. Before
// versions were introduced, a batch was stored as a plain s2 block. An s2 block
// begins with its decoded length as a uvarint of at most 32 bits, so it cannot
// begin with the mark.
const (
	recordMark    = "\xff\xff\xff\xff\xff"
	recordVersion = 1
	headerBytes   = len(recordMark) + 1 + crc32.Size

	// maxBatchBytes is more than any receiver accepts in one request. It
	// prevents a damaged length from allocating that much memory.
	maxBatchBytes = 1 << 30
)

var (
	errChecksum = errors.New("the checksum does not match")
	errVersion  = errors.New("the version of the encoding is unknown")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	buffers    = sync.Pool{New: func() any { return new([]byte) }}
)

// seal fills in the header of a record, whose content begins at headerBytes.
func seal(record []byte) []byte {
	copy(record, recordMark)
	record[len(recordMark)] = recordVersion
	binary.BigEndian.PutUint32(record[len(recordMark)+1:], crc32.Checksum(record[headerBytes:], castagnoli))
	return record
}

// unseal returns the content of a record. sealed is false for data without a
// header.
func unseal(data []byte) (content []byte, sealed bool, err error) {
	if !bytes.HasPrefix(data, []byte(recordMark)) {
		return data, false, nil
	}
	if len(data) < headerBytes {
		return nil, true, errChecksum
	}
	if version := data[len(recordMark)]; version != recordVersion {
		return nil, true, fmt.Errorf("%w: %d, while this program writes %d", errVersion, version, recordVersion)
	}
	content = data[headerBytes:]
	if binary.BigEndian.Uint32(data[len(recordMark)+1:]) != crc32.Checksum(content, castagnoli) {
		return nil, true, errChecksum
	}
	return content, true, nil
}

// encode returns a batch in its stored form: compressed protobuf.
func encode(td ptrace.Traces) ([]byte, error) {
	data, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		return nil, err
	}
	if len(data) > maxBatchBytes {
		return nil, fmt.Errorf("one request has %d bytes of spans, more than can be stored", len(data))
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], headerBytes+s2.MaxEncodedLen(len(data)))
	record := (*buffer)[:cap(*buffer)]
	compressed := s2.Encode(record[headerBytes:], data)
	return bytes.Clone(seal(record[:headerBytes+len(compressed)])), nil
}

// decode returns a stored batch.
func decode(data []byte) (ptrace.Traces, error) {
	data, _, err := unseal(data)
	if err != nil {
		return ptrace.Traces{}, err
	}
	size, err := s2.DecodedLen(data)
	if err != nil {
		return ptrace.Traces{}, err
	}
	if size > maxBatchBytes {
		return ptrace.Traces{}, fmt.Errorf("its decoded length of %d bytes is not plausible", size)
	}
	data, err = s2.Decode(make([]byte, size), data)
	if err != nil {
		return ptrace.Traces{}, err
	}
	return new(ptrace.ProtoUnmarshaler).UnmarshalTraces(data)
}

// verdictFlag marks the index of a resource that is followed by a verdict. It is higher
// than any index: records of versions without verdicts stay readable, and those versions
// refuse the records of this one.
const verdictFlag = 1 << 40

// encodeHeld returns the held parts of a batch in their stored form.
func encodeHeld(parts []heldPart) []byte {
	record := make([]byte, headerBytes, headerBytes+len(parts)*(len(pcommon.TraceID{})+2))
	for _, part := range parts {
		record = append(record, part.trace[:]...)
		resource := uint64(part.resource) //nolint:gosec // an index
		if part.verdict.Class == 0 {
			record = binary.AppendUvarint(record, resource)
			continue
		}
		record = binary.AppendUvarint(record, resource|verdictFlag)
		record = append(record, byte(part.verdict.Class))
		record = binary.AppendUvarint(record, part.verdict.Threshold.Unsigned())
	}
	return seal(record)
}

// decodeHeld returns stored held parts.
func decodeHeld(data []byte) ([]heldPart, error) {
	data, sealed, err := unseal(data)
	if err != nil {
		return nil, err
	}
	if !sealed {
		return nil, errVersion
	}
	var parts []heldPart
	for len(data) > 0 {
		var part heldPart
		if len(data) < len(part.trace) {
			return nil, errors.New("a trace ID is cut off")
		}
		data = data[copy(part.trace[:], data):]
		resource, n := binary.Uvarint(data)
		index := resource &^ verdictFlag
		if n <= 0 || index > maxBatchBytes {
			return nil, errors.New("an index of a resource is not plausible")
		}
		part.resource = int(index)
		data = data[n:]
		if resource != index {
			if data, part.verdict, err = decodeVerdict(data); err != nil {
				return nil, err
			}
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// decodeVerdict returns the verdict at the beginning of data, and what follows it.
func decodeVerdict(data []byte) (rest []byte, verdict spanbudget.Verdict, err error) {
	if len(data) == 0 || !slices.Contains(spanbudget.Classes[:], spanbudget.Class(data[0])) {
		return nil, verdict, errors.New("the class of a verdict is not plausible")
	}
	verdict.Class = spanbudget.Class(data[0])
	value, n := binary.Uvarint(data[1:])
	if n <= 0 {
		return nil, verdict, errors.New("a threshold is cut off")
	}
	if verdict.Threshold, err = sampling.UnsignedToThreshold(value); err != nil {
		return nil, verdict, err
	}
	return data[1+n:], verdict, nil
}
