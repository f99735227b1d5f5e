// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

type storageHost struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h storageHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

// While APM is down and the queue on disk is full, the log does not have a line for each
// attempt or each refusal, and no line calls data dropped that is not.
func TestLogOfAFullQueueOnDisk(t *testing.T) {
	sandbox := startSandbox(t)
	_, err := sandbox.AddFault(apm.Fault{Status: 503})
	require.NoError(t, err)

	id := component.MustNewID("file_storage")
	factory := filestorage.NewFactory()
	storageConfig := factory.CreateDefaultConfig().(*filestorage.Config)
	storageConfig.Directory = t.TempDir()
	storage, err := factory.Create(t.Context(), extensiontest.NewNopSettings(id.Type()), storageConfig)
	require.NoError(t, err)
	require.NoError(t, storage.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, storage.Shutdown(context.Background())) }()
	host := storageHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{id: storage}}

	newExporter := func(logger *zap.Logger) (consume func(spans int) error, shutdown func()) {
		cfg := createDefaultConfig().(*Config)
		cfg.ClientConfig.Endpoint = sandbox.URL()
		cfg.DataKey = testKey
		cfg.StartupCheck = false
		cfg.RetryConfig.InitialInterval = time.Millisecond
		cfg.RetryConfig.MaxInterval = time.Millisecond
		queue := cfg.QueueConfig.Get()
		queue.StorageID = &id
		queue.QueueSize = 10
		queue.Batch.Get().FlushTimeout = time.Millisecond
		set := exportertest.NewNopSettings(metadata.Type)
		set.ID = component.NewID(metadata.Type)
		set.Logger = logger
		exp, err := NewFactory().CreateTraces(t.Context(), set, cfg)
		require.NoError(t, err)
		require.NoError(t, exp.Start(t.Context(), host))
		return func(spans int) error { return exp.ConsumeTraces(t.Context(), traces(spans)) },
			func() { require.NoError(t, exp.Shutdown(context.Background())) }
	}

	core, logs := observer.New(zap.InfoLevel)
	consume, shutdown := newExporter(zap.New(core))
	accepted, refused := 0, 0
	for range 100 {
		if consume(1) == nil {
			accepted++
		} else {
			refused++
		}
	}
	require.Positive(t, refused)
	require.Eventually(t, func() bool { return sandbox.Counts().Uploads.Rejected > 20 }, 10*time.Second, time.Millisecond)
	shutdown()

	said := map[string]int{}
	for _, entry := range logs.All() {
		said[entry.Message]++
		assert.NotContains(t, entry.Message, "ropp", "nothing is dropped")
		assert.Empty(t, entry.Stack)
		assert.NotContains(t, entry.ContextMap(), "dropped_items", entry.Message)
	}
	assert.Equal(t, 1, said["Upload to OCI APM failed, will retry"], said)
	assert.Equal(t, 1, said["Sending queue full: new data is refused with 503/UNAVAILABLE, senders retry"], said)
	assert.Positive(t, said["Shutting down: queued data stays on disk and is retried on the next start"], said)

	// It is true: after the next start, all accepted data is sent.
	sandbox.ClearFaults()
	_, shutdown = newExporter(zap.NewNop())
	defer shutdown()
	require.Eventually(t, func() bool { return sandbox.Counts().Uploads.Accepted > 0 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		counts := sandbox.Counts().Spans
		return counts.Stored+counts.Duplicates >= accepted
	}, 10*time.Second, time.Millisecond, "accepted %d", accepted)
}
