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
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// strictReader is an APM that cannot read spans named "bad", and refuses every upload
// that has one.
type strictReader struct {
	url             string
	uploads, stored atomic.Int64
	readsNothing    atomic.Int64 // the status for every upload; if 0, it reads them
	refusesFrom     atomic.Int64 // the upload from which on everything is refused; 0 is never
	down            atomic.Int64 // the upload to answer with 503; the first is 1
	retryAfter      string       // sent with 503
	rejects         atomic.Int64 // how many spans of an accepted upload it rejects
}

func newStrictReader(t *testing.T) *strictReader {
	t.Helper()
	s := &strictReader{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP answers an upload.
func (s *strictReader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upload := s.uploads.Add(1)
	body, err := io.ReadAll(r.Body)
	request := ptraceotlp.NewExportRequest()
	if status := s.readsNothing.Load(); status != 0 {
		w.WriteHeader(int(status))
		return
	}
	from := s.refusesFrom.Load()
	if err != nil || request.UnmarshalProto(body) != nil || from != 0 && upload >= from {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if upload == s.down.Load() {
		if s.retryAfter != "" {
			w.Header().Set("Retry-After", s.retryAfter)
		}
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
	if rejects := s.rejects.Load(); rejects > 0 {
		response := ptraceotlp.NewExportResponse()
		response.PartialSuccess().SetRejectedSpans(rejects)
		content, err := response.MarshalJSON()
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(content)
	}
}

// tracesWith returns spans. Those with the given indexes are bad.
func tracesWith(spans int, bad ...int) ptrace.Traces {
	td := traces(spans)
	for _, i := range bad {
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i).SetName("bad")
	}
	return td
}

// indexes returns count indexes at a distance from each other, beginning with first.
func indexes(first, count, distance int) []int {
	var all []int
	for i := range count {
		all = append(all, first+i*distance)
	}
	return all
}

// Items that APM cannot read do not cause the loss of the items around them.
func TestUnreadableItemsAreFound(t *testing.T) {
	tests := []struct {
		name    string
		spans   int
		bad     []int
		dropped int
		uploads int64
	}{
		{"the only one", 1, []int{0}, 1, 4},
		{"one of two", 2, []int{1}, 1, 5},
		{"three of four", 4, []int{0, 1, 3}, 3, 7},
		{"one of five", 5, []int{4}, 1, 8},
		{"the first", 1000, []int{0}, 1, 23},
		{"the last", 1000, []int{999}, 1, 24},
		{"in the middle", 1000, []int{500}, 1, 23},
		{"two adjacent ones", 1000, []int{10, 11}, 2, 28},
		{"one in each half", 1000, []int{10, 900}, 2, 44},
		{"one in each quarter", 1000, []int{10, 300, 600, 900}, 4, 80},
		{"one in each sixth", 1000, indexes(7, 6, 166), 6, 112},
		{"all of one app", 1000, indexes(300, 250, 1), 250, 73},
		{"all but ten in a row", 1000, append(indexes(0, 600, 1), indexes(610, 390, 1)...), 1000, 7},
		{"all", 1000, indexes(0, 1000, 1), 1000, 7},
		{"all of four", 4, []int{0, 1, 2, 3}, 4, 7},
		{"every third: more than can be found", 1000, indexes(0, 333, 3), 975, 92},
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
			entries := logs.FilterMessageSnippet("OCI APM rejected a part").All()
			require.Len(t, entries, 1)
			assert.EqualValues(t, tt.dropped, entries[0].ContextMap()["dropped_items"])
			named := fmt.Sprint(entries[0].ContextMap()["errors"])
			assert.Contains(t, named, `span "bad" (trace 01000000000000000000000000000000`)
			assert.LessOrEqual(t, strings.Count(named, "400 Bad Request"), maxNamed)
		})
	}
}

// Three bad items cannot fill the sample of four, so wherever they are, no other item is
// dropped.
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

// If everything is refused, even the empty upload, the endpoint is wrong, not the data:
// nothing is dropped, and each attempt takes two uploads, however large the request is.
func TestBlanketRefusalIsHeld(t *testing.T) {
	for _, status := range []int{400, 413, 415, 422} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			reader := newStrictReader(t)
			logger, logs := observer.New(zap.InfoLevel)
			exp := newTraces(t, plainConfig(reader.url), zap.New(logger))
			reader.readsNothing.Store(int64(status))
			const requests = 50
			for range requests {
				err := exp.ConsumeTraces(t.Context(), traces(1000))
				require.ErrorContains(t, err, "so the data is not the cause: check the endpoint, and any proxy or firewall in between")
				require.False(t, consumererror.IsPermanent(err))
			}
			assert.EqualValues(t, requests*2, reader.uploads.Swap(0))
			assert.Equal(t, 1, logs.FilterMessage("Upload to OCI APM failed, will retry").Len())

			reader.readsNothing.Store(0)
			require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1000)))
			assert.EqualValues(t, 1, reader.uploads.Load())
			assert.EqualValues(t, 1000, reader.stored.Load())
			assert.Equal(t, 1, logs.FilterMessage("Uploads to OCI APM succeed again").Len())
		})
	}
}

// If APM begins to refuse everything during a search, and does so until the search ends,
// no item that it can read is dropped.
func TestBlanketRefusalDuringSearch(t *testing.T) {
	for upload := int64(1); upload <= 24; upload++ {
		reader := newStrictReader(t)
		reader.refusesFrom.Store(upload)
		cfg := plainConfig(reader.url)
		cfg.RetryConfig.Enabled = true
		cfg.RetryConfig.InitialInterval = time.Millisecond
		core, logs := observer.New(zap.InfoLevel)
		exp := newTraces(t, cfg, zap.New(core))
		done := make(chan error, 1)
		go func() { done <- exp.ConsumeTraces(t.Context(), tracesWith(1000, 500)) }()
		require.Eventually(t, func() bool {
			return len(done) > 0 || logs.FilterMessage("Upload to OCI APM failed, will retry").Len() > 0
		}, 10*time.Second, time.Millisecond)
		reader.refusesFrom.Store(0)
		require.NoError(t, <-done)
		assert.EqualValues(t, 999, reader.stored.Load(), "refused from upload %d on", upload)
	}
}

// Earlier refusals do not cause the loss of items that APM can read.
func TestUnreadableRequestsCostNoOther(t *testing.T) {
	reader := newStrictReader(t)
	exp := newTraces(t, plainConfig(reader.url), zap.NewNop())
	uploads := func(err error, td ptrace.Traces) int64 {
		require.Equal(t, err == nil, exp.ConsumeTraces(t.Context(), td) == nil)
		return reader.uploads.Swap(0)
	}
	allBad := indexes(0, 1000, 1)
	for round := range int64(10) {
		assert.EqualValues(t, 7, uploads(errUnreadable, tracesWith(1000, allBad...)))
		assert.EqualValues(t, 7, uploads(errUnreadable, tracesWith(1000, allBad...)))
		assert.EqualValues(t, 23, uploads(nil, tracesWith(1000, 500)))
		assert.EqualValues(t, 7, uploads(errUnreadable, tracesWith(1000, allBad...)))
		assert.EqualValues(t, 1, uploads(nil, traces(1000)))
		assert.EqualValues(t, 4, uploads(errUnreadable, tracesWith(1, 0)))
		assert.EqualValues(t, 80, uploads(nil, tracesWith(1000, 10, 300, 600, 900)))
		assert.Equal(t, (round+1)*(999+1000+996), reader.stored.Load())
	}
}

// A part that APM refuses for now is retained for retry, together with all items that
// were not sent yet. The search continues when APM accepts uploads again.
func TestPartsBesideUnreadableItemAreHeld(t *testing.T) {
	for _, tt := range []struct {
		pause string
		bad   []int
		last  int64 // upload of the search
	}{
		{"", []int{7}, 17},
		{"600", []int{7}, 17},
		{"", []int{7, 80}, 22}, // with parts that wait to be divided
	} {
		for down := int64(2); down <= tt.last; down++ {
			t.Run(fmt.Sprintf("upload %d, Retry-After %q, bad %v", down, tt.pause, tt.bad), func(t *testing.T) {
				reader := newStrictReader(t)
				reader.down.Store(down)
				reader.retryAfter = tt.pause
				base := startBaseExporter(t, plainConfig(reader.url), zap.NewNop())
				r := newTestRequest(t, tracesWith(100, tt.bad...))
				err := base.push(t.Context(), r)
				require.Error(t, err)
				assert.False(t, consumererror.IsPermanent(err))
				assert.Equal(t, down, reader.uploads.Load(), "no upload of the search while APM is down")
				if tt.pause != "" {
					assert.Contains(t, err.Error(), "Throttle (10m0s)")
				}

				held := r.OnError(err).(*request[ptrace.Traces])
				assert.EqualValues(t, 100, int64(held.items)+reader.stored.Load(), "all other items are retained for retry")
				base.pace.resume()
				require.NoError(t, base.push(t.Context(), held))
				assert.EqualValues(t, 100-len(tt.bad), reader.stored.Load())
			})
		}
	}
}

// Refused parts that were not divided yet when APM goes down are retried and counted as
// retried.
func TestWaitingPartsAreCountedAsRetried(t *testing.T) {
	reader := newStrictReader(t)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), plainConfig(reader.url))
	require.NoError(t, err)
	start(t, exp)
	reader.down.Store(6) // the first of the two halves is probed
	require.Error(t, exp.ConsumeTraces(t.Context(), tracesWith(100, 7, 80)))
	require.EqualValues(t, 6, reader.uploads.Load())

	metric, err := telemetry.GetMetric("otelcol_exporter_oci_apm_uploads")
	require.NoError(t, err)
	outcomes := map[string]int64{}
	for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
		outcome, _ := point.Attributes.Value("outcome")
		status, _ := point.Attributes.Value("http.response.status_code")
		outcomes[fmt.Sprint(outcome.AsString(), " ", status.AsInt64())] += point.Value
	}
	assert.Equal(t, map[string]int64{"accepted 200": 1, "control 200": 1, "split 400": 2, "retry 400": 1, "retry 503": 1}, outcomes)
}

func TestUnreadableItemsAreCounted(t *testing.T) {
	reader := newStrictReader(t)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	exp, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(telemetry), plainConfig(reader.url))
	require.NoError(t, err)
	start(t, exp)
	require.NoError(t, exp.ConsumeTraces(t.Context(), tracesWith(4, 0)))
	require.Error(t, exp.ConsumeTraces(t.Context(), tracesWith(8, indexes(0, 8, 1)...)))
	reader.readsNothing.Store(400)
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
		uploads(1+5, outcomeDropped, 400), // one span of the four; the eight, and four of these
		uploads(4, outcomeControl, 200),
		uploads(1, outcomeRetry, 400),
		uploads(1, outcomeControl, 400),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterOciApmDroppedItems(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 1 + 8, Attributes: attributes()},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}
