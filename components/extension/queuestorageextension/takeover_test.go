// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// startFileStorage starts a file_storage in a directory, and returns a function
// that stops it.
func startFileStorage(t *testing.T, directory string) (ext storage.Extension, end func()) {
	t.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = directory
	theirs, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, theirs.Start(t.Context(), componenttest.NewNopHost()))
	return theirs.(storage.Extension), func() { require.NoError(t, theirs.Shutdown(context.Background())) }
}

// fill leaves a queue of items in a file of file_storage.
func fill(t *testing.T, directory string, names ...string) (path string) {
	t.Helper()
	return fillPadded(t, directory, 100, names...)
}

// fillPadded is fill with items of more bytes.
func fillPadded(t *testing.T, directory string, padding int, names ...string) (path string) {
	t.Helper()
	theirs, end := startFileStorage(t, directory)
	q := startQueue(t, theirs, true)
	for _, name := range names {
		require.NoError(t, q.exporter.ConsumeTraces(t.Context(), named(name, padding)))
	}
	q.shutdown(t)
	end()
	return filepath.Join(directory, "exporter_oci_apm__traces")
}

func TestTakeOver(t *testing.T) {
	dir, names := t.TempDir(), numbered(300)
	path := fill(t, dir, names...)
	require.FileExists(t, path)
	other := filepath.Join(dir, "receiver_filelog_")
	require.NoError(t, os.WriteFile(other, []byte("of another component"), 0o600))
	q := deliver(t, dir, names)
	assert.NoFileExists(t, path)
	assert.FileExists(t, other)
	q.shutdown(t)
}

// A user may go back to file_storage, and return later.
func TestTakeOverIntoAQueueThatHasItems(t *testing.T) {
	dir := t.TempDir()
	names := numbered(60)
	ext, _ := startStorage(t, dir)
	q := startQueue(t, ext, true)
	q.send(t, names[:20]...)
	q.shutdown(t)
	require.NoError(t, ext.Shutdown(t.Context()))
	fill(t, dir, names[20:]...)
	ext, _ = startStorage(t, dir)
	c := tracesClient(t, ext)
	for i := 20; i < len(names); i++ {
		item, err := c.Get(t.Context(), strconv.Itoa(i))
		require.NoError(t, err)
		require.Contains(t, string(item), names[i], "the order stays")
	}
	require.NoError(t, ext.Shutdown(t.Context()))
	deliver(t, dir, names)
}

// An earlier start may have been killed while it copied the file.
func TestTakeOverAgain(t *testing.T) {
	dir, names := t.TempDir(), numbered(50)
	path := fill(t, dir, names...)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	ext, _ := startStorage(t, dir)
	c := tracesClient(t, ext)
	require.NoError(t, c.Set(t.Context(), takingOver, []byte{1}))
	require.NoError(t, c.Delete(t.Context(), "7"))
	require.NoError(t, ext.Shutdown(t.Context()))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	deliver(t, dir, names)
}

// Older versions of exporterhelper stored the queue's metadata under three
// keys.
func TestTakeOverOfTheOldForm(t *testing.T) {
	dir, names := t.TempDir(), numbered(10)
	path := fill(t, dir, names...)
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(fileStorageBucket)
		for key, value := range map[string][]byte{"ri": {4, 0, 0, 0, 0, 0, 0, 0}, "wi": {10, 0, 0, 0, 0, 0, 0, 0}, "di": {}} {
			if err := bucket.Put([]byte(key), value); err != nil {
				return err
			}
		}
		return bucket.Delete([]byte(queueMetadata))
	}))
	require.NoError(t, db.Close())
	deliver(t, dir, names)
}

func TestTakeOverOfADamagedFile(t *testing.T) {
	dir := t.TempDir()
	path := fill(t, dir, numbered(50)...)
	require.NoError(t, os.WriteFile(path, []byte("this is no queue"), 0o600))
	ext, logs := startStorage(t, dir)
	q := startQueue(t, ext, false)
	q.send(t, "new")
	q.waitFor(t, []string{"new"})
	said := logs.FilterMessageSnippet("is moved away").All()
	require.Len(t, said, 1)
	kept, err := os.ReadFile(said[0].ContextMap()["file"].(string))
	require.NoError(t, err)
	assert.Equal(t, "this is no queue", string(kept))
	assert.NoFileExists(t, path)
}

// A file that another process has open is neither read nor moved, even if it
// looks damaged: so does an unfinished write.
func TestTakeOverOfAFileInUse(t *testing.T) {
	dir := t.TempDir()
	path := fill(t, dir, numbered(3)...)
	other, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	sound := make([]byte, 8192)
	_, err = file.ReadAt(sound, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(make([]byte, 8192), 0)
	require.NoError(t, err)

	ext, _ := startStorage(t, dir)
	_, err = ext.GetClient(t.Context(), component.KindExporter, exporterID, "traces")
	require.ErrorIs(t, err, errInUse)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "stop that one, or give this one its own directory")
	assert.FileExists(t, path)

	_, err = file.WriteAt(sound, 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.NoError(t, other.Close())
	require.NoError(t, tracesClient(t, ext).Close(t.Context()), "it can be tried again")
	assert.NoFileExists(t, path)
}

func TestTakeOverOfAnotherComponent(t *testing.T) {
	dir := t.TempDir()
	id := component.MustNewID("filelog")
	theirs, end := startFileStorage(t, dir)
	c, err := theirs.GetClient(t.Context(), component.KindReceiver, id, "")
	require.NoError(t, err)
	for i := range 500 {
		require.NoError(t, c.Set(t.Context(), fmt.Sprint("offset ", i), make([]byte, 10_000)))
	}
	require.NoError(t, c.Close(t.Context()))
	end()

	ext, logs := startStorage(t, dir)
	ext.cfg.MaxSize = minMaxSize // the limit applies to new data only
	c, err = ext.GetClient(t.Context(), component.KindReceiver, id, "")
	require.NoError(t, err)
	for i := range 500 {
		got, getErr := c.Get(t.Context(), fmt.Sprint("offset ", i))
		require.NoError(t, getErr)
		require.Len(t, got, 10_000)
	}
	said := logs.FilterLevelExact(zap.InfoLevel).All()
	require.Len(t, said, 1)
	assert.EqualValues(t, 500, said[0].ContextMap()["items"])
	got, err := c.Get(t.Context(), takingOver)
	require.NoError(t, err)
	assert.Nil(t, got)
	require.NoError(t, c.Close(t.Context()))
}
