// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

var storageID = component.MustNewID("file_storage")

// host provides extensions, and records the last status of a component.
type host struct {
	component.Host
	extensions map[component.ID]component.Component

	mu     sync.Mutex
	status componentstatus.Status
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = event.Status()
}

func (h *host) lastStatus() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

// newStorageHost is for the generated lifecycle tests: its storage discards
// everything.
func newStorageHost() component.Host {
	return &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{
		storageID: &crashingStorage{client: storage.NewNopClient()},
	}}
}

var (
	errCrashed = errors.New("the process has crashed")
	errFull    = errors.New("no space left")
)

// crashingStorage is a storage extension that stops working when told to, as if
// the process had been killed.
type crashingStorage struct {
	extension.Extension
	client storage.Client

	mu      sync.Mutex
	crashed bool
	full    bool  // refuses all changes without a crash
	noRoom  bool  // refuses to store anything but the index
	broken  error // the error of reads; of all keys if brokenKey is empty
	changes int   // number of operations other than reads

	brokenKey string
}

// newFileStorage returns a host with a file_storage in a folder. A crash ends
// all access to the folder. It also happens at the end of the test.
func newFileStorage(t *testing.T, folder string, maxSize int64) (*host, *crashingStorage) {
	t.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = folder
	cfg.MaxSize = maxSize
	files, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, files.Start(t.Context(), componenttest.NewNopHost()))
	s := &crashingStorage{Extension: files}
	t.Cleanup(func() {
		s.crash(t)
		require.NoError(t, files.Shutdown(context.Background()))
	})
	return &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storageID: s}}, s
}

func (s *crashingStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if s.Extension == nil {
		return s.client, nil
	}
	client, err := s.Extension.(storage.Extension).GetClient(ctx, kind, id, name)
	s.client = client
	return s, err
}

func (s *crashingStorage) crash(t *testing.T) {
	t.Helper()
	s.crashAfter(t, func() {})
}

// crashAfter calls before and crashes the storage, without any other operation
// in between.
func (s *crashingStorage) crashAfter(t *testing.T, before func()) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed || s.client == nil {
		return
	}
	before()
	s.crashed = true
	require.NoError(t, s.client.Close(context.Background()))
}

func (s *crashingStorage) Batch(ctx context.Context, operations ...*storage.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed {
		return errCrashed
	}
	if s.full && slices.ContainsFunc(operations, func(o *storage.Operation) bool { return o.Type != storage.Get }) {
		return errFull
	}
	if s.noRoom && slices.ContainsFunc(operations, func(o *storage.Operation) bool {
		return o.Type == storage.Set && !slices.Contains(indexKeys[:], o.Key)
	}) {
		return errFull
	}
	for _, o := range operations {
		if o.Type != storage.Get {
			s.changes++
		} else if s.broken != nil && (s.brokenKey == "" || s.brokenKey == o.Key) {
			return s.broken
		}
	}
	return s.client.Batch(ctx, operations...)
}

func (s *crashingStorage) Walk(ctx context.Context, fn storage.WalkFunc) error {
	return s.client.(storage.Walker).Walk(ctx, fn)
}

// set changes the behavior of the storage.
func (s *crashingStorage) set(change func(s *crashingStorage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// keys returns the stored keys, apart from the index.
func (s *crashingStorage) keys(t require.TestingT) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	require.NoError(t, s.Walk(context.Background(), func(key string, _ []byte) ([]*storage.Operation, error) {
		if !slices.Contains(indexKeys[:], key) {
			keys = append(keys, key)
		}
		return nil, nil
	}))
	return keys
}

// keepingStorage is a storage extension that keeps unreadable items.
type keepingStorage struct {
	*crashingStorage
	err  error // the result of KeepUnreadable
	kept [][]byte
}

func (s *keepingStorage) KeepUnreadable(_ context.Context, _ component.Kind, _ component.ID, _ string, data []byte, _ error) error {
	if s.err == nil {
		s.kept = append(s.kept, data)
	}
	return s.err
}

func (s *crashingStorage) Get(ctx context.Context, key string) ([]byte, error) {
	get := storage.GetOperation(key)
	err := s.Batch(ctx, get)
	return get.Value, err
}

func (s *crashingStorage) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

func (s *crashingStorage) Delete(ctx context.Context, key string) error {
	return s.Batch(ctx, storage.DeleteOperation(key))
}

func (s *crashingStorage) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed {
		return nil
	}
	s.crashed = true
	return s.client.Close(ctx)
}
