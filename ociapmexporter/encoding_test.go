// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
)

// keptItems has the items that a test's storage has kept.
type keptItems struct {
	component.StartFunc
	component.ShutdownFunc
	items   [][]byte
	reasons []error
	err     error
	owner   string
}

// KeepUnreadable implements unreadable.Keeper.
func (k *keptItems) KeepUnreadable(_ context.Context, kind component.Kind, id component.ID, name string, data []byte, reason error) error {
	if k.err != nil {
		return k.err
	}
	k.items = append(k.items, data)
	k.reasons = append(k.reasons, reason)
	k.owner = kind.String() + " " + id.String() + " " + name
	return nil
}

func testEncoding(k *keptItems) stored[ptrace.Traces] {
	return stored[ptrace.Traces]{signal: tracesSignal(), waiting: new(atomic.Int64), keep: func(ctx context.Context, data []byte, reason error) bool {
		return k.KeepUnreadable(ctx, component.KindExporter, component.MustNewID("oci_apm"), "traces", data, reason) == nil
	}}
}

// version1 returns a request as the first versions of the exporter stored it.
func version1(items int, body []byte) []byte {
	data := binary.AppendUvarint([]byte{0, 1}, uint64(items)) //nolint:gosec // a count
	return append(data, s2.Encode(nil, body)...)
}

func TestStoredRequest(t *testing.T) {
	encoding := testEncoding(&keptItems{})
	for _, spans := range []int{0, 1, 200} {
		t.Run(strconv.Itoa(spans), func(t *testing.T) {
			sent := newTestRequest(t, traces(spans))
			sent.merge(newTestRequest(t, traces(3)))
			data, err := encoding.Marshal(t.Context(), sent)
			require.NoError(t, err)
			for version, data := range map[string][]byte{"this version": data, "version 1": version1(sent.items, sent.body())} {
				_, got, err := encoding.Unmarshal(data)
				require.NoError(t, err, version)
				assert.Equal(t, sent.ItemsCount(), got.ItemsCount(), version)
				assert.Equal(t, sent.BytesSize(), got.BytesSize(), version)
				require.NoError(t, ptracetest.CompareTraces(decode(t, sent), decode(t, got)), version)
			}
		})
	}

	_, err := encoding.Marshal(t.Context(), &request[pmetric.Metrics]{})
	require.ErrorIs(t, err, errForeignRequest)
	_, err = encoding.Marshal(t.Context(), &request[ptrace.Traces]{size: maxStoredBytes + 1})
	require.ErrorIs(t, err, errStoredSize)
}

// Requests are stored uncompressed while the queue is short, and compressed when there is
// a backlog. Both forms are S2 blocks.
func TestBacklogIsCompressed(t *testing.T) {
	encoding := testEncoding(&keptItems{})
	sent := newTestRequest(t, traces(1000))
	body := sent.body()
	var items [][]byte
	marshal := func() int {
		data, err := encoding.Marshal(t.Context(), sent)
		require.NoError(t, err)
		items = append(items, data)
		return len(data)
	}
	for waiting := len(body); waiting <= compressFrom; waiting += len(body) {
		require.Greater(t, marshal(), len(body))
	}
	require.Less(t, marshal(), len(body)/2)

	for _, data := range items {
		_, got, err := encoding.Unmarshal(data)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, got.(*request[ptrace.Traces]).body()))
		content := data[storedHeaderBytes+storedChecksumBytes:]
		_, n := binary.Uvarint(content)
		decoded, err := s2.Decode(nil, content[n:])
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, decoded), "as an earlier version reads it")
	}
	// Requests that were in the queue on startup do not make the count negative, which
	// would delay compression.
	_, _, err := encoding.Unmarshal(items[0])
	require.NoError(t, err)
	assert.Zero(t, encoding.waiting.Load())
	require.Greater(t, marshal(), len(body))
}

// Unreadable items are handed to the storage unchanged, with the reason.
func TestStoredRequestIsUnreadable(t *testing.T) {
	r := newTestRequest(t, traces(50))
	encoding := testEncoding(nil)
	data, err := encoding.Marshal(t.Context(), r)
	require.NoError(t, err)
	flipped := bytes.Clone(data)
	flipped[len(flipped)-3] ^= 1
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                    {[]byte{}, errStored},
		"of another kind":            {[]byte("\x0a\x03abc"), errStored},
		"of a newer version":         {append([]byte{0, 3}, data[2:]...), errStoredVersion},
		"of an older version":        {append([]byte{0, 0}, data[2:]...), errStoredVersion},
		"no checksum":                {[]byte{0, 2, 1}, errStoredDamaged},
		"one bit":                    {flipped, errStoredDamaged},
		"cut":                        {data[:len(data)/2], errStoredDamaged},
		"version 1, no count":        {[]byte{0, 1}, errStoredDamaged},
		"version 1, endless count":   {append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 11)...), errStoredDamaged},
		"version 1, huge count":      {[]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, errStoredDamaged},
		"version 1, no size":         {[]byte{0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff}, errStoredDamaged},
		"version 1, cut":             {version1(50, r.body())[:40], errStoredDamaged},
		"version 1, another count":   {version1(49, r.body()), errStoredDamaged},
		"version 1, not an encoding": {version1(1, []byte("{}")), errStoredDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			kept := &keptItems{}
			_, _, err := testEncoding(kept).Unmarshal(tt.data)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, [][]byte{tt.data}, kept.items)
			require.ErrorIs(t, kept.reasons[0], tt.want)
			assert.Equal(t, "Exporter oci_apm traces", kept.owner)
		})
	}
}

// An impossible count means damage too, even if the checksum is right.
func TestStoredCountIsBounded(t *testing.T) {
	content := append(binary.AppendUvarint(nil, maxStoredBytes+1), s2.Encode(nil, []byte{})...)
	data := binary.LittleEndian.AppendUint32([]byte{0, 2}, crc32.Checksum(content, castagnoli))
	_, err := testEncoding(nil).read(append(data, content...))
	require.ErrorIs(t, err, errStoredDamaged)
}

// The size that a damaged item claims is not allocated.
func TestStoredSizeIsBounded(t *testing.T) {
	claim := binary.AppendUvarint([]byte{1}, maxStoredBytes+1)
	checked := binary.LittleEndian.AppendUint32([]byte{0, 2}, crc32.Checksum(claim, castagnoli))
	for name, data := range map[string][]byte{
		"version 1":            append([]byte{0, 1}, claim...),
		"this version":         append(checked, claim...),
		"this version, damage": append([]byte{0, 2, 1, 2, 3, 4}, binary.AppendUvarint([]byte{1}, maxStoredBytes)...),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := testEncoding(nil).read(data)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, errStoredDamaged)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
		})
	}
}

// An item that the storage cannot keep, for example because the disk is full, stays in
// the queue. It is stored again unchanged, can be merged with other requests, and delays
// only those until the storage keeps it.
func TestUnreadableItemStays(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	kept := &keptItems{err: errors.New("no space left on device")}
	items := &unreadableItems{id: component.MustNewID("oci_apm"), name: "traces", logger: zap.New(core), count: func(context.Context) {}}
	storage := component.MustNewID("queue_storage")
	items.start(storageHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storage: kept}}, storage)
	encoding := stored[ptrace.Traces]{signal: tracesSignal(), waiting: new(atomic.Int64), keep: items.keep}

	data := []byte{0, 9, 1, 2, 3}
	_, got, err := encoding.Unmarshal(data)
	require.NoError(t, err, "with an error, exporterhelper deletes the item")
	again, err := encoding.Marshal(t.Context(), got)
	require.NoError(t, err)
	assert.Equal(t, data, again)
	require.Equal(t, 1, logs.FilterMessageSnippet("the storage cannot keep it: it stays in the queue").Len())

	sandbox := startSandbox(t)
	base, err := newBaseExporter(directConfig(sandbox.URL()), nopSettings(zap.New(core)), tracesSignal(), &discovery.Shared{})
	require.NoError(t, err)
	require.NoError(t, base.start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, base.shutdown(context.Background())) }()
	base.unreadable = items
	batch, err := newTestRequest(t, traces(3)).MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeBytes, got)
	require.NoError(t, err)
	require.ErrorContains(t, base.push(t.Context(), batch[0]), "no space left on device")
	assert.Zero(t, sandbox.Counts().Spans.Stored)
	kept.err = nil
	require.NoError(t, base.push(t.Context(), batch[0]))
	assert.Equal(t, [][]byte{data}, kept.items)
	assert.Equal(t, 3, sandbox.Counts().Spans.Stored)
}

// If the storage cannot keep unreadable items, they are dropped and logged as such.
func TestUnreadableItemsWithoutKeeper(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	counted := 0
	items := &unreadableItems{logger: zap.New(core), count: func(context.Context) { counted++ }}
	encoding := stored[ptrace.Traces]{signal: tracesSignal(), waiting: new(atomic.Int64), keep: items.keep}
	for range 20 {
		_, _, err := encoding.Unmarshal([]byte{0, 9})
		require.ErrorIs(t, err, errStoredVersion)
	}
	assert.Equal(t, 20, counted)
	require.Equal(t, 1, logs.Len(), "one line for many")
	assert.Equal(t, zap.ErrorLevel, logs.All()[0].Level)
}

func FuzzStoredRequest(f *testing.F) {
	encoding := testEncoding(&keptItems{})
	r, err := newRequest(encoding.signal, traces(5))
	require.NoError(f, err)
	data, err := encoding.Marshal(context.Background(), r)
	require.NoError(f, err)
	f.Add(data)
	f.Add(version1(5, r.body()))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := encoding.read(data)
		if err != nil {
			return
		}
		assert.Len(t, got.body(), got.BytesSize())
	})
}
