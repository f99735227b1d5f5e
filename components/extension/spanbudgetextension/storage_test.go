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

// What was spent is stored at once if it is much, and otherwise soon.
func TestSpentIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		k := start(t, store, nil)
		stored := func() int64 {
			synctest.Wait()
			var record spentRecord
			require.NoError(t, json.Unmarshal(store.copied().records[spentKey], &record))
			return record.Current.total()
		}
		require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 2, 1000, true))
		assert.EqualValues(t, 1000, stored(), "at once")
		require.Equal(t, samplingpolicy.Sampled, k.evaluate(t, 4, 1, true))
		assert.EqualValues(t, 1000, stored())
		time.Sleep(saveDelay)
		assert.EqualValues(t, 1001, stored(), "soon")
	})
}
