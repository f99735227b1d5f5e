// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/rounds"
)

// reference computes the same by recursion over slices: the depth, the number
// of messages, and false if the decoder would stop.
func reference(k kind, body []byte, depth int) (deepest, messages int, ok bool) {
	deepest = depth
	for len(body) > 0 {
		if tag, _ := readVarint(body); tag&7 == wireStartGroup || tag&7 == wireEndGroup {
			if body, ok = afterGroup(body); !ok {
				return deepest, messages, false
			}
			continue
		}
		head, size := readHead(body)
		if size <= 0 || head.length > int64(len(body)-size) {
			return deepest, messages, false
		}
		value := body[size : size+int(head.length)]
		body = body[size+int(head.length):]
		if head.wire != wireBytes || head.number >= columns && head.number != deprecatedScopes {
			continue
		}
		next := fields[k][head.number%deprecatedScopes]
		if next == opaque || next >= firstScalar {
			continue
		}
		below := depth
		if next.container() {
			below++
		}
		found, inside, ok := reference(next, value, below)
		deepest = max(deepest, found)
		messages += 1 + inside
		if !ok {
			return deepest, messages, false
		}
	}
	return deepest, messages, true
}

// afterGroup returns what follows a group for pdata: it ends with its first field
// that is not a group.
func afterGroup(body []byte) (rest []byte, ok bool) {
	for open := 0; ; {
		head, size := readHead(body)
		if size <= 0 || head.length > int64(len(body)-size) {
			return nil, false
		}
		body = body[size+int(head.length):]
		switch head.wire {
		case wireStartGroup:
			open++
		case wireEndGroup:
			open--
		default:
			return body, true
		}
		if open <= 0 {
			return body, open == 0
		}
	}
}

// check compares the scanner with the reference and, if pdata decodes the body,
// with the decoded request.
func check(t *testing.T, signal Signal, limit int, body []byte, cut func(n int) int) {
	t.Helper()
	depth, messages, whole := reference(tracesRequest+kind(signal), body, 0)
	want := Fine
	if depth > limit {
		want = TooDeep
	}
	atOnce := NewProtoScanner(signal, Limits{Depth: limit})
	got := atOnce.Scan(body)
	if whole {
		require.Equal(t, want, got, "depth %d, limit %d, %x", depth, limit, body)
		if got == Fine {
			require.Equal(t, messages, atOnce.Messages(), "%x", body)
		}
	} else {
		// The scanner does not notice every error, in an attribute that it
		// skips or in a length beyond the end. After such an error it may count
		// more than the decoder.
		require.GreaterOrEqual(t, got, want, "depth %d, limit %d, %x", depth, limit, body)
	}
	pieces := NewProtoScanner(signal, Limits{Depth: limit})
	inPieces := Fine
	for rest := body; len(rest) > 0; {
		n := cut(len(rest))
		inPieces = pieces.Scan(rest[:n:n])
		rest = rest[n:]
	}
	require.Equal(t, got, inPieces, "in pieces: limit %d, %x", limit, body)
	if got == Fine {
		require.Equal(t, atOnce.Messages(), pieces.Messages(), "in pieces: %x", body)
		require.Equal(t, atOnce.Size(), pieces.Size(), "in pieces: %x", body)
	}

	if depth <= 1000 && decode(signal, body) == nil {
		require.True(t, whole, "pdata decodes what the scanner does not read: %x", body)
	}
	request := ptraceotlp.NewExportRequest()
	if signal != Traces || depth > 1000 || request.UnmarshalProto(body) != nil {
		return
	}
	if found := tracesDepth(request.Traces()); found > limit {
		require.Equal(t, TooDeep, got, "pdata found %d: limit %d, %x", found, limit, body)
	}
}

func tracesDepth(td ptrace.Traces) int {
	deepest := 0
	look := func(m pcommon.Map) {
		for _, v := range m.All() {
			deepest = max(deepest, valueDepth(v))
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		look(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			look(ss.Scope().Attributes())
			for _, span := range ss.Spans().All() {
				look(span.Attributes())
				for _, e := range span.Events().All() {
					look(e.Attributes())
				}
				for _, l := range span.Links().All() {
					look(l.Attributes())
				}
			}
		}
	}
	return deepest
}

func valueDepth(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			deepest = max(deepest, valueDepth(e))
		}
	case pcommon.ValueTypeMap:
		for _, e := range v.Map().All() {
			deepest = max(deepest, valueDepth(e))
		}
	default:
		return 0
	}
	return deepest + 1
}

// known returns the field numbers of a kind; for the deprecated scopes, 0.
func known(k kind) (numbers []int) {
	for number, next := range fields[k] {
		if next != opaque {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// randomMessage returns a message of the kind with some of its fields and some
// others, sometimes damaged, with about as many fields as the budget allows.
func randomMessage(random *rand.Rand, k kind, budget *int) []byte {
	var message []byte
	for range random.IntN(4) + 1 {
		if *budget <= 0 {
			break
		}
		*budget--
		number := random.IntN(columns)
		if numbers := known(k); len(numbers) > 0 && random.IntN(3) > 0 {
			number = numbers[random.IntN(len(numbers))]
		}
		next := fields[k][number]
		switch {
		case random.IntN(40) == 0:
			unknown := protowire.Number(20 + random.Int32N(20))
			for range 1 + random.IntN(2) {
				message = protowire.AppendTag(message, unknown, protowire.StartGroupType)
			}
			if random.IntN(4) == 0 {
				message = protowire.AppendTag(message, unknown, protowire.EndGroupType)
			}
		case number == 0 && next != opaque:
			message = append(message, field(deprecatedScopes, randomMessage(random, next, budget))...)
		case number == 0:
			message = protowire.AppendTag(message, protowire.Number(1+random.Int32N(1<<20)), protowire.VarintType)
			message = protowire.AppendVarint(message, random.Uint64()>>random.IntN(64))
		case next >= firstScalar:
			message = append(message, field(number, bytes.Repeat([]byte{byte(random.IntN(0x80))}, 8*random.IntN(20)))...) //nolint:gosec // below 128
		case next != opaque:
			message = append(message, field(number, randomMessage(random, next, budget))...)
		case random.IntN(20) == 0:
			message = append(message, byte(number<<3|random.IntN(8))) //nolint:gosec // below 128
		default:
			message = append(message, field(number, make([]byte, random.IntN(300)))...)
		}
	}
	return message
}

func TestRandomMessages(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	deep := 0
	for range rounds.Of(20_000) {
		signal := Signals()[random.IntN(len(Signals()))]
		limit := 1 + random.IntN(8)
		budget := random.IntN(100)
		body := randomMessage(random, tracesRequest+kind(signal), &budget)
		if random.IntN(10) == 0 && len(body) > 0 {
			body[random.IntN(len(body))] ^= 1 << random.IntN(8)
		}
		check(t, signal, limit, body, func(n int) int { return 1 + random.IntN(min(n, 30)) })
		if scan(signal, limit, body) == TooDeep {
			deep++
		}
	}
	assert.Greater(t, deep, rounds.Of(1000), "too few of the messages nest")
}

func FuzzProtoScanner(f *testing.F) {
	for signal := range Signals() {
		for _, path := range [][]protowire.Number{{1, 1, 1, 2}, {1, 2, 2, 9, 2}, {1, 1000, 2, 5, 1, 7, 2}, {1, 2, 2, 5}, {2, 6, 2}} {
			f.Add(byte(signal), byte(3), byte(7), at(arrays(5), path...))
			f.Add(byte(signal), byte(4), byte(1), at(lists(5), path...))
		}
	}
	// A number whose wire type is not that of its field.
	f.Add(byte(Profiles), byte(4), byte(1), []byte("\x12\x30\x2d\x30\x30\x30\x30"))
	f.Fuzz(func(t *testing.T, signal, limit, size byte, body []byte) {
		check(t, Signal(signal%4), int(limit)%70+1, body, func(n int) int { return min(n, int(size)+1) })
	})
}
