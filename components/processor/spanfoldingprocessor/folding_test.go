// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor/internal/metadatatest"
)

// kit is a processor with what a test sees of it.
type kit struct {
	processor processor.Traces
	sink      *consumertest.TracesSink
	telemetry *componenttest.Telemetry
}

func start(t testing.TB, change func(*Config)) kit {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	k := kit{sink: new(consumertest.TracesSink), telemetry: componenttest.NewTelemetry()}
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = k.telemetry.NewTelemetrySettings()
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, k.sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		assert.NoError(t, p.Shutdown(context.WithoutCancel(t.Context())))
		assert.NoError(t, k.telemetry.Shutdown(context.WithoutCancel(t.Context())))
	})
	k.processor = p
	return k
}

// fold returns what the processor makes of a batch.
func (k kit) fold(t testing.TB, td ptrace.Traces) ptrace.Traces {
	t.Helper()
	k.sink.Reset()
	require.NoError(t, k.processor.ConsumeTraces(t.Context(), td))
	require.Len(t, k.sink.AllTraces(), 1)
	return k.sink.AllTraces()[0]
}

// request returns a request with n equal statements below one span, which take 1 ms, 2 ms
// and so on. The statements have the ids from 1.
func request(n int, change func(i int, span ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	add := func(id byte, kind ptrace.SpanKind, name string, took time.Duration) ptrace.Span {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{15: 1})
		span.SetSpanID(pcommon.SpanID{7: id})
		span.SetKind(kind)
		span.SetName(name)
		begin := time.Unix(1_700_000_000, 0).Add(time.Duration(id) * 10 * time.Millisecond)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(took)))
		return span
	}
	for i := range n {
		span := add(byte(i+1), ptrace.SpanKindClient, "SELECT rooms", time.Duration(i+1)*time.Millisecond)
		span.SetParentSpanID(pcommon.SpanID{7: 255})
		span.Attributes().PutStr("db.system", "postgresql")
		span.Attributes().PutStr("db.statement", "SELECT * FROM rooms WHERE hotel = $1")
		span.Attributes().PutStr("db.operation", "SELECT")
		span.Attributes().PutStr("db.query.summary", "SELECT rooms")
		span.Attributes().PutStr("peer.service", "postgresql:rooms")
		if change != nil {
			change(i, span)
		}
	}
	add(255, ptrace.SpanKindServer, "GET /rooms", time.Second)
	return td
}

func spansOf(td ptrace.Traces) (spans []ptrace.Span) {
	for _, resource := range td.ResourceSpans().All() {
		for _, scoped := range resource.ScopeSpans().All() {
			for _, span := range scoped.Spans().All() {
				spans = append(spans, span)
			}
		}
	}
	return spans
}

// letter returns one of the first letters.
func letter(i int) string { return "abcdefghijklmnop"[i : i+1] }

func summaries(td ptrace.Traces) []ptrace.Span {
	return slices.DeleteFunc(spansOf(td), func(span ptrace.Span) bool {
		_, ok := span.Attributes().Get(attrIsSummary)
		return !ok
	})
}

// TestSummary folds ten statements into the slowest one, and a summary of the rest.
func TestSummary(t *testing.T) {
	k := start(t, nil)
	folded := k.fold(t, request(10, func(i int, span ptrace.Span) {
		span.Attributes().PutStr("thread.name", []string{"main", "pool"}[i%2])
		span.Attributes().PutInt("server.port", 5432)
		if i == 3 {
			span.Attributes().PutStr("db.user", "shop")
		}
		span.Events().AppendEmpty().SetName("fetched")
	}))
	require.Equal(t, 3, folded.SpanCount())
	found := summaries(folded)
	require.Len(t, found, 1)
	summary := found[0]
	assert.Equal(t, pcommon.SpanID{7: 9}, summary.SpanID(), "the slowest of those that are folded")
	assert.Equal(t, pcommon.SpanID{7: 255}, summary.ParentSpanID())
	assert.Equal(t, "SELECT rooms", summary.Name())
	assert.Equal(t, 1, summary.Events().Len())
	assert.Equal(t, time.Unix(1_700_000_000, 0).Add(10*time.Millisecond).UTC(), summary.StartTimestamp().AsTime())
	assert.Equal(t, time.Unix(1_700_000_000, 0).Add(99*time.Millisecond).UTC(), summary.EndTimestamp().AsTime())
	assert.Equal(t, map[string]any{
		"db.system": "postgresql", "db.statement": "SELECT * FROM rooms WHERE hotel = $1", "db.operation": "SELECT",
		"db.query.summary": "SELECT rooms", "peer.service": "postgresql:rooms", "thread.name": "main", "server.port": int64(5432),
		"aggregation.is_summary": true, "aggregation.span_count": int64(9), "aggregation.error_count": int64(0),
		"aggregation.duration_total_ns": int64(45 * time.Millisecond), "aggregation.duration_min_ns": int64(time.Millisecond),
		"aggregation.duration_max_ns": int64(9 * time.Millisecond), "aggregation.duration_avg_ns": int64(5 * time.Millisecond),
		"aggregation.diverse_attributes": "db.user,thread.name",
	}, summary.Attributes().AsRaw())

	slowest := spansOf(folded)[1]
	assert.Equal(t, pcommon.SpanID{7: 10}, slowest.SpanID())
	assert.Equal(t, 7, slowest.Attributes().Len(), "unchanged")

	metadatatest.AssertEqualProcessorSpanFoldingFoldedSpans(t, k.telemetry, []metricdata.DataPoint[int64]{{Value: 8}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorSpanFoldingSummaries(t, k.telemetry, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	assertReasons(t, k, map[reason]int64{reasonKept: 1})
}

func assertReasons(t *testing.T, k kit, wanted map[reason]int64) {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	for why, n := range wanted {
		points = append(points, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", string(why)))})
	}
	metadatatest.AssertEqualProcessorSpanFoldingNotFoldedSpans(t, k.telemetry, points, metricdatatest.IgnoreTimestamp())
}

// TestNotFolded changes all statements of a request so that none may be folded.
func TestNotFolded(t *testing.T) {
	for name, test := range map[string]struct {
		change func(i int, span ptrace.Span)
		why    reason // "" if the spans are of no configured kind
	}{
		"slow":            {func(_ int, s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() + 50_000_001) }, reasonSlow},
		"not ended":       {func(_ int, s ptrace.Span) { s.SetEndTimestamp(0) }, reasonSlow},
		"centuries":       {func(_ int, s ptrace.Span) { s.SetEndTimestamp(math.MaxUint64) }, reasonSlow},
		"no start":        {func(_ int, s ptrace.Span) { s.SetStartTimestamp(0) }, reasonSlow},
		"root":            {func(_ int, s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{}) }, reasonRoot},
		"link":            {func(_ int, s ptrace.Span) { s.Links().AppendEmpty() }, reasonLink},
		"exception":       {func(_ int, s ptrace.Span) { s.Events().AppendEmpty().SetName("exception") }, reasonEvent},
		"message":         {func(_ int, s ptrace.Span) { s.Status().SetMessage("retried") }, reasonEvent},
		"priority":        {func(_ int, s ptrace.Span) { s.Attributes().PutInt("sampling.priority", 1) }, reasonKept},
		"HTTP":            {func(_ int, s ptrace.Span) { s.Attributes().PutStr("http.method", "POST") }, reasonRemote},
		"RPC":             {func(_ int, s ptrace.Span) { s.Attributes().PutStr("rpc.system", "aws-api") }, reasonRemote},
		"messaging":       {func(_ int, s ptrace.Span) { s.Attributes().PutStr("messaging.system", "aqmp") }, reasonRemote},
		"other parents":   {func(i int, s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{7: byte(i / 4), 0: 1}) }, reasonFew}, //nolint:gosec // a few
		"other traces":    {func(i int, s ptrace.Span) { s.SetTraceID(pcommon.TraceID{0: byte(i / 4), 1: 1}) }, reasonFew},     //nolint:gosec // a few
		"other summaries": {func(i int, s ptrace.Span) { s.Attributes().PutStr("db.query.summary", letter(i/4)) }, reasonFew},
		"other names":     {func(i int, s ptrace.Span) { s.SetName(letter(i / 4)) }, reasonFew},
		"other peers":     {func(i int, s ptrace.Span) { s.Attributes().PutStr("peer.service", letter(i/4)) }, reasonFew},
		"other systems":   {func(i int, s ptrace.Span) { s.Attributes().PutStr("db.system", letter(i/4)) }, reasonFew},
		"other operation": {func(i int, s ptrace.Span) { s.Attributes().PutStr("db.operation", letter(i/4)) }, reasonFew},
		"other weights":   {func(i int, s ptrace.Span) { s.TraceState().FromRaw("ot=th:" + letter(i/4)) }, reasonFew},
		"other statuses": {func(i int, s ptrace.Span) {
			s.Status().SetCode([]ptrace.StatusCode{ptrace.StatusCodeOk, ptrace.StatusCodeUnset, ptrace.StatusCodeError}[i/4])
		}, reasonFew},
		"no database": {func(_ int, s ptrace.Span) { s.Attributes().Remove("db.system") }, ""},
		"producer":    {func(_ int, s ptrace.Span) { s.SetKind(ptrace.SpanKindProducer) }, ""},
		"internal":    {func(_ int, s ptrace.Span) { s.SetKind(ptrace.SpanKindInternal) }, ""},
		"many attributes": {func(_ int, s ptrace.Span) {
			for n := range maxAttributes {
				s.Attributes().PutStr(strings.Repeat("a", n+1), "")
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, nil)
			folded := k.fold(t, request(12, test.change))
			assert.Equal(t, 13, folded.SpanCount())
			assert.Empty(t, summaries(folded))
			if test.why != "" {
				assertReasons(t, k, map[reason]int64{test.why: 12})
			}
		})
	}
}

// TestResourcesAndScopes are not mixed.
func TestResourcesAndScopes(t *testing.T) {
	td := request(4, nil)
	request(4, nil).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	scopes := td.ResourceSpans().At(0).ScopeSpans()
	request(4, nil).ResourceSpans().At(0).ScopeSpans().MoveAndAppendTo(scopes)
	assert.Equal(t, 15, start(t, nil).fold(t, td).SpanCount())
}

func TestKeys(t *testing.T) {
	differing := func(i int, span ptrace.Span) {
		span.Attributes().PutStr("db.statement", "SELECT * FROM rooms WHERE hotel = "+letter(i))
	}
	assert.Equal(t, 3, start(t, nil).fold(t, request(9, differing)).SpanCount())
	byStatement := func(cfg *Config) { cfg.Key = KeyStatement }
	assert.Equal(t, 10, start(t, byStatement).fold(t, request(9, differing)).SpanCount())
	assert.Equal(t, 3, start(t, byStatement).fold(t, request(9, nil)).SpanCount())
	assert.Equal(t, 3, start(t, byStatement).fold(t, request(9, func(i int, span ptrace.Span) {
		differing(i, span)
		span.Attributes().PutStr("DbOracleSqlId", "9babjv8yq8ru3")
	})).SpanCount(), "the SQL_ID comes before the text")
	assert.Equal(t, 10, start(t, byStatement).fold(t, request(9, func(i int, span ptrace.Span) {
		span.Attributes().PutStr("DbOracleSqlId", letter(i))
	})).SpanCount())
}

func TestInternal(t *testing.T) {
	k := start(t, func(cfg *Config) { cfg.Kinds = []Kind{KindInternal} })
	internal := func(_ int, span ptrace.Span) {
		span.SetKind(ptrace.SpanKindInternal)
		span.Attributes().Clear()
	}
	assert.Equal(t, 3, k.fold(t, request(10, internal)).SpanCount())
	assert.Equal(t, 11, k.fold(t, request(10, nil)).SpanCount())
}

// TestErrors keeps the earliest failures, and folds the rest apart from what succeeded.
func TestErrors(t *testing.T) {
	failures := func(i int, span ptrace.Span) {
		if i%2 == 0 {
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Status().SetMessage("deadlock detected")
			span.Events().AppendEmpty().SetName("exception")
		}
	}
	folded := start(t, nil).fold(t, request(20, failures))
	found := summaries(folded)
	require.Len(t, found, 2)
	assert.Equal(t, 1+1+1+5+1, folded.SpanCount(), "the request, the slowest and a summary, five failures and a summary")
	var failed ptrace.Span
	for _, summary := range found {
		if summary.Status().Code() == ptrace.StatusCodeError {
			failed = summary
		} else {
			assert.Equal(t, int64(0), numberOf(summary, attrErrors))
		}
	}
	assert.Equal(t, int64(5), numberOf(failed, attrErrors))
	assert.Equal(t, int64(5), numberOf(failed, attrSpanCount))
	assert.Equal(t, 1, failed.Events().Len())
	for _, id := range []byte{1, 3, 5, 7, 9} {
		assert.True(t, slices.ContainsFunc(spansOf(folded), func(span ptrace.Span) bool { return span.SpanID() == pcommon.SpanID{7: id} }))
	}

	k := start(t, func(cfg *Config) { cfg.KeepErrors = 0 })
	folded = k.fold(t, request(20, failures))
	assert.Equal(t, 1+1+1+10, folded.SpanCount(), "0 keeps all failures")
	assertReasons(t, k, map[reason]int64{reasonError: 10, reasonKept: 1})
}

func numberOf(span ptrace.Span, name string) int64 {
	value, _ := span.Attributes().Get(name)
	return value.Int()
}

// TestTimes has the slowest statement first, and one with exactly the longest duration.
func TestTimes(t *testing.T) {
	folded := start(t, func(cfg *Config) { cfg.KeepSlowest = 0 }).fold(t, request(10, func(i int, span ptrace.Span) {
		span.SetEndTimestamp(span.StartTimestamp() + pcommon.Timestamp(5*time.Millisecond))
		if i == 0 {
			span.SetEndTimestamp(span.StartTimestamp() + pcommon.Timestamp(50*time.Millisecond))
			span.Attributes().PutStr("db.user", "shop")
		}
	}))
	require.Equal(t, 2, folded.SpanCount())
	summary := summaries(folded)[0]
	assert.Equal(t, pcommon.SpanID{7: 1}, summary.SpanID())
	assert.Equal(t, time.Unix(1_700_000_000, 0).Add(105*time.Millisecond).UTC(), summary.EndTimestamp().AsTime())
	assert.Equal(t, "db.user", summary.Attributes().AsRaw()[attrDiverse], "the others do not have it")
}

func TestDiverseAttributesAreLimited(t *testing.T) {
	folded := start(t, nil).fold(t, request(10, func(i int, span ptrace.Span) {
		for n := range 14 {
			span.Attributes().PutInt(letter(13-n)+"_number", int64(i))
		}
	}))
	assert.Equal(t, "a_number,b_number,c_number,d_number,e_number,f_number,g_number,h_number,i_number,j_number",
		summaries(folded)[0].Attributes().AsRaw()[attrDiverse])
}

func TestKeepSlowest(t *testing.T) {
	for keep, want := range map[int]int{0: 2, 1: 3, 3: 5, 9: 11, 20: 11} {
		assert.Equal(t, want, start(t, func(cfg *Config) { cfg.KeepSlowest = keep }).fold(t, request(10, nil)).SpanCount(), "%d", keep)
	}
}

func TestMinSpans(t *testing.T) {
	assert.Equal(t, 5, start(t, nil).fold(t, request(4, nil)).SpanCount())
	assert.Equal(t, 3, start(t, nil).fold(t, request(5, nil)).SpanCount())
}
