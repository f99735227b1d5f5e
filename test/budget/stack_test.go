// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package budget tests span_budget together with durable_tail_sampling, which it decides
// for: components do not import each other.
package budget

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"
	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		os.Exit(runChild(folder))
	}
	goleak.VerifyTestMain(m)
}

var (
	storageID = component.MustNewID("queue_storage")
	budgetID  = component.MustNewID("span_budget")
)

// extensions is a host with extensions.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// stack is durable_tail_sampling with a budget, and a storage.
type stack struct {
	sampling  processor.Traces
	budget    extension.Extension
	store     extension.Extension
	telemetry *componenttest.Telemetry
}

// start starts a stack on a folder.
func start(ctx context.Context, folder, decisionWait string, settings map[string]any, next consumer.Traces) (s stack, err error) {
	s.telemetry = componenttest.NewTelemetry()
	host := extensions{}
	if s.store, err = startExtension(ctx, queuestorageextension.NewFactory(), storageID, map[string]any{"directory": folder}, componenttest.NewNopTelemetrySettings(), host); err != nil {
		return s, err
	}
	settings["storage"] = "queue_storage"
	if s.budget, err = startExtension(ctx, spanbudgetextension.NewFactory(), budgetID, settings, s.telemetry.NewTelemetrySettings(), host); err != nil {
		return s, err
	}
	s.sampling, err = startSampling(ctx, "span_budget", decisionWait, 20_000, host, next)
	return s, err
}

// startSampling starts durable_tail_sampling with one policy.
func startSampling(ctx context.Context, policy, decisionWait string, traces int, host extensions, next consumer.Traces) (processor.Traces, error) {
	factory := durabletailsamplingprocessor.NewFactory()
	cfg := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{
		"storage": "queue_storage", "decision_wait": decisionWait, "num_traces": traces, "policies": []any{map[string]any{"name": "only", "type": policy}},
	}).Unmarshal(cfg); err != nil {
		return nil, err
	}
	set := processortest.NewNopSettings(factory.Type())
	set.ID = component.NewID(factory.Type())
	created, err := factory.CreateTraces(ctx, set, cfg, next)
	if err != nil {
		return nil, err
	}
	return created, created.Start(ctx, host)
}

func startExtension(ctx context.Context, factory extension.Factory, id component.ID, settings map[string]any, telemetry component.TelemetrySettings, host extensions) (extension.Extension, error) {
	cfg := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return nil, err
	}
	set := extensiontest.NewNopSettings(factory.Type())
	set.ID = id
	set.TelemetrySettings = telemetry
	created, err := factory.Create(ctx, set, cfg)
	if err != nil {
		return nil, err
	}
	host[id] = created
	return created, created.Start(ctx, host)
}

func (s stack) shutdown(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, s.sampling.Shutdown(ctx))
	require.NoError(t, s.budget.Shutdown(ctx))
	require.NoError(t, s.store.Shutdown(ctx))
	require.NoError(t, s.telemetry.Shutdown(ctx))
}

// traffic makes requests of 12 spans on average.
type traffic struct {
	random *rand.Rand
	number uint64
}

func newTraffic(seed uint64) *traffic {
	return &traffic{random: rand.New(rand.NewPCG(seed, 7))}
}

// request is a trace.
type request struct {
	id      pcommon.TraceID
	spans   int
	failed  bool
	failing int // the number of the span that has failed
	slow    bool
	late    int // number of spans that are sent later
	begin   time.Time
}

func (tr *traffic) next(begin time.Time) request {
	const sigma = 0.9
	mu := math.Log(12) - sigma*sigma/2
	r := request{spans: max(1, int(math.Exp(mu+sigma*tr.random.NormFloat64()))), begin: begin}
	tr.number++
	binary.BigEndian.PutUint64(r.id[:], tr.number)
	binary.BigEndian.PutUint64(r.id[8:], tr.random.Uint64())
	r.failed = tr.random.Float64() < 0.01
	r.slow = !r.failed && tr.random.Float64() < 0.005
	if r.spans > 1 && tr.random.IntN(20) == 0 {
		r.late = 1
	}
	r.failing = tr.random.IntN(r.spans)
	return r
}

// add adds the spans of a request from one number up to another. The root is the first.
func (r request) add(to ptrace.SpanSlice, from, end int, random *rand.Rand) {
	took := time.Duration(20e6 * math.Exp(0.5*random.NormFloat64()))
	if r.slow {
		took = time.Second + time.Duration(random.Int64N(int64(time.Second)))
	}
	for n := from; n < end; n++ {
		span := to.AppendEmpty()
		span.SetTraceID(r.id)
		span.SetSpanID(pcommon.SpanID{7: byte(n + 1), 6: byte((n + 1) >> 8)}) //nolint:gosec // two bytes of a number
		span.SetName("GET /hotels")
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(r.begin))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(r.begin.Add(took)))
		if n > 0 {
			span.SetParentSpanID(pcommon.SpanID{7: 1})
			span.SetName("query")
			span.SetKind(ptrace.SpanKindInternal)
		}
		if r.failed && n == r.failing {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
	}
}

// newSpans returns an empty batch, and where its spans go.
func newSpans() (ptrace.Traces, ptrace.SpanSlice) {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	return td, resource.ScopeSpans().AppendEmpty().Spans()
}

// eachSpan calls a function for each span.
func eachSpan(td ptrace.Traces, call func(ptrace.Span)) {
	for _, resource := range td.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				call(span)
			}
		}
	}
}

// isLateError reports whether the span that has failed is sent late.
func (r request) isLateError() bool { return r.failed && r.failing >= r.spans-r.late }

// poisson returns a number of events.
func (tr *traffic) poisson(mean float64) int {
	n := 0
	for sum := tr.random.ExpFloat64(); sum < mean; sum += tr.random.ExpFloat64() {
		n++
	}
	return n
}
