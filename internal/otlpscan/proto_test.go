// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func field[N protowire.Number | int](number N, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, protowire.Number(number), protowire.BytesType), value)
}

func at(value []byte, path ...protowire.Number) []byte {
	for i := len(path) - 1; i >= 0; i-- {
		value = field(path[i], value)
	}
	return value
}

// arrays returns an AnyValue of nested arrays; the innermost one is empty.
func arrays(levels int) []byte { return nest(levels, 5, 1) }

// lists returns an AnyValue of nested key-value lists; the innermost one is
// empty.
func lists(levels int) []byte { return nest(levels, 6, 1, 2) }

// nest builds a message from its end, which takes linear time.
func nest(levels int, path ...byte) []byte {
	var reversed []byte
	wrap := func(number byte) {
		length := protowire.AppendVarint(nil, uint64(len(reversed)))
		slices.Reverse(length)
		reversed = append(append(reversed, length...), number<<3|wireBytes)
	}
	for i := range levels {
		for j := len(path) - 1; i > 0 && j > 0; j-- {
			wrap(path[j])
		}
		wrap(path[0])
	}
	slices.Reverse(reversed)
	return reversed
}

func scan(signal Signal, limit int, body []byte) Verdict {
	s := NewProtoScanner(signal, Limits{Depth: limit})
	return s.Scan(body)
}

func decode(signal Signal, body []byte) error {
	return map[Signal]interface{ UnmarshalProto([]byte) error }{
		Traces:   ptraceotlp.NewExportRequest(),
		Metrics:  pmetricotlp.NewExportRequest(),
		Logs:     plogotlp.NewExportRequest(),
		Profiles: pprofileotlp.NewExportRequest(),
	}[signal].UnmarshalProto(body)
}

// A value is found wherever pdata decodes one.
func TestEveryPlaceOfAValue(t *testing.T) {
	places := []struct {
		name   string
		signal Signal
		path   []protowire.Number
	}{
		{"resource of traces", Traces, []protowire.Number{1, 1, 1, 2}},
		{"scope of traces", Traces, []protowire.Number{1, 2, 1, 3, 2}},
		{"span", Traces, []protowire.Number{1, 2, 2, 9, 2}},
		{"span in a deprecated scope", Traces, []protowire.Number{1, 1000, 2, 9, 2}},
		{"event", Traces, []protowire.Number{1, 2, 2, 11, 3, 2}},
		{"link", Traces, []protowire.Number{1, 2, 2, 13, 4, 2}},
		{"resource of metrics", Metrics, []protowire.Number{1, 1, 1, 2}},
		{"scope of metrics", Metrics, []protowire.Number{1, 2, 1, 3, 2}},
		{"metadata", Metrics, []protowire.Number{1, 2, 2, 12, 2}},
		{"metadata in a deprecated scope", Metrics, []protowire.Number{1, 1000, 2, 12, 2}},
		{"gauge", Metrics, []protowire.Number{1, 2, 2, 5, 1, 7, 2}},
		{"gauge exemplar", Metrics, []protowire.Number{1, 2, 2, 5, 1, 5, 7, 2}},
		{"sum", Metrics, []protowire.Number{1, 2, 2, 7, 1, 7, 2}},
		{"sum exemplar", Metrics, []protowire.Number{1, 2, 2, 7, 1, 5, 7, 2}},
		{"histogram", Metrics, []protowire.Number{1, 2, 2, 9, 1, 9, 2}},
		{"histogram exemplar", Metrics, []protowire.Number{1, 2, 2, 9, 1, 8, 7, 2}},
		{"exponential histogram", Metrics, []protowire.Number{1, 2, 2, 10, 1, 1, 2}},
		{"exponential exemplar", Metrics, []protowire.Number{1, 2, 2, 10, 1, 11, 7, 2}},
		{"summary", Metrics, []protowire.Number{1, 2, 2, 11, 1, 7, 2}},
		{"resource of logs", Logs, []protowire.Number{1, 1, 1, 2}},
		{"scope of logs", Logs, []protowire.Number{1, 2, 1, 3, 2}},
		{"body of a log record", Logs, []protowire.Number{1, 2, 2, 5}},
		{"log record", Logs, []protowire.Number{1, 2, 2, 6, 2}},
		{"log record in a deprecated scope", Logs, []protowire.Number{1, 1000, 2, 6, 2}},
		{"resource of profiles", Profiles, []protowire.Number{1, 1, 1, 2}},
		{"scope of profiles", Profiles, []protowire.Number{1, 2, 1, 3, 2}},
		{"attribute table of profiles", Profiles, []protowire.Number{2, 6, 2}},
	}
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			// The error for a malformed value proves that pdata decodes a value
			// at this place.
			require.Error(t, decode(place.signal, at([]byte{0x2a, 0x01, 0x0f}, place.path...)))
			for _, limit := range []int{1, 2, 64, MaxDepth} {
				for _, nest := range []func(int) []byte{arrays, lists} {
					assert.Equal(t, Fine, scan(place.signal, limit, at(nest(limit), place.path...)))
					assert.Equal(t, TooDeep, scan(place.signal, limit, at(nest(limit+1), place.path...)))
				}
			}
		})
	}
}

// Input that other decoders reject or skip, and that pdata decodes.
func TestWhatPdataLetsPass(t *testing.T) {
	value := arrays(3)
	wrapped := func(attribute []byte) []byte { return at(attribute, 1, 2, 2, 9) }
	length := byte(len(value)) //nolint:gosec // 10
	tests := []struct {
		name string
		body []byte
	}{
		{"tag with zeros above", wrapped(append([]byte{0x92, 0x80, 0x80, 0x00, length}, value...))},
		{"length with zeros above", wrapped(append([]byte{0x12, length | 0x80, 0x80, 0x00}, value...))},
		{"number of 35 bits", wrapped(append([]byte{0x92, 0x80, 0x80, 0x80, 0x80, 0x01, length}, value...))},
		{"tag of 70 bits", wrapped(append([]byte{0x92, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e, length}, value...))},
		{"after the first field of a group", wrapped(append([]byte{0x7b, 0x78, 0x01, 0x12, length}, value...))},
		{"after a group in a group", wrapped(append([]byte{0x7b, 0x83, 0x01, 0x84, 0x01, 0x7c, 0x12, length}, value...))},
		{"after a group with what would be an error", at(append([]byte{0xfb, 0x01, 0x4a, 1, 0}, at(value, 9, 2)...), 1, 2, 2)},
		{"the second value of an attribute", wrapped(append(field(2, field(1, []byte("a"))), field(2, value)...))},
		{"before an error", append(wrapped(field(2, value)), 0xff)},
		{"after empty messages", append(at(nil, 1, 2, 2, 9, 2), wrapped(field(2, value))...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, TooDeep, scan(Traces, 2, tt.body))
			assert.Equal(t, Fine, scan(Traces, 3, tt.body))
		})
	}
	for _, tt := range tests[:7] {
		request := ptraceotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(tt.body), tt.name)
		span := request.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		found, ok := span.Attributes().Get("")
		require.True(t, ok)
		assert.Equal(t, 3, valueDepth(found), tt.name)
	}
}

func TestBrokenBodiesAreLeftToTheDecoder(t *testing.T) {
	whole := at(arrays(1), 1, 2, 2, 9, 2)
	for name, body := range map[string][]byte{
		"empty":                   {},
		"zeros":                   make([]byte, 100),
		"endless varint":          bytes.Repeat([]byte{0xff}, 100),
		"truncated":               whole[:len(whole)-2],
		"longer than its message": {0x0a, 0x02, 0x12, 0x05, 0, 0, 0, 0, 0},
		"head across an end":      {0x0a, 0x01, 0x12, 0x01, 0x00},
		"length of 64 bits":       {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"length of 63 bits":       {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"wire type 7":             {0x0f},
		"end of no group":         append([]byte{0xfc, 0x01}, at(arrays(9), 1, 2, 2, 9, 2)...),
		"message ends in a group": append(at([]byte{0xfb, 0x01}, 1, 2, 2), bytes.Repeat(at(arrays(9), 1, 2, 2, 9, 2), 2)...),
		"first field of a group":  at(append([]byte{0xfb, 0x01}, at(arrays(9), 9, 2)...), 1, 2, 2),
		"first field of a group beyond its message": append(at([]byte{0xfb, 0x01, 0x4a, 0x09}, 1, 2, 2), at(arrays(9), 1, 2, 2, 9, 2)...),
		"deep values after an error":                append([]byte{0x0f}, at(arrays(9), 1, 2, 2, 9, 2)...),
	} {
		assert.Equal(t, Fine, scan(Traces, 2, body), name)
	}
	// A length beyond the end of the request is noticed only at the end.
	whole[1] += 50
	assert.Equal(t, Fine, scan(Traces, 1, whole))
	longer := at(arrays(2), 1, 2, 2, 9, 2)
	longer[1] += 50
	assert.Equal(t, TooDeep, scan(Traces, 1, longer))
}

func TestMessagesAreCounted(t *testing.T) {
	spans := at(bytes.Repeat([]byte{0x12, 0x00}, 1000), 1, 2) // and the two messages around them
	for limit, want := range map[int]Verdict{1001: TooManyMessages, 1002: Fine} {
		s := NewProtoScanner(Traces, Limits{Depth: 1, Messages: limit})
		assert.Equal(t, want, s.Scan(spans), limit)
		assert.Equal(t, want, s.Scan(nil), limit)
	}
}
