// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension/internal/metadata"
)

func TestInstanceCounter(t *testing.T) {
	var c instanceCounter
	var got []int
	for _, addresses := range []int{3, 5, 4, 5, 4, 4, 2, 3, 3, 6} {
		got = append(got, c.observe(addresses))
	}
	assert.Equal(t, []int{3, 5, 5, 5, 5, 4, 4, 4, 3, 6}, got)
}

func TestInstancesFollowAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		addresses, failure := []string{"10.0.0.1", "10.0.0.2", "10.0.0.1"}, error(nil)
		var mu sync.Mutex
		lookup := func(_ context.Context, name string) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			assert.Equal(t, "sampler-headless", name)
			return slices.Clone(addresses), failure
		}
		answer := func(next []string, err error) {
			mu.Lock()
			defer mu.Unlock()
			addresses, failure = next, err
		}
		cfg := createDefaultConfig().(*Config)
		cfg.SpansPerHour, cfg.Instances, cfg.StorageID = 60_000, "dns:sampler-headless", &storageID
		core, logs := observer.New(zap.InfoLevel)
		set := extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
		set.Logger = zap.New(core)
		run := func() *budget {
			b, err := newBudget(set, cfg)
			require.NoError(t, err)
			b.lookup = lookup
			require.NoError(t, b.Start(t.Context(), extensions{storageID: store}))
			synctest.Wait()
			return b
		}
		share := func(b *budget) float64 {
			time.Sleep(resolveInterval)
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.controller.plan.share()
		}
		b := run()
		assert.InDelta(t, 30_000, share(b), 0)
		answer([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, nil)
		assert.InDelta(t, 20_000, share(b), 0)
		answer(nil, errors.New("no such host"))
		assert.InDelta(t, 20_000, share(b), 0)
		answer([]string{"10.0.0.1"}, nil)
		assert.InDelta(t, 20_000, share(b), 0)
		assert.InDelta(t, 60_000, share(b), 0, "the second answer")
		answer([]string{"10.0.0.1", "10.0.0.2"}, nil)
		assert.InDelta(t, 30_000, share(b), 0)
		time.Sleep(saveInterval)
		require.NoError(t, b.Shutdown(t.Context()))

		answer(nil, errors.New("no such host"))
		b = run()
		assert.InDelta(t, 30_000, share(b), 0, "the last number applies")
		require.NoError(t, b.Shutdown(t.Context()))
		assert.Len(t, logs.FilterMessage("The number of instances is not known, and the last one applies; check the name in instances").All(), 2)
	})
}
