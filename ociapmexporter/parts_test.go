// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

// strictReader is an APM that cannot read the span "bad", and refuses whatever it
// comes with.
type strictReader struct {
	url             string
	uploads, stored atomic.Int64
	readsNothing    atomic.Bool
	down            atomic.Int64 // the upload to be answered with 503, from 1
}

func newStrictReader(t *testing.T) *strictReader {
	t.Helper()
	s := &strictReader{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP takes an upload.
func (s *strictReader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upload := s.uploads.Add(1)
	body, err := io.ReadAll(r.Body)
	request := ptraceotlp.NewExportRequest()
	if err != nil || request.UnmarshalProto(body) != nil || s.readsNothing.Load() {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if upload == s.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for _, rs := range request.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if span.Name() == "bad" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
			}
		}
	}
	s.stored.Add(int64(request.Traces().SpanCount()))
}

// tracesWith returns spans of which those with the indexes are bad.
func tracesWith(spans int, bad ...int) ptrace.Traces {
	td := traces(spans)
	for _, i := range bad {
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i).SetName("bad")
	}
	return td
}

// What APM cannot read does not cost the items beside it.
func TestUnreadableItemsAreFound(t *testing.T) {
	tests := []struct {
		name    string
		spans   int
		bad     []int
		dropped int
		uploads int64
	}{
		{"the only one", 1, []int{0}, 1, 1},
		{"the first", 1000, []int{0}, 1, 19},
		{"the last", 1000, []int{999}, 1, 21},
		{"in the middle", 1000, []int{500}, 1, 19},
		{"two beside each other", 1000, []int{10, 11}, 2, 25},
		{"one in each half", 1000, []int{10, 900}, 2, 39},
		{"one in each quarter: no item is to blame", 1000, []int{10, 300, 600, 900}, 1000, 7},
		{"all", 4, []int{0, 1, 2, 3}, 4, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reader := newStrictReader(t)
			logger, logs := observer.New(zap.ErrorLevel)
			err := newTraces(t, plainConfig(reader.url), zap.New(logger)).ConsumeTraces(t.Context(), tracesWith(tt.spans, tt.bad...))
			assert.EqualValues(t, tt.spans-tt.dropped, reader.stored.Load())
			assert.Equal(t, tt.uploads, reader.uploads.Load(), "uploads")
			if tt.dropped == tt.spans {
				require.ErrorContains(t, err, "400 Bad Request")
				assert.True(t, consumererror.IsPermanent(err))
				return
			}
			require.NoError(t, err)
			entries := logs.FilterMessageSnippet("OCI APM refused a part").All()
			require.Len(t, entries, 1)
			assert.EqualValues(t, tt.dropped, entries[0].ContextMap()["dropped_items"])
			assert.Contains(t, fmt.Sprint(entries[0].ContextMap()["errors"]), `span "bad" (trace 01000000000000000000000000000000`)
		})
	}
}

// An APM that can read nothing is not asked seven times for every request.
func TestAllUnreadableIsRemembered(t *testing.T) {
	reader := newStrictReader(t)
	exp := newTraces(t, plainConfig(reader.url), zap.NewNop())
	reader.readsNothing.Store(true)
	uploads := func() int64 { return reader.uploads.Swap(0) }
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(100)))
	assert.EqualValues(t, 7, uploads())
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(100)))
	assert.EqualValues(t, 1, uploads())

	reader.readsNothing.Store(false)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(100)))
	assert.EqualValues(t, 1, uploads())
	require.NoError(t, exp.ConsumeTraces(t.Context(), tracesWith(100, 7)))
	assert.EqualValues(t, 99+100, reader.stored.Load())
}

// A part that APM cannot take for now is held, and the rest is not sent again.
func TestPartBesideUnreadableItemIsHeld(t *testing.T) {
	reader := newStrictReader(t)
	reader.down.Store(3) // the second half
	err := newTraces(t, plainConfig(reader.url), zap.NewNop()).ConsumeTraces(t.Context(), tracesWith(100, 7))
	var held consumererror.Traces
	require.ErrorAs(t, err, &held)
	assert.Equal(t, 50, held.Data().SpanCount())
	assert.EqualValues(t, 49, reader.stored.Load())
}

func TestUnreadableItemsAreCounted(t *testing.T) {
	reader := newStrictReader(t)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), plainConfig(reader.url))
	require.NoError(t, err)
	start(t, exp)
	require.NoError(t, exp.ConsumeTraces(t.Context(), tracesWith(4, 0)))
	reader.readsNothing.Store(true)
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(8)))
	require.Error(t, exp.ConsumeTraces(t.Context(), traces(8)))

	attributes := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(more, attribute.String("exporter", "oci_apm"), attribute.String("signal", "traces"))...)
	}
	uploads := func(n int64, outcome string, status int) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attributes(attribute.String("outcome", outcome), attribute.Int("http.response.status_code", status))}
	}
	metadatatest.AssertEqualExporterOciApmUploads(t, telemetry, []metricdata.DataPoint[int64]{
		uploads(2, outcomeAccepted, 200), // of 2 spans, of 1
		uploads(2+3, outcomeSplit, 400),  // of 4 and 2 spans; of 8 and twice 4
		uploads(1+4+1, outcomeDropped, 400),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmDroppedItems(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 1 + 8 + 8, Attributes: attributes()},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}
