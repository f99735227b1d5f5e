// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/pkg/samplingpolicy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension/internal/metadatatest"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

var storageID = component.MustNewID("queue_storage")

// extensions is a host with extensions.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// kit is a running extension with what a test sees of it.
type kit struct {
	*budget
	logs      *observer.ObservedLogs
	telemetry *componenttest.Telemetry
	stopped   bool
}

// start starts an extension, which is shut down at the end of the test. store may be nil.
func start(t *testing.T, store *memory, change func(*Config)) *kit {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.SpansPerHour = 100_000
	host := extensions{}
	if store != nil {
		cfg.StorageID = &storageID
		host[storageID] = store
	}
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.InfoLevel)
	k := &kit{logs: logs, telemetry: componenttest.NewTelemetry()}
	set := extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: k.telemetry.NewTelemetrySettings()}
	set.Logger = zap.New(core)
	created, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	k.budget = created.(*budget)
	require.NoError(t, k.Start(t.Context(), host))
	t.Cleanup(func() { k.end(t) })
	return k
}

func (k *kit) end(t *testing.T) {
	t.Helper()
	if !k.stopped {
		k.stopped = true
		assert.NoError(t, k.Shutdown(context.Background()))
		assert.NoError(t, k.telemetry.Shutdown(context.Background()))
	}
}

// lateError reports late spans of a trace.
func (k *kit) lateError(id pcommon.TraceID, td *samplingpolicy.TraceData) (spanbudget.Verdict, bool) {
	resource := td.ReceivedBatches.ResourceSpans().At(0)
	var spans []ptrace.Span
	for _, span := range resource.ScopeSpans().At(0).Spans().All() {
		spans = append(spans, span)
	}
	return k.LateError(id, resource.Resource(), spans)
}

// messages are the log lines of this kit.
func (k *kit) messages() (list []string) {
	for _, entry := range k.logs.All() {
		list = append(list, entry.Message)
	}
	return list
}

// known is what the extension remembers.
func (k *kit) known() any {
	k.mu.Lock()
	defer k.mu.Unlock()
	operations := k.controller.record().Operations
	slices.SortFunc(operations, func(a, b operationRecord) int { return cmp.Compare(a.Name, b.Name) })
	return []any{k.controller.recordSpent(), operations, len(k.kept.places)}
}

// trace is a trace of n spans. It is kept with every probability if its number is even.
func trace(number, n int, failed bool) (pcommon.TraceID, *samplingpolicy.TraceData) {
	var id pcommon.TraceID
	binary.BigEndian.PutUint64(id[:], uint64(number)) //nolint:gosec // not negative
	id[15] = 1
	if number%2 == 0 {
		for at := 9; at < 15; at++ {
			id[at] = 0xff
		}
	}
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	to := resource.ScopeSpans().AppendEmpty().Spans()
	for range n {
		span := to.AppendEmpty()
		span.SetTraceID(id)
		span.SetName("GET /hotels")
		if failed {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	return id, &samplingpolicy.TraceData{SpanCount: int64(n), ReceivedBatches: td}
}

func (k *kit) evaluate(t *testing.T, number, n int, failed bool) samplingpolicy.Decision {
	t.Helper()
	id, td := trace(number, n, failed)
	decision, err := k.Evaluate(t.Context(), id, td)
	require.NoError(t, err)
	return decision
}

func (k *kit) total() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.controller.hours.current.total()
}

func TestLateSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, newMemory(), func(cfg *Config) { cfg.SpansPerHour = 1000 })
		id, _ := trace(2, 0, false)
		assert.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 2, 40, false))
		verdict, room := k.Delivered(id, 40)
		assert.True(t, room)
		assert.Equal(t, spanbudget.ClassOrdinary, verdict.Class)
		assert.EqualValues(t, 40, k.total(), "they were counted at their decision")
		late, room := k.Delivered(id, 10)
		assert.True(t, room)
		assert.Equal(t, verdict, late)
		assert.EqualValues(t, 50, k.total())
		k.Folded(id, 15)
		assert.EqualValues(t, 35, k.total())

		verdict, room = k.Delivered(pcommon.TraceID{1}, 5)
		assert.True(t, room)
		assert.Zero(t, verdict.Class, "a trace that is not remembered")
		assert.EqualValues(t, 40, k.total())
		k.Folded(pcommon.TraceID{1}, 2)
		assert.EqualValues(t, 38, k.total())

		_, room = k.Delivered(id, 963)
		assert.False(t, room)
		assert.EqualValues(t, 38, k.total())
		_, room = k.Delivered(id, 962)
		assert.True(t, room)
		_, room = k.Delivered(id, 1)
		assert.False(t, room)
		assert.Equal(t, []string{"A trace does not fit into what is left of this hour's budget, and is dropped; smaller ones are still kept", "The budget of this hour is spent 60 minutes before its end; what does not fit is dropped until 01:00Z"}, k.messages())
	})
}

func TestLateErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, newMemory(), func(cfg *Config) { cfg.SpansPerHour = 1000 })
		id, td := trace(1, 5, true)
		verdict, keep := k.lateError(id, td)
		assert.True(t, keep)
		assert.Equal(t, spanbudget.Verdict{Class: spanbudget.ClassError, Threshold: sampling.AlwaysSampleThreshold}, verdict)
		assert.EqualValues(t, 5, k.total())
		id, td = trace(3, 996, true)
		_, keep = k.lateError(id, td)
		assert.False(t, keep)
	})
}

// A process that is killed is followed by one that knows what it spent, how it decided,
// and which traces it kept.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * time.Minute)
		store := newMemory()
		first := start(t, store, func(cfg *Config) { cfg.SpansPerHour = 10_000 })
		assert.EqualValues(t, 5000, first.total(), "half of the hour is gone")
		for range 10 {
			for n := range 60 {
				assert.Equal(t, samplingpolicy.Sampled, first.evaluate(t, 2*n, 5, n%10 == 0))
				id, _ := trace(2*n, 0, false)
				first.Delivered(id, 5)
				time.Sleep(time.Second)
			}
		}
		time.Sleep(saveInterval)
		synctest.Wait()
		left := store.copied()
		second := start(t, left, func(cfg *Config) { cfg.SpansPerHour = 10_000 })
		const reserved = 10 // a thousandth
		assert.Equal(t, first.total()+reserved, second.total())
		second.controller.hours.current.Assumed -= reserved
		assert.Equal(t, first.known(), second.known())

		// A late span of a trace that the first process kept.
		id, td := trace(0, 1, false)
		before := second.total()
		decision, err := second.Evaluate(t.Context(), id, td)
		require.NoError(t, err)
		assert.Equal(t, samplingpolicy.Sampled, decision)
		verdict, _ := second.Delivered(id, 1)
		assert.Equal(t, spanbudget.ClassError, verdict.Class)
		assert.Equal(t, before+1, second.total(), "it counts once")

		// The next hour begins with nothing spent.
		second.end(t)
		time.Sleep(30 * time.Minute)
		third := start(t, left, func(cfg *Config) { cfg.SpansPerHour = 10_000 })
		assert.Zero(t, third.total())
	})
}

func TestDamagedLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		store.records = map[string][]byte{spentKey: []byte("{"), controllerKey: []byte("[]"), segmentKey(3): {9, 9, 9}}
		time.Sleep(15 * time.Minute)
		k := start(t, store, nil)
		assert.EqualValues(t, 25_000, k.total())
		assert.Equal(t, []string{
			"A record of the budget cannot be read, and is made anew", "A record of the budget cannot be read, and is made anew",
			"A record of traces that were kept cannot be read; their late spans are decided anew",
		}, k.messages())
	})
}

func TestStorageErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		k := start(t, store, nil)
		store.fail(errors.New("no space left"))
		for range 3 {
			time.Sleep(saveInterval)
		}
		synctest.Wait()
		assert.Equal(t, []string{"What was spent cannot be stored; a restart now would estimate it"}, k.messages(), "once an hour")
		store.fail(nil)
		time.Sleep(saveInterval)
		synctest.Wait()
		assert.NotEmpty(t, store.copied().records)
	})
}

func TestStartErrors(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Units, cfg.StorageID = 1, &storageID
	set := extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	b, err := newBudget(set, cfg)
	require.NoError(t, err)
	assert.Equal(t, []component.ID{storageID}, b.Dependencies())
	require.EqualError(t, b.Start(t.Context(), extensions{}), "storage: there is no extension queue_storage; list it in service::extensions")
	require.EqualError(t, b.Start(t.Context(), extensions{storageID: b}), "storage: the extension queue_storage is not a storage extension; name one, such as queue_storage")
	store := newMemory()
	store.fail(errors.New("input/output error"))
	require.EqualError(t, b.Start(t.Context(), extensions{storageID: store}), "read the storage: input/output error")

	_, err = b.NewEvaluator("budget", map[string]any{"floor": 1})
	assert.EqualError(t, err, "policy budget has settings of its own; write them under extensions::span_budget")
}

// Two hours at many times the budget, and what the log and the metrics say about them.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, newMemory(), func(cfg *Config) { cfg.SpansPerHour = 1000 })
		random := rand.New(rand.NewPCG(1, 2))
		for second := range 2 * 3600 {
			id, td := trace(1, 10, second%2 == 1)
			binary.BigEndian.PutUint64(id[8:], random.Uint64())
			for _, span := range td.ReceivedBatches.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				span.SetTraceID(id)
			}
			_, err := k.Evaluate(t.Context(), id, td)
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		messages := k.messages()
		var kinds []string
		for _, message := range messages {
			kinds = append(kinds, message[:min(len(message), 20)])
		}
		assert.Subset(t, kinds, []string{"Hour 00:00Z: 970 of ", "Spans are sampled to", "Errors alone would e", "Traces are kept, but"})
		t.Log(messages)
		for name, wanted := range map[string]int{"decided_traces": 6, "decided_spans": 6, "spent_spans": 3, "limit_spans": 1, "assumed_spans": 1, "instances": 1, "projected_spans": 1, "late_spans": 1, "cut_off_spans": 1, "folded_spans": 1} {
			got, err := k.telemetry.GetMetric("otelcol_extension_span_budget_" + name)
			require.NoError(t, err, name)
			switch data := got.Data.(type) {
			case metricdata.Sum[int64]:
				assert.Len(t, data.DataPoints, wanted, name)
			case metricdata.Gauge[int64]:
				assert.Len(t, data.DataPoints, wanted, name)
			}
		}
		metadatatest.AssertEqualExtensionSpanBudgetLimitSpans(t, k.telemetry, []metricdata.DataPoint[int64]{{Value: 1000}}, metricdatatest.IgnoreTimestamp())
		decided, err := k.telemetry.GetMetric("otelcol_extension_span_budget_decided_traces")
		require.NoError(t, err)
		total := int64(0)
		for _, point := range decided.Data.(metricdata.Sum[int64]).DataPoints {
			total += point.Value
		}
		assert.EqualValues(t, 2*3600, total)
		probability, err := k.telemetry.GetMetric("otelcol_extension_span_budget_probability")
		require.NoError(t, err)
		for _, point := range probability.Data.(metricdata.Gauge[float64]).DataPoints {
			assert.Less(t, point.Value, 1.01)
		}
	})
}
