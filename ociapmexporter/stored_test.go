// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

// keepingStorage is a storage in memory that keeps unreadable items.
type keepingStorage struct {
	component.StartFunc
	component.ShutdownFunc
	mu    sync.Mutex
	items map[string][]byte
	kept  map[string]bool
}

// GetClient implements storage.Extension.
func (s *keepingStorage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return s, nil
}

// Get implements storage.Client.
func (s *keepingStorage) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[key], nil
}

// Set implements storage.Client.
func (s *keepingStorage) Set(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[key] = bytes.Clone(value)
	return nil
}

// Delete implements storage.Client.
func (s *keepingStorage) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, key)
	return nil
}

// Batch implements storage.Client.
func (s *keepingStorage) Batch(ctx context.Context, operations ...*storage.Operation) error {
	for _, operation := range operations {
		var err error
		switch operation.Type {
		case storage.Get:
			operation.Value, err = s.Get(ctx, operation.Key)
		case storage.Set:
			err = s.Set(ctx, operation.Key, operation.Value)
		case storage.Delete:
			err = s.Delete(ctx, operation.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close implements storage.Client.
func (*keepingStorage) Close(context.Context) error { return nil }

// KeepUnreadable implements unreadable.Keeper.
func (s *keepingStorage) KeepUnreadable(_ context.Context, _ component.Kind, _ component.ID, _ string, data []byte, _ error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[string(data)] = true
	return nil
}

// stored returns the keys of the items in the queue.
func (s *keepingStorage) stored() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.items {
		if _, err := strconv.Atoi(key); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// config returns the configuration of an exporter with its queue in the storage, and a
// host that has the storage.
func (s *keepingStorage) config(endpoint string) (*Config, component.Host) {
	id := component.MustNewID("queue_storage")
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = endpoint
	cfg.ClientConfig.Compression = "none"
	cfg.DataKey = testKey
	cfg.StartupCheck = false
	cfg.RetryConfig.InitialInterval = time.Millisecond
	cfg.RetryConfig.MaxInterval = time.Millisecond
	cfg.QueueConfig.Get().StorageID = &id
	cfg.QueueConfig.Get().Batch.Get().FlushTimeout = time.Millisecond
	return cfg, storageHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{id: s}}
}

// After a downgrade, twenty items that a newer collector has stored are kept and counted,
// including those in dispatch when it stopped. The items of this version are sent.
func TestDowngradeKeepsItems(t *testing.T) {
	apm := newRecorder(t)
	apm.status.Store(http.StatusServiceUnavailable)
	disk := &keepingStorage{items: map[string][]byte{}, kept: map[string]bool{}}
	cfg, host := disk.config(apm.url)
	exp := startTraces(t, cfg, host)
	for i := range 40 {
		require.NoError(t, exp.ConsumeTraces(t.Context(), numbered(i+1, i+1)))
	}
	require.Eventually(t, func() bool { return apm.uploads.Load() > 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, exp.Shutdown(context.Background()))
	newer := map[string]bool{}
	for i := range 20 {
		item := disk.items[strconv.Itoa(2*i)]
		require.NotEmpty(t, item)
		item[1] = 9
		newer[string(item)] = true
	}

	apm.status.Store(0)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	set := metadatatest.NewSettings(telemetry)
	set.ID = component.MustNewID("oci_apm")
	again, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, again.Start(t.Context(), host))
	assert.Eventually(t, func() bool {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		spans, _ := apm.counts()
		return spans == 20 && len(disk.kept) == len(newer)
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, again.Shutdown(context.Background()))
	assert.Equal(t, newer, disk.kept)
	got, err := telemetry.GetMetric("otelcol_exporter_oci_apm_unreadable_items")
	require.NoError(t, err)
	assert.EqualValues(t, 20, sum(t, got))
}

// A poison pill would take gigabytes once decoded. It is read from the queue, refused as
// too large, split and dropped, all in a small multiple of its size. The next request in
// the queue arrives.
func TestPoisonPillIsSplit(t *testing.T) {
	var arrived atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ContentLength > 100_000 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		body, err := io.ReadAll(req.Body)
		assert.NoError(t, err)
		count, err := tracesSignal().layout.Count(body)
		assert.NoError(t, err)
		arrived.Add(int64(count))
	}))
	defer server.Close()
	var spans []byte
	for i := range 4 {
		span := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte{byte(i), 0, 0, 0, 0, 0, 0, 1})
		span = append(span, bytes.Repeat([]byte{0x5a, 0}, 900_000)...) // events
		spans = protowire.AppendBytes(protowire.AppendTag(spans, 2, protowire.BytesType), span)
	}
	scope := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), spans)
	pill := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), scope)
	small := version1(4, pill)
	require.Less(t, len(small), 1000)

	var largest uint64
	stop := make(chan struct{})
	var sampling sync.WaitGroup
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	sampling.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				largest = max(largest, now.HeapAlloc)
			}
		}
	})

	disk := &keepingStorage{items: map[string][]byte{"0": small}, kept: map[string]bool{}}
	index := binary.LittleEndian.AppendUint64(nil, 0)
	disk.items["ri"], disk.items["wi"] = index, binary.LittleEndian.AppendUint64(nil, 1) // the format of older versions of exporterhelper
	cfg, host := disk.config(server.URL)
	cfg.QueueConfig.Get().Batch.Get().MinSize = 1
	exp := startTraces(t, cfg, host)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(3)))
	require.Eventually(t, func() bool { return arrived.Load() == 3 && len(disk.stored()) == 0 }, 20*time.Second, time.Millisecond)
	require.NoError(t, exp.Shutdown(context.Background()))
	close(stop)
	sampling.Wait()
	assert.Less(t, largest-min(before.HeapAlloc, largest), uint64(20*len(pill)), "bytes of heap; decoded, it takes a hundred times its size")
}
