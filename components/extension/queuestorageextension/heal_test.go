// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
)

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("item ", i))
	}
	return names
}

// backlog returns a directory with a queue of items, some of them dispatched,
// as after a kill.
func backlog(t *testing.T, names []string) string {
	t.Helper()
	directory := t.TempDir()
	ext, _ := startStorage(t, directory)
	q := startQueue(t, ext, true)
	q.send(t, names...)
	require.Eventually(t, func() bool {
		c, err := ext.clients[folderName(component.KindExporter, exporterID, "traces")].Get(t.Context(), queueMetadata)
		return err == nil && len(c) > 3*8+36 // three are dispatched
	}, 5*time.Second, time.Millisecond)
	return killed(t, directory)
}

// deliver starts a queue and expects each item to be sent exactly once.
func deliver(t *testing.T, directory string, names []string) *queue {
	t.Helper()
	ext, logs := startStorage(t, directory)
	q := startQueue(t, ext, false)
	q.waitFor(t, names)
	require.Zero(t, logs.FilterLevelExact(zap.ErrorLevel).Len(), logs.All())
	return q
}

func TestKillWithItemsDispatched(t *testing.T) {
	names := numbered(20)
	directory := backlog(t, names)
	for range 3 { // each start is killed before anything is sent
		ext, _ := startStorage(t, directory)
		q := startQueue(t, ext, true)
		require.Zero(t, q.logs.FilterMessageSnippet("Fetching items left for dispatch").Len(),
			"the queue is not to put items back by itself: it deletes them first")
		directory = killed(t, directory)
	}
	q := deliver(t, directory, names)
	assert.Equal(t, "item 0", q.names()[0], "the oldest is sent first")
	q.shutdown(t)

	q.logs.TakeAll()
	ext, _ := startStorage(t, killed(t, directory))
	q = startQueue(t, ext, false)
	time.Sleep(20 * time.Millisecond)
	assert.Empty(t, q.names(), "no duplicates")
}

// stepwise copies the directory after each operation of a client.
type stepwise struct {
	*queueStorage
	t      *testing.T
	copies []string
}

type stepwiseClient struct {
	storage.Client
	ext *stepwise
}

func (s *stepwise) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	c, err := s.queueStorage.GetClient(ctx, kind, id, name)
	return &stepwiseClient{c, s}, err
}

func (c *stepwiseClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	err := c.Client.Batch(ctx, ops...)
	c.ext.copies = append(c.ext.copies, killed(c.ext.t, c.ext.cfg.Directory))
	return err
}

// A kill between any two steps of the queue's startup loses nothing. With
// file_storage, a kill between the delete and the put loses dispatched items.
func TestKillBetweenTheStepsOfAStart(t *testing.T) {
	names := numbered(10)
	ext, _ := startStorage(t, backlog(t, names))
	steps := &stepwise{queueStorage: ext, t: t}
	q := startQueue(t, steps, true)
	require.Eventually(t, func() bool { return len(q.logs.FilterMessageSnippet("Exporting failed").All()) > 0 }, 5*time.Second, time.Millisecond)
	q.shutdown(t)
	require.NotEmpty(t, steps.copies)
	for i, directory := range steps.copies {
		t.Run(strconv.Itoa(i), func(t *testing.T) { deliver(t, directory, names) })
	}
}

// The items are found, however many of the metadata's records are damaged.
func TestDamagedMetadata(t *testing.T) {
	names := numbered(20)
	sound := backlog(t, names)
	for name, last := range map[string]bool{"the last record": true, "all records": false} {
		t.Run(name, func(t *testing.T) {
			directory := killed(t, sound)
			path := segments(t, directory)[0]
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Positive(t, bytes.Count(content, []byte(queueMetadata)))
			at := len(content)
			for {
				at = bytes.LastIndex(content[:at], []byte(queueMetadata))
				if at < 0 {
					break
				}
				content[at+20] ^= 1
				if last {
					break
				}
			}
			require.NoError(t, os.WriteFile(path, content, 0o600))
			deliver(t, directory, names)
		})
	}
}

// A damaged byte loses the item that contains it, and no other.
func TestDamagedItem(t *testing.T) {
	names := numbered(4)
	directory := backlog(t, names)
	path := segments(t, directory)[0]
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(content, []byte("item 2"))
	require.Positive(t, at)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))

	ext, logs := startStorage(t, directory)
	q := startQueue(t, ext, false)
	q.waitFor(t, []string{"item 0", "item 1", "item 3"})
	said := logs.FilterMessageSnippet("is moved away").All()
	require.Len(t, said, 1)
	assert.Equal(t, zap.WarnLevel, said[0].Level)
	kept, err := os.ReadFile(said[0].ContextMap()["file"].(string))
	require.NoError(t, err)
	assert.Contains(t, string(kept), "tem 2")
}

// Known sizes are kept, and lost ones are restored as far as possible.
func TestHealedMetadata(t *testing.T) {
	value := func(m metadataRecord, dispatched ...uint64) []byte {
		data := m.append(nil)
		for _, d := range dispatched {
			data = append(data, 0x29) // field 5, unpacked
			data = binary.LittleEndian.AppendUint64(data, d)
		}
		return data
	}
	tests := []struct {
		name  string
		items []uint64
		meta  []byte
		want  metadataRecord
	}{
		{"new", nil, nil, metadataRecord{}},
		{"empty", nil, value(metadataRecord{5, 50, 7, 9}), metadataRecord{0, 0, 9, 9}},
		{"lost", []uint64{3, 8}, nil, metadataRecord{2, 2 * 18, 3, 9}},
		{"not of the form", []uint64{3, 8}, []byte("nonsense"), metadataRecord{2, 2 * 18, 3, 9}},
		{"dispatched", []uint64{3, 8}, value(metadataRecord{50, 5000, 5, 9}, 3), metadataRecord{50, 5000, 3, 9}},
		{"behind", []uint64{3, 8}, value(metadataRecord{50, 5000, 5, 6}), metadataRecord{50, 5000, 3, 9}},
		{"ahead, after puts that failed", []uint64{3, 8}, value(metadataRecord{50, 5000, 3, 70}), metadataRecord{50, 5000, 3, 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ext, _ := startStorage(t, t.TempDir())
			open := func() storage.Client {
				c, err := ext.GetClient(t.Context(), component.KindExporter, exporterID, "traces")
				require.NoError(t, err)
				return c
			}
			c := open()
			for _, item := range tt.items {
				require.NoError(t, c.Set(t.Context(), strconv.FormatUint(item, 10), []byte("x")))
			}
			for _, key := range legacyQueueKeys {
				require.NoError(t, c.Set(t.Context(), key, []byte("12345678")))
			}
			if tt.meta != nil {
				require.NoError(t, c.Set(t.Context(), queueMetadata, tt.meta))
			}
			require.NoError(t, c.Close(t.Context()))
			c = open()
			got, err := c.Get(t.Context(), queueMetadata)
			require.NoError(t, err)
			assert.Equal(t, tt.want.append(nil), got)
			for _, key := range legacyQueueKeys {
				got, err := c.Get(t.Context(), key)
				require.NoError(t, err)
				assert.Nil(t, got)
			}
		})
	}
}

// An item that stays while a hundred thousand later ones are sent leaves a gap
// behind it, and so do items that a full disk has refused. The queue skips the
// gap, and sends nothing for it.
func TestGap(t *testing.T) {
	directory := backlog(t, numbered(3))
	ext, _ := startStorage(t, directory)
	c := tracesClient(t, ext)
	item, err := c.Get(t.Context(), "0")
	require.NoError(t, err)
	require.NoError(t, c.Set(t.Context(), "100000", item))
	require.NoError(t, ext.Shutdown(t.Context()))
	q := deliver(t, directory, []string{"item 0", "item 1", "item 2", "item 0"})
	assert.Positive(t, q.logs.FilterMessageSnippet("Failed to dispatch item").Len())
}

func TestHealedJournal(t *testing.T) {
	ext, _ := startStorage(t, t.TempDir())
	open := func() storage.Client {
		c, err := ext.GetClient(t.Context(), component.KindProcessor, component.MustNewIDWithName("durable_tail_sampling", "x"), "traces")
		require.NoError(t, err)
		return c
	}
	reopened := func(c storage.Client) (storage.Client, []uint64) {
		require.NoError(t, c.Close(t.Context()))
		c = open()
		index, err := c.Get(t.Context(), journalIndex)
		require.NoError(t, err)
		require.Len(t, index, 16)
		return c, []uint64{binary.BigEndian.Uint64(index), binary.BigEndian.Uint64(index[8:])}
	}
	c, index := reopened(open())
	assert.Equal(t, []uint64{0, 0}, index)
	for _, n := range []uint64{5, 6, 300} {
		require.NoError(t, c.Set(t.Context(), seglog.Hexadecimal.Key(n), []byte("batch")))
	}
	require.NoError(t, c.Set(t.Context(), journalIndex, []byte("nonsense")))
	c, index = reopened(c)
	assert.Equal(t, []uint64{5, 301}, index)
	// If a batch is damaged, its other keys outlive it.
	ahead := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 2), 400)
	require.NoError(t, c.Set(t.Context(), journalIndex, ahead))
	c, index = reopened(c)
	assert.Equal(t, []uint64{5, 400}, index, "the numbers of lost batches are not used again")
	for _, n := range []uint64{5, 6, 300} {
		require.NoError(t, c.Delete(t.Context(), seglog.Hexadecimal.Key(n)))
	}
	_, index = reopened(c)
	assert.Equal(t, []uint64{400, 400}, index, "numbers are not used again")
}
