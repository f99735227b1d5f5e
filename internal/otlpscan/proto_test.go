// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
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

// arrays is an AnyValue of nested arrays, the innermost empty.
func arrays(levels int) []byte { return nest(levels, 5, 1) }

// lists is an AnyValue of nested key-value lists, the innermost empty.
func lists(levels int) []byte { return nest(levels, 6, 1, 2) }

// nest is written from its end, which takes time linear in its length.
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
			// That pdata decodes a value there shows in what it says of a broken one.
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

// What other decoders refuse or pass over, and pdata decodes.
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
		{"inside a group", wrapped(append([]byte{0x7b, 0x78, 0x01, 0x12, length}, value...))},
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
	for _, tt := range tests[:4] {
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
		"empty":                      {},
		"zeros":                      make([]byte, 100),
		"endless varint":             bytes.Repeat([]byte{0xff}, 100),
		"truncated":                  whole[:len(whole)-2],
		"longer than its message":    {0x0a, 0x02, 0x12, 0x05, 0, 0, 0, 0, 0},
		"head across an end":         {0x0a, 0x01, 0x12, 0x01, 0x00},
		"length of 64 bits":          {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"length of 63 bits":          {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"wire type 7":                {0x0f},
		"deep values after an error": append([]byte{0x0f}, at(arrays(9), 1, 2, 2, 9, 2)...),
	} {
		assert.Equal(t, Fine, scan(Traces, 2, body), name)
	}
	// That a length is beyond the end of the request shows only there.
	whole[1] += 50
	assert.Equal(t, Fine, scan(Traces, 1, whole))
	longer := at(arrays(2), 1, 2, 2, 9, 2)
	longer[1] += 50
	assert.Equal(t, TooDeep, scan(Traces, 1, longer))
}

func TestMessagesAreCounted(t *testing.T) {
	spans := at(bytes.Repeat([]byte{0x12, 0x00}, 1000), 1, 2) // and two messages around
	for limit, want := range map[int]Verdict{1001: TooManyMessages, 1002: Fine} {
		s := NewProtoScanner(Traces, Limits{Depth: 1, Messages: limit})
		assert.Equal(t, want, s.Scan(spans), limit)
		assert.Equal(t, want, s.Scan(nil), limit)
	}
}

// reference is the same by recursion over slices: it returns the depth, the
// number of messages, and false where the decoder would stop.
func reference(k kind, body []byte, depth int) (deepest, messages int, ok bool) {
	deepest = depth
	for len(body) > 0 {
		head, size := readHead(body)
		if size <= 0 || head.length > int64(len(body)-size) {
			return deepest, messages, false
		}
		value := body[size : size+int(head.length)]
		body = body[size+int(head.length):]
		if !head.bytes || head.number >= columns && head.number != deprecatedScopes {
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

// check compares the scanner with the reference and, where pdata decodes the
// body, with what it made of it.
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
		// Past an error that the scanner need not see, in an attribute that it does
		// not look into or in a length beyond the end, it may see more than the decoder.
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

// known returns the numbers of the fields that a kind has; of the deprecated
// scopes', 0.
func known(k kind) (numbers []int) {
	for number, next := range fields[k] {
		if next != opaque {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// randomMessage is a message of the kind with some of its fields and others,
// sometimes damaged, of about as many fields as the budget has.
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
	for range 20_000 {
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
	assert.Greater(t, deep, 1000, "too few of the messages nest")
}

func FuzzProtoScanner(f *testing.F) {
	for signal := range Signals() {
		for _, path := range [][]protowire.Number{{1, 1, 1, 2}, {1, 2, 2, 9, 2}, {1, 1000, 2, 5, 1, 7, 2}, {1, 2, 2, 5}, {2, 6, 2}} {
			f.Add(byte(signal), byte(3), byte(7), at(arrays(5), path...))
			f.Add(byte(signal), byte(4), byte(1), at(lists(5), path...))
		}
	}
	// A number of another type than its field's.
	f.Add(byte(Profiles), byte(4), byte(1), []byte("\x12\x30\x2d\x30\x30\x30\x30"))
	f.Fuzz(func(t *testing.T, signal, limit, size byte, body []byte) {
		check(t, Signal(signal%4), int(limit)%70+1, body, func(n int) int { return min(n, int(size)+1) })
	})
}

// A megabyte takes milliseconds, whatever is in it: anything worse than linear
// time would take minutes.
func TestHostileBodiesTakeLinearTime(t *testing.T) {
	bodies := map[string]func(n int) []byte{
		"nested":         func(n int) []byte { return at(arrays(n/8), 1, 2, 2, 9, 2) },
		"empty messages": func(n int) []byte { return at(bytes.Repeat([]byte{0x12, 0x00}, n/2), 1, 2) },
		"up and down":    func(n int) []byte { return at(bytes.Repeat(at(arrays(60), 9, 2), n/300), 1, 2, 2) },
		"groups":         func(n int) []byte { return at(bytes.Repeat([]byte{0x7b}, n), 1, 2, 2) },
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			b := body(1 << 20)
			began := time.Now()
			scan(Traces, 64, b)
			assert.Less(t, time.Since(began), time.Second)
		})
	}
}

func typicalTraces(spans int) []byte {
	td := ptrace.NewTraces()
	scope := td.ResourceSpans().AppendEmpty()
	for i := range 8 {
		scope.Resource().Attributes().PutStr(fmt.Sprintf("resource.attribute.%d", i), "some value of it")
	}
	all := scope.ScopeSpans().AppendEmpty().Spans()
	for i := range spans {
		span := all.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 15: byte(i)})
		span.SetSpanID(pcommon.SpanID{1, 7: byte(i)})
		span.SetName("SELECT orders")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(1_700_000_000_000_000_000)
		span.SetEndTimestamp(1_700_000_000_001_000_000)
		for j := range 9 {
			span.Attributes().PutStr(fmt.Sprintf("attribute.number.%d", j), "some value of it")
		}
		span.Attributes().PutStr("db.query.text", "SELECT id, customer, total FROM orders WHERE customer = $1 ORDER BY id")
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

func TestScanTakesNoMemory(t *testing.T) {
	body := typicalTraces(100)
	assert.Zero(t, testing.AllocsPerRun(10, func() { scan(Traces, 64, body) }))
}

func BenchmarkProtoScanner(b *testing.B) {
	body := typicalTraces(1000)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if scan(Traces, 64, body) != Fine {
			b.Fatal("refused")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/span")
}
