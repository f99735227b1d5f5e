// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What looks like a simple field or attribute, and is none.
func TestAlmostSimple(t *testing.T) {
	inSpan := func(content ...[]byte) []byte { return at(bytes.Join(content, nil), 1, 2, 2) }
	deep := field(9, field(2, arrays(2)))
	tests := []struct {
		name string
		body []byte
		want Verdict // of depth 1
	}{
		{"varint of two bytes, then a tag", inSpan([]byte{0x30, 0x80, 0x12}, deep), TooDeep},
		{"array after a number", inSpan(field(9, field(2, append([]byte{0x18, 0x01}, arrays(2)...)))), TooDeep},
		{"array after a key that is a number", inSpan(field(9, append([]byte{0x08, 0x08}, field(2, arrays(2))...))), TooDeep},
		{"deep after a cut varint", inSpan(field(9, field(2, []byte{0x18, 0x80})), deep), Fine},
		{"deep after a varint of 11 bytes", inSpan(field(9, field(2, append(append([]byte{0x18}, bytes.Repeat([]byte{0x80}, 10)...), 0))), deep), Fine},
		{"deep after a varint of 10 bytes", inSpan(field(9, field(2, append(append([]byte{0x18}, bytes.Repeat([]byte{0x80}, 9)...), 0))), deep), TooDeep},
		{"array after a fixed64", inSpan(field(9, field(2, append([]byte{0x21, 0, 0, 0, 0, 0, 0, 0, 0}, arrays(2)...)))), TooDeep},
		{"deep after a cut fixed64", inSpan(field(9, field(2, []byte{0x21, 0, 0})), deep), Fine},
		{"padded length before a long rest", inSpan(append([]byte{0x2a, 0x88, 0x80, 0x00}, make([]byte, 8)...), deep, field(5, make([]byte, 20_000))), TooDeep},
		{"length of three bytes", inSpan(append([]byte{0x4a, 0x88, 0x80, 0x00}, field(2, arrays(2))...)), TooDeep},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, scan(Traces, 1, tt.body))
		})
	}
}
