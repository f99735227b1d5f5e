// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sequenceconnector

import (
	"context"
	"errors"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector/internal/metadatatest"
)

var (
	keep  = pipeline.NewIDWithName(pipeline.SignalTraces, "keep")
	count = pipeline.NewIDWithName(pipeline.SignalTraces, "count")
)

// host has what a test sees of a connector.
type host struct {
	connector connector.Traces
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
}

// start returns a connector between two pipelines.
func start(t *testing.T, first, then consumer.Traces, change func(*Config)) host {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.First, cfg.Then = []pipeline.ID{keep}, []pipeline.ID{count}
	if change != nil {
		change(cfg)
	}
	h := host{telemetry: componenttest.NewTelemetry()}
	set := connectortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = h.telemetry.NewTelemetrySettings()
	core, logs := observer.New(zapcore.DebugLevel)
	set.Logger, h.logs = zap.New(core), logs
	next := connector.NewTracesRouter(map[pipeline.ID]consumer.Traces{keep: first, count: then})
	c, err := NewFactory().CreateTracesToTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		assert.NoError(t, c.Shutdown(context.WithoutCancel(t.Context())))
		assert.NoError(t, h.telemetry.Shutdown(context.WithoutCancel(t.Context())))
	})
	h.connector = c
	return h
}

// consume returns a consumer of a function.
func consume(t *testing.T, f func(context.Context, ptrace.Traces) error) consumer.Traces {
	t.Helper()
	c, err := consumer.NewTraces(f)
	require.NoError(t, err)
	return c
}

// twoServices returns spans of each kind in two resources. The second has internal spans
// only.
func twoServices() ptrace.Traces {
	td := ptrace.NewTraces()
	for i, kinds := range [][]ptrace.SpanKind{
		{ptrace.SpanKindServer, ptrace.SpanKindInternal, ptrace.SpanKindClient, ptrace.SpanKindProducer, ptrace.SpanKindConsumer, ptrace.SpanKindUnspecified, -1, 9, 10},
		{ptrace.SpanKindInternal, ptrace.SpanKindInternal},
	} {
		resource := td.ResourceSpans().AppendEmpty()
		resource.SetSchemaUrl("https://opentelemetry.io/schemas/1.30.0")
		resource.Resource().Attributes().PutStr("service.name", []string{"shop", "batch"}[i])
		resource.ScopeSpans().AppendEmpty().Scope().SetName("empty")
		scoped := resource.ScopeSpans().AppendEmpty()
		scoped.SetSchemaUrl("https://opentelemetry.io/schemas/1.29.0")
		scoped.Scope().SetName("library")
		scoped.Scope().SetVersion("2")
		for n, kind := range kinds {
			span := scoped.Spans().AppendEmpty()
			span.SetTraceID(pcommon.TraceID{15: 1})
			span.SetSpanID(pcommon.SpanID{7: byte(n + 1)})
			span.SetParentSpanID(pcommon.SpanID{7: byte(n)})
			span.TraceState().FromRaw("ot=th:8")
			span.SetFlags(257)
			span.SetName("GET /rooms")
			span.SetKind(kind)
			span.SetStartTimestamp(1_000)
			span.SetEndTimestamp(2_000)
			span.Attributes().PutStr("http.route", "/rooms")
			span.SetDroppedAttributesCount(3)
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Status().SetMessage("no room")
		}
	}
	return td
}

func TestOrder(t *testing.T) {
	var order []string
	h := start(t,
		consume(t, func(context.Context, ptrace.Traces) error { order = append(order, "first"); return nil }),
		consume(t, func(context.Context, ptrace.Traces) error { order = append(order, "then"); return nil }), nil)
	require.NoError(t, h.connector.ConsumeTraces(t.Context(), twoServices()))
	assert.Equal(t, []string{"first", "then"}, order)
}

// TestRefused repeats a batch that is refused, as a sender does. It must be counted once.
func TestRefused(t *testing.T) {
	refusal := errors.New("sending queue is full")
	refusals := 5
	first := consume(t, func(context.Context, ptrace.Traces) error {
		refusals--
		if refusals >= 0 {
			return refusal
		}
		return nil
	})
	then := new(consumertest.TracesSink)
	h := start(t, first, then, nil)
	for range 5 {
		require.Equal(t, refusal, h.connector.ConsumeTraces(t.Context(), twoServices()), "unchanged")
		require.Empty(t, then.AllTraces())
	}
	require.NoError(t, h.connector.ConsumeTraces(t.Context(), twoServices()))
	assert.Equal(t, 3, then.SpanCount())
}

// TestCopy has the first pipeline change and empty its batch.
func TestCopy(t *testing.T) {
	want := twoServices()
	want.ResourceSpans().RemoveIf(func(r ptrace.ResourceSpans) bool {
		name, _ := r.Resource().Attributes().Get("service.name")
		return name.Str() == "batch"
	})
	scopes := want.ResourceSpans().At(0).ScopeSpans()
	scopes.RemoveIf(func(s ptrace.ScopeSpans) bool { return s.Spans().Len() == 0 })
	scopes.At(0).Spans().RemoveIf(func(span ptrace.Span) bool {
		switch span.Kind() {
		case ptrace.SpanKindServer, ptrace.SpanKindClient, ptrace.SpanKindConsumer:
			return false
		default:
			return true
		}
	})

	sent := twoServices()
	for _, span := range sent.ResourceSpans().At(0).ScopeSpans().At(1).Spans().All() {
		span.Events().AppendEmpty().SetName("exception")
		span.Links().AppendEmpty()
	}
	first := consume(t, func(_ context.Context, td ptrace.Traces) error {
		for _, resource := range td.ResourceSpans().All() {
			resource.Resource().Attributes().PutStr("service.name", "changed")
		}
		td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
		return nil
	})
	then := new(consumertest.TracesSink)
	h := start(t, first, then, nil)
	require.NoError(t, h.connector.ConsumeTraces(t.Context(), sent))
	require.Len(t, then.AllTraces(), 1)
	assert.NoError(t, ptracetest.CompareTraces(want, then.AllTraces()[0]))
}

func TestKinds(t *testing.T) {
	for _, kind := range []string{"internal", "server", "client", "producer", "consumer"} {
		t.Run(kind, func(t *testing.T) {
			then := new(consumertest.TracesSink)
			h := start(t, consumertest.NewNop(), then, func(cfg *Config) { cfg.ThenKinds = []string{kind} })
			require.NoError(t, h.connector.ConsumeTraces(t.Context(), twoServices()))
			want := 1
			if kind == "internal" {
				want = 3
			}
			require.Equal(t, want, then.SpanCount())
			for _, resource := range then.AllTraces()[0].ResourceSpans().All() {
				for _, span := range resource.ScopeSpans().At(0).Spans().All() {
					assert.Equal(t, spanKinds[kind], span.Kind())
				}
			}
		})
	}
}

// TestNothingToCount passes no empty batch.
func TestNothingToCount(t *testing.T) {
	first, then := new(consumertest.TracesSink), new(consumertest.TracesSink)
	h := start(t, first, then, func(cfg *Config) { cfg.ThenKinds = []string{"server"} })
	td := twoServices()
	td.ResourceSpans().RemoveIf(func(r ptrace.ResourceSpans) bool {
		name, _ := r.Resource().Attributes().Get("service.name")
		return name.Str() == "shop"
	})
	require.NoError(t, h.connector.ConsumeTraces(t.Context(), td))
	assert.Equal(t, 2, first.SpanCount())
	assert.Empty(t, then.AllTraces())
}

// TestThenFails must not tell the sender, which would repeat spans that were accepted.
func TestThenFails(t *testing.T) {
	first := new(consumertest.TracesSink)
	h := start(t, first, consumertest.NewErr(errors.New("data refused due to high memory usage")), nil)
	require.NoError(t, h.connector.ConsumeTraces(t.Context(), twoServices()))
	assert.Equal(t, 11, first.SpanCount())
	metadatatest.AssertEqualConnectorSequenceMissedSpans(t, h.telemetry,
		[]metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	require.Equal(t, 1, h.logs.Len())
	entry := h.logs.All()[0]
	assert.Equal(t, zapcore.ErrorLevel, entry.Level)
	assert.Equal(t, map[string]any{"spans": int64(3), "error": "data refused due to high memory usage"}, entry.ContextMap())
}

// TestSenderStopsWaiting cancels the request while the first pipeline accepts it.
func TestSenderStopsWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	counted := 0
	h := start(t,
		consume(t, func(context.Context, ptrace.Traces) error { cancel(); return nil }),
		consume(t, func(ctx context.Context, td ptrace.Traces) error { counted = td.SpanCount(); return ctx.Err() }), nil)
	require.NoError(t, h.connector.ConsumeTraces(ctx, twoServices()))
	assert.Equal(t, 3, counted)
	assert.Zero(t, h.logs.Len())
}

func TestChangesNothingItself(t *testing.T) {
	h := start(t, consumertest.NewNop(), consumertest.NewNop(), nil)
	assert.False(t, h.connector.Capabilities().MutatesData)
}

// TestPipelines checks what validation of the configuration alone cannot know: which
// pipelines have the connector as their receiver.
func TestPipelines(t *testing.T) {
	for name, test := range map[string]struct {
		receiving []pipeline.ID
		wanted    string
	}{
		"first is missing": {
			[]pipeline.ID{count},
			"first: each pipeline needs this connector in its receivers: missing consumer: \"traces/keep\"",
		},
		"then is missing": {
			[]pipeline.ID{keep},
			"then: each pipeline needs this connector in its receivers: missing consumer: \"traces/count\"",
		},
		"one is in no list": {
			[]pipeline.ID{keep, count, pipeline.NewIDWithName(pipeline.SignalTraces, "other")},
			"first, then: traces/other would receive nothing; write it in one of the two lists",
		},
	} {
		t.Run(name, func(t *testing.T) {
			consumers := map[pipeline.ID]consumer.Traces{}
			for _, id := range test.receiving {
				consumers[id] = consumertest.NewNop()
			}
			cfg := &Config{First: []pipeline.ID{keep}, Then: []pipeline.ID{count}, ThenKinds: []string{"server"}}
			_, err := NewFactory().CreateTracesToTraces(t.Context(), connectortest.NewNopSettings(metadata.Type), cfg, connector.NewTracesRouter(consumers))
			assert.EqualError(t, err, test.wanted)
		})
	}
}
