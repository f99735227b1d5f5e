// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/metadatatest"
	"github.com/ociapm/otelcol-ociapm/internal/unreadable"
)

func tracesClient(t testing.TB, ext storage.Extension) storage.Client {
	t.Helper()
	c, err := ext.GetClient(t.Context(), component.KindExporter, exporterID, "traces")
	require.NoError(t, err)
	return c
}

// startError returns the error of a start that must fail.
func startError(t *testing.T, cfg *Config) error {
	t.Helper()
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	err = ext.Start(t.Context(), componenttest.NewNopHost())
	require.Error(t, err)
	require.NoError(t, ext.Shutdown(context.Background()))
	return err
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "queue")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	err := startError(t, &Config{Directory: missing})
	require.EqualError(t, err, "directory: "+missing+" does not exist; create it, or write create_directory: true")
	err = startError(t, &Config{Directory: file})
	require.EqualError(t, err, "directory: "+file+" is not a folder; choose another path")
	err = startError(t, &Config{Directory: filepath.Join(file, "queue"), CreateDirectory: true})
	require.ErrorContains(t, err, "give that user write access")

	startStorage(t, missing)
	info, err := os.Stat(missing)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestDirectoryWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	require.ErrorContains(t, startError(t, &Config{Directory: dir}), dir+" cannot be written")
}

// Two extensions on one directory would write to the same files.
func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	first, _ := startStorage(t, dir)
	err := startError(t, &Config{Directory: dir})
	require.ErrorContains(t, err, "directory: the queue folder "+dir+" is in use by another ")
	require.ErrorContains(t, err, "give each its own")

	// A reload shuts one down and starts the next.
	require.NoError(t, first.Shutdown(t.Context()))
	startStorage(t, dir)
}

func TestClients(t *testing.T) {
	dir := t.TempDir()
	ext, _ := startStorage(t, dir)
	traces := tracesClient(t, ext)
	logs, err := ext.GetClient(t.Context(), component.KindExporter, exporterID, "logs")
	require.NoError(t, err)
	unnamed, err := ext.GetClient(t.Context(), component.KindReceiver, component.MustNewIDWithName("filelog", "a/b~"), "")
	require.NoError(t, err)
	clients := []storage.Client{traces, logs, unnamed}
	for i, c := range clients {
		require.NoError(t, c.Set(t.Context(), "key", []byte{byte(i)}))
	}
	for i, c := range clients {
		got, getErr := c.Get(t.Context(), "key")
		require.NoError(t, getErr)
		assert.Equal(t, []byte{byte(i)}, got)
	}
	require.NoError(t, traces.Delete(t.Context(), "key"))
	got, err := traces.Get(t.Context(), "key")
	require.NoError(t, err)
	assert.Nil(t, got)

	_, err = ext.GetClient(t.Context(), component.KindExporter, exporterID, "logs")
	require.EqualError(t, err, "the queue exporter_oci_apm__logs.queue is in use by another component of this collector")
	require.NoError(t, logs.Close(t.Context()))
	require.NoError(t, logs.Close(t.Context()), "to close it twice is no fault")
	logs, err = ext.GetClient(t.Context(), component.KindExporter, exporterID, "logs")
	require.NoError(t, err)
	got, err = logs.Get(t.Context(), "key")
	require.NoError(t, err)
	assert.Equal(t, []byte{1}, got)

	require.NoError(t, ext.Shutdown(t.Context()), "what is open is closed")
	require.Error(t, logs.Set(t.Context(), "key", nil))
	_, err = ext.GetClient(t.Context(), component.KindExporter, exporterID, "logs")
	require.ErrorContains(t, err, "has not started")
}

// fsync and max_size reach the log.
func TestOptions(t *testing.T) {
	for _, cfg := range []Config{{Directory: "dir"}, {Directory: "dir", FSync: true}, {Directory: "dir", MaxSize: minMaxSize}} {
		got := (&queueStorage{cfg: &cfg}).options("folder", host{derived: queueMetadata})
		assert.Equal(t, filepath.Join("dir", "folder"), got.Folder)
		assert.Equal(t, cfg.FSync, got.FSync)
		assert.Equal(t, cfg.MaxSize, got.MaxSize)
		assert.Equal(t, queueMetadata, got.Derived)
	}
}

// The queues of file_storage are found under file_storage's file names.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = dir
	theirs, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	long := strings.Repeat("long", 60)
	for _, kind := range []component.Kind{component.KindReceiver, component.KindProcessor, component.KindExporter, component.KindExtension, component.KindConnector, {}} {
		for _, id := range []component.ID{exporterID, component.MustNewIDWithName("oci_apm", "second/ü~ x"), component.MustNewIDWithName("oci_apm", long)} {
			for _, name := range []string{"", "traces"} {
				c, err := theirs.(storage.Extension).GetClient(t.Context(), kind, id, name)
				require.NoError(t, err)
				require.NoError(t, c.Close(t.Context()))
				want := fileStorageName(kind, id, name)
				if _, statErr := os.Stat(filepath.Join(dir, want)); statErr != nil {
					want = hashed(want)
				}
				assert.FileExists(t, filepath.Join(dir, want))
				require.NoError(t, os.Remove(filepath.Join(dir, want)))
				assert.LessOrEqual(t, len(folderName(kind, id, name)), maxFileName)
			}
		}
	}
}

func TestKeepUnreadable(t *testing.T) {
	dir := t.TempDir()
	ext, logs := startStorage(t, dir)
	var keeper unreadable.Keeper = ext
	reason := errors.New("it has version 9")
	keep := func(data string) error {
		return keeper.KeepUnreadable(t.Context(), component.KindExporter, exporterID, "traces", []byte(data), reason)
	}
	require.EqualError(t, keep("data"), "the queue exporter_oci_apm__traces.queue is not open")
	c := tracesClient(t, ext)
	require.NoError(t, keep("data"))
	require.NoError(t, keep(""))
	said := logs.FilterLevelExact(zap.WarnLevel).All()
	require.Len(t, said, 1, "empty data is not kept")
	assert.Equal(t, "it has version 9", said[0].ContextMap()["error"])
	kept, err := os.ReadFile(said[0].ContextMap()["file"].(string))
	require.NoError(t, err)
	assert.Equal(t, "data", string(kept))

	require.NoError(t, os.RemoveAll(filepath.Dir(said[0].ContextMap()["file"].(string))))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "exporter_oci_apm__traces.queue", "unreadable"), nil, 0o600))
	require.Error(t, keep("data"), "it is not stored")
	assert.Equal(t, 1, logs.FilterLevelExact(zap.ErrorLevel).Len())
	require.NoError(t, c.Close(t.Context()))
}

func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	ext, err := NewFactory().Create(t.Context(), metadatatest.NewSettings(tel), &Config{Directory: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	c := tracesClient(t, ext.(storage.Extension))
	require.NoError(t, c.Set(t.Context(), "1", []byte("value")))
	require.NoError(t, ext.(unreadable.Keeper).KeepUnreadable(t.Context(), component.KindExporter, exporterID, "traces", []byte("x"), errors.New("reason")))

	point := func(value int64) []metricdata.DataPoint[int64] {
		return []metricdata.DataPoint[int64]{{Value: value, Attributes: attribute.NewSet(attribute.String("queue", "exporter_oci_apm__traces.queue"))}}
	}
	metadatatest.AssertEqualExtensionQueueStorageStoredItems(t, tel, point(1), metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionQueueStorageUnreadableItems(t, tel, point(1), metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionQueueStorageDiskUsage(t, tel, point(20+(16+4+36)+(16+1+5)), metricdatatest.IgnoreTimestamp())
	require.NoError(t, ext.Shutdown(t.Context()))
}
