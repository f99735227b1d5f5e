// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/metadata"
)

var (
	storageID  = component.NewID(metadata.Type)
	exporterID = component.MustNewID("oci_apm")
)

// startStorage starts the extension in a directory.
func startStorage(t testing.TB, directory string) (*queueStorage, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	cfg := createDefaultConfig().(*Config)
	cfg.Directory = directory
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, ext.Shutdown(context.Background())) })
	return ext.(*queueStorage), logs
}

// storageHost is a host with one extension.
type storageHost struct {
	component.Host
	storage storage.Extension
}

func (h storageHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID: h.storage}
}

// queue is an exporter with exporterhelper's persistent queue. Its items are
// names.
type queue struct {
	exporter exporter.Traces
	logs     *observer.ObservedLogs

	mu         sync.Mutex
	delivered  []string
	away       bool // downstream is down: nothing is delivered
	onDelivery []func(name string)
}

// startQueue starts an exporter with one consumer, which sends in the order of the
// queue. If away is true, it has three consumers, which keep the items that they have
// read until they are shut down.
func startQueue(t testing.TB, ext storage.Extension, away bool, onDelivery ...func(name string)) *queue {
	t.Helper()
	q := &queue{away: away, onDelivery: onDelivery}
	set := exportertest.NewNopSettings(exporterID.Type())
	set.ID = exporterID
	core, logs := observer.New(zap.DebugLevel)
	set.Logger, q.logs = zap.New(core), logs
	cfg := exporterhelper.NewDefaultQueueConfig()
	cfg.StorageID = &storageID
	cfg.NumConsumers = 1
	if away {
		cfg.NumConsumers = 3
	}
	cfg.QueueSize = 1_000_000
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Millisecond, time.Millisecond, 0
	var err error
	q.exporter, err = exporterhelper.NewTraces(t.Context(), set, &struct{}{}, q.push,
		exporterhelper.WithQueue(configoptional.Some(cfg)), exporterhelper.WithRetry(retry), exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}))
	require.NoError(t, err)
	require.NoError(t, q.exporter.Start(t.Context(), storageHost{Host: componenttest.NewNopHost(), storage: ext}))
	t.Cleanup(func() { q.shutdown(t) })
	return q
}

func (q *queue) push(_ context.Context, td ptrace.Traces) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.away {
		return errors.New("503")
	}
	q.delivered = append(q.delivered, nameOf(td))
	for _, call := range q.onDelivery {
		call(nameOf(td))
	}
	return nil
}

func (q *queue) shutdown(t testing.TB) {
	t.Helper()
	if q.exporter != nil {
		require.NoError(t, q.exporter.Shutdown(context.Background()))
		q.exporter = nil
	}
}

func (q *queue) names() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.delivered)
}

// waitFor waits until exactly these names are delivered, each once.
func (q *queue) waitFor(t testing.TB, want []string) {
	t.Helper()
	require.Eventually(t, func() bool { return len(q.names()) >= len(want) }, time.Minute, time.Millisecond,
		"%d of %d", len(q.names()), len(want))
	time.Sleep(10 * time.Millisecond)
	require.ElementsMatch(t, want, q.names())
}

// send stores items and waits until the consumers hold as many as they can.
func (q *queue) send(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, q.exporter.ConsumeTraces(t.Context(), named(name, 100)))
	}
}

func named(name string, padding int) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(name)
	span.Attributes().PutStr("padding", strings.Repeat("x", padding))
	return td
}

func nameOf(td ptrace.Traces) string {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name()
}

// killed returns a copy of a directory, in the state that a kill of its process
// leaves.
func killed(t testing.TB, directory string) string {
	t.Helper()
	target := t.TempDir()
	require.NoError(t, os.CopyFS(target, os.DirFS(directory)))
	return target
}

// segments returns the paths of the queue's segments.
func segments(t testing.TB, directory string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.queue", "*.log"))
	require.NoError(t, err)
	return paths
}
