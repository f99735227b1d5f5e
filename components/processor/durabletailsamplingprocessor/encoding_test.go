// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"encoding/binary"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncoding(t *testing.T) {
	want := traces(spanOf{1, "a"}, spanOf{2, "error b"})
	data, err := encode(want)
	require.NoError(t, err)
	got, err := decode(data)
	require.NoError(t, err)
	require.NoError(t, ptracetest.CompareTraces(want, got))

	_, err = decode(binary.AppendUvarint(nil, maxBatchBytes+1))
	assert.ErrorContains(t, err, "it says that it has 1073741825 bytes")
}

// FuzzDecode checks that what a damaged storage holds is refused or read, and that
// what is read can be stored again.
func FuzzDecode(f *testing.F) {
	data, err := encode(traces(spanOf{1, "a"}, spanOf{2, "error b"}))
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if size, n := binary.Uvarint(data); n > 0 && size > 1<<20 {
			return // not the memory of the fuzzer
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
