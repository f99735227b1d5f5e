// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// olderQueue was written by a collector before queue_storage existed, with file_storage
// and the first stored form of oci_apm: 12 requests of 5 spans each.
const (
	olderRequests = 12
	olderSpans    = 5
)

func writeOlderQueue(t *testing.T, directory string) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "older-queue.gz"))
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	content, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	path := filepath.Join(directory, "exporter_oci_apm__traces")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// The queue of an older collector is migrated completely, and only once.
func TestOlderStoredForm(t *testing.T) {
	t.Parallel()
	sandbox := harness.StartSandbox(t)
	queue := t.TempDir()
	path := writeOlderQueue(t, queue)
	n := startNode(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey, QueueDirectory: queue})
	sandbox.AwaitSpans(t, olderRequests*olderSpans)
	assert.NoFileExists(t, path)
	n.stop(t)
	n.restart(t)
	time.Sleep(time.Second) // a second delivery would arrive by then
	assert.Zero(t, n.stop(t), "exit code")
	assert.Equal(t, olderRequests*olderSpans, sandbox.Counts(t).Spans.Stored)
	assert.Zero(t, sandbox.Counts(t).Spans.Duplicates)
	assert.Contains(t, n.log(), "A file_storage queue was migrated")
}

// After a downgrade, an item in a form that only a newer collector knows is moved beside
// the queue, counted and logged. The others are delivered.
func TestNewerStoredForm(t *testing.T) {
	t.Parallel()
	sandbox := harness.StartSandbox(t)
	queue := t.TempDir()
	newest := []byte{0, 9} // a zero byte, and the version
	require.Equal(t, 1, changeItems(t, writeOlderQueue(t, queue), func(items int, value []byte) []byte {
		if items > 0 {
			return nil
		}
		return append(newest, value[len(newest):]...)
	}))
	n := startNode(t, harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey, QueueDirectory: queue})
	sandbox.AwaitSpans(t, (olderRequests-1)*olderSpans)

	var kept []string
	require.Eventually(t, func() bool {
		kept, _ = filepath.Glob(filepath.Join(queue, "*traces.queue", "unreadable", "*"))
		if len(kept) != 1 {
			return false
		}
		info, err := os.Stat(kept[0])
		return err == nil && info.Size() > int64(len(newest)) // it is there before it is written
	}, 30*time.Second, pollInterval)
	content, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	assert.Equal(t, newest, content[:len(newest)], "as it was stored")
	assert.Regexp(t, `(?m)^otelcol_exporter_oci_apm_unreadable_items(_total)?\{[^}]*\} 1$`, page(t, "http://"+n.collector.Metrics+"/metrics"))
	assert.Zero(t, n.stop(t), "exit code")
	assert.Regexp(t, `warn\s.*stored request`, n.log())
	assert.Equal(t, (olderRequests-1)*olderSpans, sandbox.Counts(t).Spans.Stored)
}

// changeItems replaces the requests of a file_storage queue for which change returns a
// value, and returns how many it replaced.
func changeItems(t *testing.T, path string, change func(replaced int, value []byte) []byte) (replaced int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("default"))
		cursor := bucket.Cursor()
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			if len(value) < 2 || value[0] != 0 || value[1] != 1 {
				continue // the metadata of the queue
			}
			if changed := change(replaced, append([]byte(nil), value...)); changed != nil {
				replaced++
				if err := bucket.Put(key, changed); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	require.NoError(t, db.Close())
	return replaced
}
