// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadatatest"
	"github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"
)

// load returns the configuration with a given name in testdata/config.yaml.
func load(t *testing.T, name string) *Config {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfig(t *testing.T) {
	want := createDefaultConfig().(*Config)
	want.StorageID = &storageID
	want.Sampling.DecisionWait = time.Second
	want.Sampling.PolicyCfgs = make([]tailsamplingprocessor.PolicyCfg, 1)
	want.Sampling.PolicyCfgs[0].Name = "errors"
	want.Sampling.PolicyCfgs[0].Type = tailsamplingprocessor.StatusCode
	want.Sampling.PolicyCfgs[0].StatusCodeCfg.StatusCodes = []string{"ERROR"}
	configtest.Run(t, NewFactory(), []configtest.Case{
		{Name: "errors", Want: want},
		{Name: "empty", Errors: []string{"storage: is missing; name the extension", "policies: is empty"}},
		{Name: "unbounded", Errors: []string{
			"block_on_overflow: is false", "sampled_cache_size is less than 1", "non_sampled_cache_size is less than 1", "num_traces: is 0",
		}},
		{Name: "names", Errors: []string{
			"decision_wait: -1s is not positive; write how long to wait", "adjusted_count_attribute: is the same as reason_attribute, why",
		}},
		{Name: "tail_storage", Errors: []string{"tail_storage: cannot be used here"}},
		{Name: "strategy", Errors: []string{`invalid sampling_strategy "guess"`}}, // upstream's
	})
}

// Sampled traces are delivered, others are dropped, late spans follow the
// decision on their trace, and the storage is empty afterwards.
func TestDecisions(t *testing.T) {
	t.Parallel()
	h, store := newFileStorage(t, t.TempDir(), 0)
	out := newSink()
	p := start(t, load(t, "errors"), h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a1"}, spanOf{2, "b1"}, spanOf{1, "a2"})))
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "error a3"}, spanOf{2, "b2"})))
	assert.Equal(t, 2, p.ledger.len())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, []string{"a1", "a2", "error a3"}, names(out.got()))
		assert.Zero(c, p.ledger.len())
	}, wait, poll)

	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a late"}, spanOf{2, "b late"})))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a1": 1, "a2": 1, "error a3": 1, "a late": 1}, out.got())
		assert.Zero(c, p.ledger.len())
		assert.Empty(c, store.keys(c))
	}, wait, poll)
	require.NoError(t, p.ConsumeTraces(t.Context(), ptrace.NewTraces()))
}

// After a crash, a trace is decided on as a whole, with its spans from before
// and after the crash.
func TestCrash(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	h, store := newFileStorage(t, folder, 0)
	out := newSink()
	cfg := load(t, "slow")
	p := start(t, cfg, h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a1"}, spanOf{2, "b1"})))
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{3, "error c1"})))
	store.crash(t)
	require.ErrorIs(t, p.ConsumeTraces(t.Context(), traces(spanOf{4, "refused"})), errCrashed)

	out = newSink()
	h, store = newFileStorage(t, folder, 0)
	tel := componenttest.NewTelemetry()
	p = startWith(t, metadatatest.NewSettings(tel), cfg, h, out)
	metadatatest.AssertEqualProcessorDurableTailSamplingRecoveredSpans(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorDurableTailSamplingWaitingTraces(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "error a2"}, spanOf{2, "b2"})))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a1": 1, "error a2": 1, "error c1": 1}, out.got())
		assert.Empty(c, store.keys(c))
	}, wait, poll)
	require.NoError(t, tel.Shutdown(context.Background()))
}

// Whenever the crash happens, every accepted span of a sampled trace is
// delivered before it or after it.
func TestCrashUnderLoad(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cfg := load(t, "all")
	accepted, delivered := map[string]int{}, map[string]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range uint64(4) {
		h, store := newFileStorage(t, folder, 0)
		out := newSink()
		p := start(t, cfg, h, out)
		var senders sync.WaitGroup
		var mu sync.Mutex
		crash := time.After(time.Duration(500+random.IntN(1500)) * time.Millisecond)
		for sender := range 4 {
			senders.Go(func() {
				for n := uint64(0); ; n++ {
					// Eight senders share traces, and each trace spans several
					// batches.
					name := fmt.Sprintf("%d/%d/%d", round, sender, n)
					trace := round*1_000_000 + n/8
					if p.ConsumeTraces(context.Background(), traces(spanOf{trace, name + "a"}, spanOf{trace + 500_000, name + "b"})) != nil {
						return
					}
					mu.Lock()
					accepted[name+"a"]++
					accepted[name+"b"]++
					mu.Unlock()
					time.Sleep(time.Millisecond)
				}
			})
		}
		<-crash
		// Spans that next has received by now are delivered; later ones are
		// not.
		store.crashAfter(t, func() { maps.Copy(delivered, out.got()) })
		senders.Wait()
	}
	h, _ := newFileStorage(t, folder, 0)
	out := newSink()
	p := start(t, cfg, h, out)
	require.Eventually(t, func() bool { return p.ledger.len() == 0 }, wait, poll)
	maps.Copy(delivered, out.got())
	require.Greater(t, len(accepted), 1000)
	maps.DeleteFunc(accepted, func(name string, _ int) bool { return delivered[name] > 0 })
	assert.Empty(t, accepted)
}

// A full storage makes senders wait, and loses nothing.
func TestStorageFull(t *testing.T) {
	h, _ := newFileStorage(t, t.TempDir(), 1<<20)
	out := newSink()
	p := start(t, load(t, "slow"), h, out)
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	var err error
	for err == nil && accepted < 100 {
		incompressible := make([]byte, 50_000)
		for i := range incompressible {
			incompressible[i] = byte(random.Uint32()) //nolint:gosec // its last byte
		}
		name := hex.EncodeToString(incompressible)
		if err = p.ConsumeTraces(t.Context(), traces(spanOf{1, name})); err == nil {
			accepted++
		}
	}
	require.ErrorContains(t, err, "store the spans")
	assert.False(t, consumererror.IsPermanent(err))
	require.NotZero(t, accepted)
}

func TestTooManyTraces(t *testing.T) {
	h, _ := newFileStorage(t, t.TempDir(), 0)
	cfg := load(t, "slow")
	cfg.Sampling.NumTraces = 2
	p := start(t, cfg, h, consumertest.NewNop())
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"}, spanOf{2, "b"})))
	err := p.ConsumeTraces(t.Context(), traces(spanOf{3, "c"}))
	require.ErrorContains(t, err, "2 traces wait for a decision or for the next component, the maximum of num_traces")
	assert.False(t, consumererror.IsPermanent(err))
}

// A shutdown decides on the spans received so far, or leaves them for the next
// start.
func TestStop(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop_pending_traces_on_shutdown=%v", keep), func(t *testing.T) {
			folder := t.TempDir()
			cfg := load(t, "slow")
			cfg.Sampling.DropPendingTracesOnShutdown = keep
			h, _ := newFileStorage(t, folder, 0)
			out := newSink()
			p, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), cfg, out)
			require.NoError(t, err)
			require.NoError(t, p.Start(t.Context(), h))
			require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "error a"}, spanOf{2, "b"})))
			require.NoError(t, p.Shutdown(context.Background()))
			want := map[string]int{"error a": 1}
			if keep {
				want = map[string]int{}
			}
			assert.Equal(t, want, out.got())
		})
	}
}

func TestNoStorage(t *testing.T) {
	cfg := load(t, "all")
	for want, extensions := range map[string]map[component.ID]component.Component{
		"storage: there is no extension file_storage; list it in service::extensions": nil,
		"storage: the extension file_storage is not a storage extension":              {storageID: nil},
	} {
		p, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), cfg, consumertest.NewNop())
		require.NoError(t, err)
		require.ErrorContains(t, p.Start(t.Context(), &host{Host: componenttest.NewNopHost(), extensions: extensions}), want)
		require.NoError(t, p.Shutdown(context.Background()))
	}
}
