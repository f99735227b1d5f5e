// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpwire

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// rounds is the number of random requests of each signal to check a property with.
const rounds = 400

// property calls check with random requests, in one to three pieces, and with their
// decoded items.
func property(t *testing.T, check func(t *testing.T, ref reference, source *rand.Rand, pieces [][]byte, items []string)) {
	t.Helper()
	for _, ref := range references() {
		t.Run(ref.name, func(t *testing.T) {
			source := rand.New(rand.NewPCG(1, 2))
			for range rounds {
				var pieces [][]byte
				for range 1 + source.IntN(3) {
					pieces = append(pieces, ref.random(source))
				}
				check(t, ref, source, pieces, ref.decode(t, bytes.Join(pieces, nil)))
				if t.Failed() {
					return
				}
			}
		})
	}
}

func TestCount(t *testing.T) {
	property(t, func(t *testing.T, ref reference, _ *rand.Rand, pieces [][]byte, items []string) {
		count, err := ref.layout.Count(pieces...)
		require.NoError(t, err)
		assert.Len(t, items, count)
	})
}

// The two halves together have the items of the whole request, and so do any set and
// its complement.
func TestSelect(t *testing.T) {
	property(t, func(t *testing.T, ref reference, source *rand.Rand, pieces [][]byte, items []string) {
		size := len(bytes.Join(pieces, nil))
		all := All(len(items))
		selected := func(set Set) []string {
			body, err := ref.layout.Select(set, pieces...)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(body), size)
			got := ref.decode(t, body)
			assert.Len(t, got, set.Len())
			return got
		}
		first, second := all.Cut(len(items) / 2)
		assert.Equal(t, items, append(selected(first), selected(second)...))

		var places []int
		var want, others []string
		for i, item := range items {
			if source.IntN(3) == 0 {
				places = append(places, i)
				others = append(others, item)
				continue
			}
			want = append(want, item)
		}
		kept := all.Without(places)
		assert.Equal(t, want, selected(kept))
		var dropped Set
		for _, place := range places {
			dropped = dropped.With(all.At(place))
		}
		assert.Equal(t, others, selected(dropped))
		assert.Equal(t, all, kept.With(dropped))
	})
}

func TestCut(t *testing.T) {
	property(t, func(t *testing.T, ref reference, source *rand.Rand, pieces [][]byte, items []string) {
		limit := Limit{Size: 1 + source.IntN(600), Items: source.IntN(2) == 0}
		if limit.Items {
			limit.Size = 1 + source.IntN(5)
		}
		if source.IntN(2) == 0 {
			limit.Smaller = 1 + source.IntN(limit.Size+10)
		}
		parts, err := ref.layout.Cut(limit, pieces...)
		require.NoError(t, err)
		require.NotEmpty(t, parts)
		var got []string
		total := 0
		for i, part := range parts {
			decoded := ref.decode(t, part.Body)
			assert.Len(t, decoded, part.Items)
			got = append(got, decoded...)
			total += len(part.Body)
			if i > 0 {
				assert.Positive(t, part.Items)
			}
			size, smaller := len(part.Body), 0
			if limit.Items {
				size = part.Items
			}
			if i == 0 {
				smaller = limit.Smaller
			}
			if part.Items > 1 && i < len(parts)-1 {
				assert.LessOrEqual(t, size, limit.Size-smaller)
			}
			if i == 0 && smaller > 0 && part.Items > 0 {
				assert.LessOrEqual(t, size, limit.Size-smaller, "the first request stays within what is left of the limit")
			}
		}
		assert.Equal(t, items, got)
		assert.LessOrEqual(t, total, 4*len(bytes.Join(pieces, nil))+len(parts))
	})
}

func TestFill(t *testing.T) {
	property(t, func(t *testing.T, ref reference, source *rand.Rand, pieces [][]byte, items []string) {
		limit := Limit{Size: 1 + source.IntN(2000)}
		_, set := All(len(items)).Cut(source.IntN(3))
		n, err := ref.layout.Fill(limit, set, pieces...)
		require.NoError(t, err)
		if set.Len() == 0 {
			assert.Zero(t, n)
			return
		}
		assert.Positive(t, n)
		first, _ := set.Cut(n)
		body, err := ref.layout.Select(first, pieces...)
		require.NoError(t, err)
		if n > 1 {
			assert.LessOrEqual(t, len(body), limit.Size)
		}
		if n < set.Len() {
			more, _ := set.Cut(n + 1)
			body, err = ref.layout.Select(more, pieces...)
			require.NoError(t, err)
			assert.Greater(t, len(body)+16, limit.Size, "no more than the bytes of a few lengths are left")
		}
	})
}

func TestFirst(t *testing.T) {
	span := protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), []byte("SELECT"))
	scope := protowire.AppendBytes(protowire.AppendTag([]byte{0x1a, 1, 'u'}, 2, protowire.BytesType), span)
	resource := protowire.AppendBytes(protowire.AppendTag([]byte{0x12, 0}, 2, protowire.BytesType), scope)
	body := protowire.AppendBytes(protowire.AppendTag([]byte{0x0a, 0}, 1, protowire.BytesType), resource)
	found, err := Traces.First([]byte{0x0a, 0}, body)
	require.NoError(t, err)
	assert.Equal(t, [][]byte{span, scope, resource}, found)
	assert.Equal(t, "SELECT", string(Field(found[0], 5)))
	assert.Nil(t, Field(found[0], 6))

	found, err = Traces.First([]byte{0x0a, 0})
	require.NoError(t, err)
	assert.Empty(t, found)
	_, err = Traces.First([]byte{0x0a, 5})
	require.ErrorIs(t, err, ErrMalformed)
}

// The memory stays within a small multiple of the request, even if two bytes would take
// hundreds once decoded, or if a large resource would be repeated for each item.
func TestMemoryIsBounded(t *testing.T) {
	events := bytes.Repeat([]byte{0x5a, 0}, 900_000)
	var spans []byte
	for range 4 {
		spans = protowire.AppendBytes(protowire.AppendTag(spans, 2, protowire.BytesType), events)
	}
	pill := nestAt(1, nestAt(2, spans))
	repeated := nestAt(1, append(
		protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, 1<<20)),
		nestAt(2, bytes.Repeat([]byte{0x12, 0}, 100_000))...))
	tests := []struct {
		name string
		body []byte
		do   func(body []byte) (any, error)
	}{
		{"the items of a pill", pill, func(body []byte) (any, error) { return Traces.Count(body) }},
		{"half of a pill", pill, func(body []byte) (any, error) { return Traces.Select(All(2), body) }},
		{"a pill in pieces", pill, func(body []byte) (any, error) { return Traces.Cut(Limit{Size: 1000}, body) }},
		{"the name of a pill", pill, func(body []byte) (any, error) { return Traces.First(body) }},
		{"half of the items of a large resource", repeated, func(body []byte) (any, error) { return Traces.Select(All(50_000), body) }},
		{"a large resource in pieces", repeated, func(body []byte) (any, error) { return Traces.Cut(Limit{Size: 1000}, body) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := tt.do(tt.body)
			runtime.ReadMemStats(&after)
			require.NoError(t, err)
			require.NotNil(t, got)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*len(tt.body)))
		})
	}
}

func nestAt(number protowire.Number, inner []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), inner)
}

// For any bytes, the selected or cut requests together have exactly the items of the
// whole.
func FuzzLayout(f *testing.F) {
	source := rand.New(rand.NewPCG(3, 4))
	for i, ref := range references() {
		for added := 0; added < 5; {
			if body := ref.random(source); len(body) < 1000 { // small inputs are quick to minimize
				f.Add(body, byte(i), 2)
				added++
			}
		}
	}
	f.Add([]byte{0x0a, 5}, byte(0), 1)
	f.Fuzz(func(t *testing.T, body []byte, signal byte, size int) {
		layout := references()[int(signal)%3].layout
		count, err := layout.Count(body)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		first, second := All(count).Cut(count / 2)
		for _, set := range []Set{first, second} {
			half, selectErr := layout.Select(set, body)
			require.NoError(t, selectErr)
			got, countErr := layout.Count(half)
			require.NoError(t, countErr)
			require.Equal(t, set.Len(), got)
			require.LessOrEqual(t, len(half), len(body))
		}
		parts, err := layout.Cut(Limit{Size: size % 1000}, body)
		require.NoError(t, err)
		sum := 0
		for _, part := range parts {
			got, countErr := layout.Count(part.Body)
			require.NoError(t, countErr)
			require.Equal(t, part.Items, got)
			sum += got
		}
		require.Equal(t, count, sum)
		_, err = layout.Fill(Limit{Size: size % 1000}, second, body)
		require.NoError(t, err)
		_, _ = layout.First(body)
	})
}
