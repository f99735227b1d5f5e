// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
)

func newTestRequest(t *testing.T, data ptrace.Traces) *request[ptrace.Traces] {
	t.Helper()
	r, err := newRequest(tracesSignal(), data)
	require.NoError(t, err)
	return r
}

// numbered returns spans with the IDs first to last.
func numbered(first, last int) ptrace.Traces {
	td := traces(last)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "shop")
	index := 0
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(ptrace.Span) bool { index++; return index < first })
	return td
}

// decode returns the traces of a request.
func decode(t *testing.T, r xexporterhelper.Request) ptrace.Traces {
	t.Helper()
	decoded := ptraceotlp.NewExportRequest()
	require.NoError(t, decoded.UnmarshalProto(r.(*request[ptrace.Traces]).body()))
	return decoded.Traces()
}

func spanIDs(t *testing.T, r xexporterhelper.Request) []byte {
	t.Helper()
	var ids []byte
	for _, rs := range decode(t, r).ResourceSpans().All() {
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

// The batcher calls MergeSplit on its batch. It expects all items of the batch in the
// first result, and assumes that the other results have items of the other request only.
func TestRequestSplits(t *testing.T) {
	size := newTestRequest(t, numbered(1, 1)).BytesSize()
	tests := []struct {
		name    string
		sizer   exporterhelper.RequestSizerType
		maxSize int
		want    [][]byte
	}{
		{"fits", exporterhelper.RequestSizerTypeItems, 10, [][]byte{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}},
		{"is filled first", exporterhelper.RequestSizerTypeItems, 6, [][]byte{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10}}},
		{"is full", exporterhelper.RequestSizerTypeItems, 4, [][]byte{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10}}},
		{"is too large already", exporterhelper.RequestSizerTypeItems, 3, [][]byte{{1, 2, 3, 4}, {5, 6, 7}, {8, 9, 10}}},
		{"one item each", exporterhelper.RequestSizerTypeItems, 1, [][]byte{{1, 2, 3, 4}, {5}, {6}, {7}, {8}, {9}, {10}}},
		{"bytes", exporterhelper.RequestSizerTypeBytes, 2 * size, [][]byte{{1, 2, 3, 4}, {5, 6}, {7, 8}, {9, 10}}},
		{"items that are too large stay", exporterhelper.RequestSizerTypeBytes, 1, [][]byte{{1, 2, 3, 4}, {5}, {6}, {7}, {8}, {9}, {10}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch := newTestRequest(t, numbered(1, 4))
			parts, err := batch.MergeSplit(t.Context(), tt.maxSize, tt.sizer, newTestRequest(t, numbered(5, 10)))
			require.NoError(t, err)
			var ids [][]byte
			for _, part := range parts {
				ids = append(ids, spanIDs(t, part))
				assert.Len(t, ids[len(ids)-1], part.ItemsCount())
			}
			if tt.name == "bytes" {
				// The batch is never split; the other results have at most two items.
				assert.Equal(t, []byte{1, 2, 3, 4}, ids[0][:4])
				assert.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, bytes.Join(ids, nil))
				for _, part := range parts[1:] {
					assert.LessOrEqual(t, part.BytesSize(), tt.maxSize)
				}
				return
			}
			assert.Equal(t, tt.want, ids)
		})
	}
}

func TestRequestIsSampled(t *testing.T) {
	for _, items := range []int{1, 3, 4, 5, 6, 20, 200} {
		t.Run(strconv.Itoa(items), func(t *testing.T) {
			places := sample(items, 4, 1000)
			require.Len(t, places, min(4, items))
			for i, place := range places {
				assert.GreaterOrEqual(t, place, i*items/len(places), "one of each fourth")
				assert.Less(t, place, (i+1)*items/len(places), "one of each fourth")
			}
			assert.Equal(t, places, sample(items, 4, 1000))
		})
	}
}

// A batch is one upload, compressed as a whole, however many requests were merged.
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
			require.Eventually(t, func() bool { return len(sandbox.Uploads()) > 0 }, 10*time.Second, time.Millisecond)
			uploads := sandbox.Uploads()
			require.Len(t, uploads, 1)
			assert.Equal(t, 20, sandbox.Counts().Spans.Stored)
			assert.Equal(t, encoding, uploads[0].ContentEncoding)
		})
	}
}
