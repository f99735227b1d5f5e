// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decode(t *testing.T, r *request) []ptrace.Span {
	t.Helper()
	exported := ptraceotlp.NewExportRequest()
	require.NoError(t, exported.UnmarshalProto(r.body))
	var spans []ptrace.Span
	for _, rs := range exported.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				spans = append(spans, span)
			}
		}
	}
	return spans
}

// The mix has the properties that the reports describe.
func TestMix(t *testing.T) {
	const spans = 1000
	r, err := newRequest(spans, 7)
	require.NoError(t, err)
	random := rand.NewPCG(1, 2)
	r.renew(random)

	traces, ids, texts := map[[16]byte]int{}, map[[8]byte]bool{}, map[string]int{}
	databases, withLiterals := 0, 0
	kinds := map[ptrace.SpanKind]int{}
	for _, span := range decode(t, r) {
		traces[span.TraceID()]++
		ids[span.SpanID()] = true
		kinds[span.Kind()]++
		assert.GreaterOrEqual(t, span.Attributes().Len(), 10)
		assert.LessOrEqual(t, span.Attributes().Len(), 15)
		text, ok := span.Attributes().Get("db.statement")
		if !ok {
			text, ok = span.Attributes().Get("db.query.text")
		}
		if ok {
			databases++
			texts[text.Str()]++
			assert.NotContains(t, text.Str(), "@")
		}
	}
	for text, n := range texts {
		if n == 1 && text != "" {
			withLiterals++
		}
	}
	assert.Len(t, traces, spans/spansPerTrace)
	assert.Len(t, ids, spans)
	assert.Equal(t, spans/2, databases)
	assert.InDelta(t, spans/8, withLiterals, spans/40, "a quarter of the statements have literals")
	assert.Equal(t, map[ptrace.SpanKind]int{ptrace.SpanKindServer: 100, ptrace.SpanKindInternal: 300, ptrace.SpanKindClient: 600}, kinds)

	// The next sending has other ids and literals, and the same length.
	before := decode(t, r)
	r.renew(random)
	after := decode(t, r)
	for i := range before {
		assert.NotEqual(t, before[i].TraceID(), after[i].TraceID())
		assert.NotEqual(t, before[i].SpanID(), after[i].SpanID())
	}
}

// Every span that a collector accepts arrives, over both protocols.
func TestEverySpanArrives(t *testing.T) {
	for _, v := range []variant{oursMemory, oursDurable} {
		t.Run(v.name, func(t *testing.T) {
			to, err := newSink(t.Context())
			require.NoError(t, err)
			t.Cleanup(to.close)
			to.counting.Store(true)
			c := v.start(t, to)
			sent := int64(1) // one is sent by start
			for protocol, address := range map[string]string{"grpc": c.grpc, "http": c.http} {
				got, err := drive{protocol: protocol, address: address, apps: 4, spans: 50, requests: 25, lasting: time.Minute}.run(t.Context())
				require.NoError(t, err)
				require.Zero(t, got.failed, "%v", got.why)
				assert.EqualValues(t, 4*25*50, got.spans)
				assert.EqualValues(t, 4*25, got.latency.TotalCount())
				sent += got.spans
			}
			require.Eventually(t, func() bool { return to.spans.Load() >= sent }, 30*time.Second, 10*time.Millisecond)
			to.awaitQuiet(t, time.Minute)
			assert.Equal(t, sent, to.spans.Load())
			assert.Zero(t, to.broken.Load())
		})
	}
}

// With a rate, apps send no faster than the rate.
func TestRate(t *testing.T) {
	to, err := newSink(t.Context())
	require.NoError(t, err)
	t.Cleanup(to.close)
	to.counting.Store(true)
	got, err := drive{protocol: "http", address: to.url[len("http://"):], apps: 2, spans: 10, requests: 5, lasting: time.Minute, rate: 200}.run(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 100, got.spans)
	assert.EqualValues(t, 100, to.spans.Load())
	assert.GreaterOrEqual(t, got.took, 400*time.Millisecond, "five requests have four pauses of 100 ms")
}

func TestFailuresAreCounted(t *testing.T) {
	to, err := newSink(t.Context())
	require.NoError(t, err)
	t.Cleanup(to.close)
	to.down.Store(true)
	got, err := drive{protocol: "http", address: to.url[len("http://"):], apps: 1, spans: 10, requests: 3, lasting: time.Minute}.run(t.Context())
	require.NoError(t, err)
	assert.Zero(t, got.spans)
	assert.EqualValues(t, 3, got.failed)
	require.ErrorContains(t, got.why, "503")
}
