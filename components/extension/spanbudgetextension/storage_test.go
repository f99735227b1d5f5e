// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/pkg/samplingpolicy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

// memory is a storage extension in memory.
type memory struct {
	storage.Client
	mu      sync.Mutex
	records map[string][]byte
	err     error
}

func newMemory() *memory {
	return &memory{Client: storage.NewNopClient(), records: map[string][]byte{}}
}

func (*memory) Start(context.Context, component.Host) error { return nil }
func (*memory) Shutdown(context.Context) error              { return nil }

func (m *memory) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return m, nil
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[key], m.err
}

func (m *memory) Batch(_ context.Context, operations ...*storage.Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for _, operation := range operations {
		m.records[operation.Key] = operation.Value
	}
	return nil
}

// copied is what a killed process has left.
func (m *memory) copied() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := newMemory()
	left.records = maps.Clone(m.records)
	return left
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// What is stored is never less than what was spent, and hardly more.
func TestSpentIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		k := start(t, store, nil)
		stored := func() (spent, reserved int64) {
			var record spentRecord
			require.NoError(t, json.Unmarshal(store.copied().records[spentKey], &record))
			return record.Current.total(), record.Reserved
		}
		block := int64(k.controller.plan.share() / 1000)
		require.Greater(t, block, int64(10))
		writes := 0
		for n := range 10_000 {
			require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 2*n+2, 1, true))
			spent, reserved := stored()
			truth := k.controller.hours.current.total()
			require.EqualValues(t, n+1, truth)
			require.GreaterOrEqual(t, spent+reserved, truth)
			require.LessOrEqual(t, spent, truth)
			require.Equal(t, block, reserved)
			if spent == truth {
				writes++
			}
		}
		assert.LessOrEqual(t, int64(writes), 10_000/block+1)
		left := start(t, store.copied(), nil)
		spent, reserved := stored()
		assert.Equal(t, spent+reserved, left.controller.hours.current.total(), "a crash")
		k.end(t)
		spent, reserved = stored()
		assert.EqualValues(t, 10_000, spent)
		assert.Zero(t, reserved, "after a shutdown nothing is assumed")
	})
}

// The first spans of an hour are stored, however few they are.
func TestSpentIsStoredInANewHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		time.Sleep(5 * time.Second) // the hour turns between two regular records
		k := start(t, store, nil)
		time.Sleep(time.Hour - 6*time.Second)
		require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 2, 1000, true))
		time.Sleep(2 * time.Second)
		require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 4, 5, true))
		assert.GreaterOrEqual(t, start(t, store.copied(), nil).total(), int64(5))
		require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 6, 40_000, true))
		left := start(t, store.copied(), nil)
		assert.InDelta(t, burstPart*(97_000-5_000-40_000), left.controller.bursts[spanbudget.ClassError].limit, 50)
	})
}

// A process that goes on with an hour has not yet kept anything that should be delivered.
func TestNoWarningAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		first := start(t, store, nil)
		first.evaluate(t, 2, 10, true)
		first.end(t)
		second := start(t, store, nil)
		time.Sleep(2 * saveInterval)
		synctest.Wait()
		assert.Empty(t, second.messages())
	})
}

// Decisions go on while the storage fails, and what was spent is stored once it works.
func TestSpentIsStoredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		k := start(t, store, nil)
		store.fail(assert.AnError)
		require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 2, 1000, true))
		require.Empty(t, store.copied().records)
		store.fail(nil)
		time.Sleep(saveInterval)
		synctest.Wait()
		var record spentRecord
		require.NoError(t, json.Unmarshal(store.copied().records[spentKey], &record))
		assert.EqualValues(t, 1000, record.Current.total())
	})
}
