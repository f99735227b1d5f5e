// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
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

// indexes returns count indexes from the first on, with a distance.
func indexes(first, count, distance int) []int {
	var all []int
	for i := range count {
		all = append(all, first+i*distance)
	}
	return all
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
		{"one of two", 2, []int{1}, 1, 3},
		{"three of four", 4, []int{0, 1, 3}, 3, 5},
		{"one of five", 5, []int{4}, 1, 6},
		{"the first", 1000, []int{0}, 1, 21},
		{"the last", 1000, []int{999}, 1, 22},
		{"in the middle", 1000, []int{500}, 1, 22},
		{"two beside each other", 1000, []int{10, 11}, 2, 26},
		{"one in each half", 1000, []int{10, 900}, 2, 42},
		{"one in each quarter", 1000, []int{10, 300, 600, 900}, 4, 78},
		{"one in each sixth", 1000, indexes(7, 6, 166), 6, 110},
		{"all of one app, and four at its edges", 1000, indexes(300, 250, 1), 254, 91},
		{"all but ten in a row", 1000, append(indexes(0, 600, 1), indexes(610, 390, 1)...), 1000, 5},
		{"all", 1000, indexes(0, 1000, 1), 1000, 5},
		{"all of four", 4, []int{0, 1, 2, 3}, 4, 5},
		{"every third: more than can be found", 1000, indexes(0, 333, 3), 974, 94},
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
			named := fmt.Sprint(entries[0].ContextMap()["errors"])
			assert.Contains(t, named, `span "bad" (trace 01000000000000000000000000000000`)
			assert.LessOrEqual(t, strings.Count(named, "400 Bad Request"), maxNamed)
		})
	}
}

// Of four items that go alone, three bad ones cannot be all: wherever they are, they
// cost no other item.
func TestThreeUnreadableItemsCostNoOther(t *testing.T) {
	reader := newStrictReader(t)
	exp := newTraces(t, plainConfig(reader.url), zap.NewNop())
	places := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		spans := 4 + places.IntN(2000)
		bad := places.Perm(spans)[:3]
		require.NoError(t, exp.ConsumeTraces(t.Context(), tracesWith(spans, bad...)))
		require.EqualValues(t, spans-3, reader.stored.Swap(0), "%d spans, bad are %v", spans, bad)
		require.LessOrEqual(t, reader.uploads.Swap(0), int64(2*maxRefusals))
	}
}

// An APM that refuses everything is asked five times for each request, and takes the
// first request after that.
func TestBlanketRefusalIsCheap(t *testing.T) {
	reader := newStrictReader(t)
	logger, logs := observer.New(zap.InfoLevel)
	exp := newTraces(t, plainConfig(reader.url), zap.New(logger))
	reader.readsNothing.Store(true)
	const requests = 50
	for range requests {
		require.Error(t, exp.ConsumeTraces(t.Context(), traces(1000)))
	}
	assert.EqualValues(t, requests*(1+probes), reader.uploads.Swap(0))
	assert.Equal(t, 1, logs.FilterMessage("Uploads to OCI APM do not arrive").Len())

	reader.readsNothing.Store(false)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1000)))
	assert.EqualValues(t, 1, reader.uploads.Load())
	assert.EqualValues(t, 1000, reader.stored.Load())
	assert.Equal(t, 1, logs.FilterMessage("Uploads to OCI APM arrive again").Len())
}

// What APM refused before costs no item that it can read.
func TestUnreadableRequestsCostNoOther(t *testing.T) {
	reader := newStrictReader(t)
	exp := newTraces(t, plainConfig(reader.url), zap.NewNop())
	uploads := func(err error, td ptrace.Traces) int64 {
		require.Equal(t, err == nil, exp.ConsumeTraces(t.Context(), td) == nil)
		return reader.uploads.Swap(0)
	}
	allBad := indexes(0, 1000, 1)
	for round := range int64(10) {
		assert.EqualValues(t, 5, uploads(errUnreadable, tracesWith(1000, allBad...)))
		assert.EqualValues(t, 5, uploads(errUnreadable, tracesWith(1000, allBad...)))
		assert.EqualValues(t, 22, uploads(nil, tracesWith(1000, 500)))
		assert.EqualValues(t, 5, uploads(errUnreadable, tracesWith(1000, allBad...)))
		assert.EqualValues(t, 1, uploads(nil, traces(1000)))
		assert.EqualValues(t, 1, uploads(errUnreadable, tracesWith(1, 0)))
		assert.EqualValues(t, 78, uploads(nil, tracesWith(1000, 10, 300, 600, 900)))
		assert.Equal(t, (round+1)*(999+1000+996), reader.stored.Load())
	}
}

// Parts that APM cannot take for now are held, and the rest is not sent again.
func TestPartsBesideUnreadableItemAreHeld(t *testing.T) {
	tests := []struct {
		name         string
		down         int64
		held, stored int
		uploads      int64
	}{
		{"the first probe", 2, 100, 0, 2},
		{"the first half", 3, 49, 51, 4},
		{"the second half, and the first, which is not divided then", 4, 99, 1, 4},
		{"a quarter", 5, 24, 76, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reader := newStrictReader(t)
			reader.down.Store(tt.down)
			exp := newTraces(t, plainConfig(reader.url), zap.NewNop())
			var held consumererror.Traces
			require.ErrorAs(t, exp.ConsumeTraces(t.Context(), tracesWith(100, 7)), &held)
			assert.Equal(t, tt.held, held.Data().SpanCount())
			assert.EqualValues(t, tt.stored, reader.stored.Load())
			assert.Equal(t, tt.uploads, reader.uploads.Load())
			require.NoError(t, exp.ConsumeTraces(t.Context(), held.Data()))
			assert.EqualValues(t, 99, reader.stored.Load())
		})
	}
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
		uploads(3, outcomeAccepted, 200),
		uploads(1, outcomeSplit, 400),
		uploads(1+2*5, outcomeDropped, 400), // one span of the four; twice the eight, and four of these
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmDroppedItems(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 1 + 8 + 8, Attributes: attributes()},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}
