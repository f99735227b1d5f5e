// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/tap"

	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

// The outcome of a request is kept only until grpc reports it, and its memory
// only until the call ends.
func TestCodecKeepsNothing(t *testing.T) {
	g := newGuard(limited(182), 182<<20, nil)
	c, err := newCodec(encoding.GetCodecV2("proto"), g)
	require.NoError(t, err)
	handler := &callNotes{codec: c}
	ctx, err := g.admitCall(t.Context(), &tap.Info{})
	require.NoError(t, err)
	n := ctx.Value(noteKey{}).(*note)
	t.Cleanup(n.call.cancel)

	// Any type of this name will do: pdata's own is internal.
	type ExportTraceServiceRequest struct{ _ int }
	body, err := traces(65).MarshalProto()
	require.NoError(t, err)
	request := &ExportTraceServiceRequest{}
	require.NoError(t, c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(body[:50]), mem.SliceBuffer(body[50:])}, request))
	handler.HandleRPC(ctx, &stats.InPayload{Payload: request})
	assert.Equal(t, tooDeep, n.refused)
	_, kept := c.outcome(request)
	assert.False(t, kept)

	body, err = traces(1).MarshalProto()
	require.NoError(t, err)
	sound := ptraceotlp.NewExportRequest()
	require.NoError(t, sound.UnmarshalProto(body))
	require.Empty(t, c.check(mem.BufferSlice{mem.SliceBuffer(body)}, otlpscan.Traces, request))
	assert.Positive(t, g.requests.Used())
	handler.HandleRPC(ctx, &stats.InPayload{Payload: request})
	assert.Positive(t, g.requests.Used())
	handler.HandleRPC(ctx, &stats.End{})
	assert.Zero(t, g.requests.Used())

	// The inner codec does not know this type, which is an ordinary error.
	require.Error(t, c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(body)}, request))
	assert.Zero(t, g.requests.Used())
}

// Messages that are not OTLP are left alone.
func TestOtherMessages(t *testing.T) {
	c, err := newCodec(encoding.GetCodecV2("proto"), nil)
	require.NoError(t, err)
	for _, v := range []any{nil, "text", &spb.Status{}, []byte{}, map[string]int{}} {
		_, ok := signalOf(v)
		assert.False(t, ok)
		(&callNotes{codec: c}).HandleRPC(t.Context(), &stats.InPayload{Payload: v})
	}
	said := &spb.Status{}
	data, err := c.Marshal(&spb.Status{Message: "hello"})
	require.NoError(t, err)
	require.NoError(t, c.Unmarshal(data, said))
	assert.Equal(t, "hello", said.GetMessage())
	assert.Equal(t, "proto", c.Name())
}

// lastMessage is a codec that remembers what it was given.
type lastMessage struct {
	encoding.CodecV2
	pieces   int
	content  []byte
	capacity int
}

func (l *lastMessage) Unmarshal(data mem.BufferSlice, _ any) error {
	l.pieces, l.content, l.capacity = len(data), data.Materialize(), cap(data[0].ReadOnlyData())
	return nil
}

// The pieces of a message are joined in a buffer that is little larger than the message:
// grpc clears all of it before it is used again.
func TestPiecesAreJoined(t *testing.T) {
	inner := &lastMessage{CodecV2: encoding.GetCodecV2("proto")}
	g := newGuard(limited(182), 182<<20, nil)
	c, err := newCodec(inner, g)
	require.NoError(t, err)
	// Any type of this name will do: pdata's own is internal.
	type ExportTraceServiceRequest struct{ _ int }
	for _, size := range []int{0, 1, 5_000, 33_000, 50_000, 600_000, 20_000_000} {
		message := bytes.Repeat([]byte{0x2a}, size)
		var pieces mem.BufferSlice
		for rest := message; len(rest) > 0; {
			n := min(len(rest), 16<<10)
			pieces = append(pieces, mem.SliceBuffer(rest[:n]))
			rest = rest[n:]
		}
		// The second time, the buffer may be one that was used before.
		for range 2 {
			request := &ExportTraceServiceRequest{}
			require.NoError(t, c.Unmarshal(pieces, request))
			assert.GreaterOrEqual(t, g.requests.Used(), int64(min(inner.capacity, 2*size)+size), "the buffer and what is decoded from it")
			o, found := c.outcome(request)
			require.True(t, found)
			o.taken.Release()
			assert.Equal(t, 1, inner.pieces)
			assert.True(t, bytes.Equal(message, inner.content))
			assert.LessOrEqual(t, inner.capacity, max(2*size, 4<<10))
		}
	}
}

// countingPool counts the buffers that are in use.
type countingPool struct {
	mem.BufferPool
	got, put int
}

func (p *countingPool) Get(n int) *[]byte {
	p.got++
	return p.BufferPool.Get(n)
}

func (p *countingPool) Put(b *[]byte) {
	p.put++
	p.BufferPool.Put(b)
}

// The buffer of a joined message is given back, also if the message cannot be decoded.
func TestJoinedBuffersAreGivenBack(t *testing.T) {
	c, err := newCodec(encoding.GetCodecV2("proto"), newGuard(limited(182), 182<<20, nil))
	require.NoError(t, err)
	pool := &countingPool{BufferPool: c.joined}
	c.joined = pool
	// Any type of this name will do, but the inner codec does not know this one.
	type ExportTraceServiceRequest struct{ _ int }
	half := mem.SliceBuffer(bytes.Repeat([]byte{0x2a}, 5_000))
	require.Error(t, c.Unmarshal(mem.BufferSlice{half, half}, &ExportTraceServiceRequest{}))
	assert.Equal(t, 1, pool.got)
	assert.Equal(t, 1, pool.put)
}
