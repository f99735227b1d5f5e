// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

func newTestRequest(t *testing.T, data ptrace.Traces) *request[ptrace.Traces] {
	t.Helper()
	r, err := newRequest(tracesSignal(), data)
	require.NoError(t, err)
	return r
}

// numbered has spans with the ids first to last.
func numbered(first, last int) ptrace.Traces {
	td := traces(last)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "shop")
	return keepSpans(td, func(i int) bool { return i+1 >= first })
}

func spanIDs(t *testing.T, r xexporterhelper.Request) []byte {
	t.Helper()
	data, err := r.(*request[ptrace.Traces]).data()
	require.NoError(t, err)
	var ids []byte
	for _, rs := range data.ResourceSpans().All() {
		service, _ := rs.Resource().Attributes().Get("service.name")
		assert.Equal(t, "shop", service.Str())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.SpanID()
				ids = append(ids, id[0])
			}
		}
	}
	return ids
}

func TestRequestMerges(t *testing.T) {
	r := newTestRequest(t, numbered(1, 2))
	one := r.BytesSize()
	merged, err := r.MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeBytes, newTestRequest(t, numbered(3, 4)))
	require.NoError(t, err)
	require.Len(t, merged, 1)
	assert.Equal(t, 4, merged[0].ItemsCount())
	assert.Equal(t, 2*one, merged[0].BytesSize())
	assert.Equal(t, []byte{1, 2, 3, 4}, spanIDs(t, merged[0]))

	_, err = r.MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeBytes, &request[plog.Logs]{})
	require.ErrorIs(t, err, errForeignRequest)
}

func TestRequestSplits(t *testing.T) {
	size := newTestRequest(t, numbered(1, 1)).BytesSize()
	tests := []struct {
		name    string
		sizer   exporterhelper.RequestSizerType
		maxSize int
		parts   int
	}{
		{"fits", exporterhelper.RequestSizerTypeItems, 10, 1},
		{"items", exporterhelper.RequestSizerTypeItems, 3, 4},
		{"one item each", exporterhelper.RequestSizerTypeItems, 1, 10},
		{"bytes", exporterhelper.RequestSizerTypeBytes, 2 * size, 6},
		{"items that are too large stay", exporterhelper.RequestSizerTypeBytes, 1, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := newTestRequest(t, numbered(1, 4)).MergeSplit(t.Context(), tt.maxSize, tt.sizer, newTestRequest(t, numbered(5, 10)))
			require.NoError(t, err)
			assert.Len(t, parts, tt.parts)
			var ids []byte
			for i, part := range parts {
				ids = append(ids, spanIDs(t, part)...)
				assert.LessOrEqual(t, parts[len(parts)-1].ItemsCount(), parts[i].ItemsCount(), "the last one is the smallest")
			}
			assert.ElementsMatch(t, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, ids)
		})
	}
}

func TestRequestIsSampled(t *testing.T) {
	for _, spans := range []int{1, 3, 4, 5, 6, 20, 200} {
		t.Run(strconv.Itoa(spans), func(t *testing.T) {
			r := newTestRequest(t, numbered(1, spans))
			items, rest, err := r.sample(4)
			require.NoError(t, err)
			require.Len(t, items, min(4, spans))
			assert.Equal(t, spans-len(items), rest.items)
			all := spanIDs(t, rest)
			for i, item := range items {
				ids := spanIDs(t, item)
				require.Len(t, ids, 1)
				assert.Greater(t, int(ids[0]), i*spans/len(items), "one of each fourth")
				assert.LessOrEqual(t, int(ids[0]), (i+1)*spans/len(items), "one of each fourth")
				all = append(all, ids...)
			}
			assert.ElementsMatch(t, spanIDs(t, r), all, "nothing is lost, nothing is there twice")

			again, _, err := r.sample(4)
			require.NoError(t, err)
			for i, item := range again {
				assert.Equal(t, spanIDs(t, items[i]), spanIDs(t, item))
			}
		})
	}
}

func TestStoredRequest(t *testing.T) {
	encoding := stored[ptrace.Traces]{tracesSignal()}
	for _, spans := range []int{0, 1, 200} {
		t.Run(strconv.Itoa(spans), func(t *testing.T) {
			sent := newTestRequest(t, traces(spans))
			sent.merge(newTestRequest(t, traces(3)))
			data, err := encoding.Marshal(t.Context(), sent)
			require.NoError(t, err)
			_, got, err := encoding.Unmarshal(data)
			require.NoError(t, err)
			assert.Equal(t, sent.ItemsCount(), got.ItemsCount())
			assert.Equal(t, sent.BytesSize(), got.BytesSize())
			want, err := sent.data()
			require.NoError(t, err)
			have, err := got.(*request[ptrace.Traces]).data()
			require.NoError(t, err)
			require.NoError(t, ptracetest.CompareTraces(want, have))
		})
	}

	_, err := encoding.Marshal(t.Context(), &request[pmetric.Metrics]{})
	require.ErrorIs(t, err, errForeignRequest)
}

// What is damaged is refused: exporterhelper then passes it over.
func TestStoredRequestIsDamaged(t *testing.T) {
	encoding := stored[ptrace.Traces]{tracesSignal()}
	data, err := encoding.Marshal(t.Context(), newTestRequest(t, traces(50)))
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{
		"nothing":         {},
		"of another kind": []byte("\x0a\x03abc"),
		"no count":        storedVersion,
		"endless count":   append(bytes.Clone(storedVersion), bytes.Repeat([]byte{0xff}, 11)...),
		"huge count":      append(bytes.Clone(storedVersion), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0),
		"huge size":       append(bytes.Clone(storedVersion), 1, 0xff, 0xff, 0xff, 0xff, 0x0f),
		"cut":             data[:len(data)/2],
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := encoding.Unmarshal(damaged)
			require.ErrorIs(t, err, errStored)
		})
	}
}

func FuzzStoredRequest(f *testing.F) {
	encoding := stored[ptrace.Traces]{tracesSignal()}
	r, err := newRequest(encoding.signal, traces(5))
	require.NoError(f, err)
	data, err := encoding.Marshal(context.Background(), r)
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := encoding.read(data)
		if err != nil {
			return
		}
		assert.Len(t, got.body(), got.BytesSize())
	})
}

// A batch goes in one upload, compressed as one, however many requests it was.
func TestBatchIsOneUpload(t *testing.T) {
	for compression, encoding := range map[string]string{"gzip": "gzip", "none": ""} {
		t.Run(compression, func(t *testing.T) {
			sandbox := startSandbox(t)
			cfg := createDefaultConfig().(*Config)
			cfg.ClientConfig.Endpoint = sandbox.URL()
			cfg.DataKey = testKey
			cfg.StartupCheck = false
			require.NoError(t, cfg.ClientConfig.Compression.UnmarshalText([]byte(compression)))
			cfg.QueueConfig.Get().Batch.Get().Sizer = exporterhelper.RequestSizerTypeItems
			cfg.QueueConfig.Get().Batch.Get().MinSize = 20
			cfg.QueueConfig.Get().Batch.Get().FlushTimeout = time.Hour
			exp := newTraces(t, cfg, zap.NewNop())
			for i := range 20 {
				require.NoError(t, exp.ConsumeTraces(t.Context(), numbered(i+1, i+1)))
			}
			require.Eventually(t, func() bool { return sandbox.Counts().Spans.Stored == 20 }, 10*time.Second, time.Millisecond)
			uploads := sandbox.Uploads()
			require.Len(t, uploads, 1)
			assert.Equal(t, encoding, uploads[0].ContentEncoding)
		})
	}
}
