// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

func TestEncoding(t *testing.T) {
	want := traces(spanOf{1, "a"}, spanOf{2, "error b"})
	data, err := encode(want)
	require.NoError(t, err)
	got, err := decode(data)
	require.NoError(t, err)
	require.NoError(t, ptracetest.CompareTraces(want, got))

	// The form in which batches were stored before versions were introduced.
	got, err = decode(data[headerBytes:])
	require.NoError(t, err)
	require.NoError(t, ptracetest.CompareTraces(want, got))

	_, err = decode(append(slices.Clone(data[:headerBytes-1]), 0))
	require.ErrorIs(t, err, errChecksum)
	_, err = decode(data[:len(recordMark)])
	require.ErrorIs(t, err, errChecksum)
	_, err = decode([]byte(recordMark + "\x02 of another kind"))
	require.ErrorIs(t, err, errVersion)

	_, err = decode(binary.AppendUvarint(nil, maxBatchBytes+1))
	assert.ErrorContains(t, err, "its decoded length of 1073741825 bytes is not plausible")
}

// Every flipped bit is detected.
func TestFlippedBits(t *testing.T) {
	data, err := encode(traces(spanOf{1, "a"}, spanOf{2, "error b"}))
	require.NoError(t, err)
	for bit := range 8 * len(data) {
		flipped := slices.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		_, err := decode(flipped)
		assert.Error(t, err, "bit %d", bit)
	}
}

func TestEncodingOfHeldParts(t *testing.T) {
	parts := []heldPart{
		{trace: traceID(1)},
		{trace: traceID(2), resource: 300},
		{trace: traceID(3), resource: 2, verdict: spanbudget.Verdict{Class: spanbudget.ClassError, Threshold: sampling.AlwaysSampleThreshold}},
		{trace: traceID(4), verdict: spanbudget.Verdict{Class: spanbudget.ClassOrdinary, Threshold: threshold(t, 0.01)}},
	}
	data := encodeHeld(parts)
	got, err := decodeHeld(data)
	require.NoError(t, err)
	assert.Equal(t, parts, got)

	content := data[headerBytes:]
	for name, content := range map[string][]byte{
		"a trace ID is cut off": content[:20],
		"not plausible":         append(content[:16:16], 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
	} {
		_, err = decodeHeld(seal(append(make([]byte, headerBytes), content...)))
		require.ErrorContains(t, err, name)
	}
	_, err = decodeHeld(content)
	require.ErrorIs(t, err, errVersion)
	data[headerBytes]++
	_, err = decodeHeld(data)
	require.ErrorIs(t, err, errChecksum)
}

// FuzzDecodeHeld checks that held parts are either rejected, or unchanged after
// they are stored again.
func FuzzDecodeHeld(f *testing.F) {
	f.Add(encodeHeld([]heldPart{{trace: traceID(1)}, {trace: traceID(2), resource: 300}})[headerBytes:])
	f.Add(encodeHeld([]heldPart{{trace: traceID(1), verdict: spanbudget.Verdict{Class: spanbudget.ClassSlow}}})[headerBytes:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		parts, err := decodeHeld(seal(append(make([]byte, headerBytes), content...)))
		if err != nil {
			return
		}
		again, err := decodeHeld(encodeHeld(parts))
		require.NoError(t, err)
		assert.Equal(t, parts, again)
	})
}

// FuzzDecode checks that damaged data is either rejected or decoded, and that
// decoded data can be stored again.
func FuzzDecode(f *testing.F) {
	data, err := encode(traces(spanOf{1, "a"}, spanOf{2, "error b"}))
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(data[headerBytes:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if size, n := binary.Uvarint(data); n > 0 && size > 1<<20 {
			return // would use up the fuzzer's memory
		}
		td, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(td)
		require.NoError(t, err)
		back, err := decode(again)
		require.NoError(t, err)
		assert.Equal(t, td.SpanCount(), back.SpanCount())
	})
}
