// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

func open(t *testing.T, client storage.Client) *journal {
	t.Helper()
	j, err := openJournal(t.Context(), client)
	require.NoError(t, err)
	return j
}

// kept returns the keys that another process would find.
func kept(t *testing.T, client storage.Client) []string {
	t.Helper()
	var batches []string
	require.NoError(t, open(t, client).recover(t.Context(), noHeld, func(number uint64, data []byte) error {
		batches = append(batches, strconv.FormatUint(number, 10)+string(data))
		return nil
	}))
	return batches
}

func noHeld(uint64, []byte) bool { return false }

func TestJournal(t *testing.T) {
	_, store := newFileStorage(t, t.TempDir(), 0)
	client, err := store.GetClient(t.Context(), component.KindProcessor, storageID, "traces")
	require.NoError(t, err)
	j := open(t, client)
	assert.Empty(t, kept(t, client))
	for n, batch := range []string{"a", "b", "c"} {
		number, addErr := j.add(t.Context(), []byte(batch))
		require.NoError(t, addErr)
		assert.EqualValues(t, n, number)
	}
	assert.Equal(t, []string{"0a", "1b", "2c"}, kept(t, client))
	j.finish(1)
	require.NoError(t, j.flush(t.Context()))
	assert.Equal(t, []string{"0a", "2c"}, kept(t, client))

	// A completed change is not made again.
	changes := store.changes
	require.NoError(t, j.flush(t.Context()))
	assert.Equal(t, changes, store.changes)
	number, err := j.add(t.Context(), []byte("d"))
	require.NoError(t, err)
	assert.EqualValues(t, 3, number)
	assert.Equal(t, changes+1+len(indexKeys), store.changes)

	// A failed change has no effect, and is made up for later.
	j.finish(0)
	j.hold(2, []byte("first"))
	store.full = true
	require.ErrorIs(t, j.flush(t.Context()), errFull)
	j.hold(2, []byte("second"))
	_, err = j.add(t.Context(), []byte("refused"))
	require.ErrorIs(t, err, errFull)
	store.full = false
	assert.Equal(t, []string{"0a", "2c", "3d"}, kept(t, client))
	assert.False(t, j.idle())
	number, err = j.add(t.Context(), []byte("e"))
	require.NoError(t, err)
	assert.EqualValues(t, 5, number)
	require.NoError(t, j.flush(t.Context()))
	assert.True(t, j.idle())
	assert.Equal(t, []string{batchKey(2), batchKey(3), batchKey(5), heldKey(2)}, store.keys(t))
	assert.EqualValues(t, 2, open(t, client).first)
	held, err := client.Get(t.Context(), heldKey(2))
	require.NoError(t, err)
	assert.Equal(t, "second", string(held))

	// Another process continues with the next number. It receives the held
	// parts first.
	other := open(t, client)
	var recovered []string
	require.NoError(t, other.recover(t.Context(), func(number uint64, record []byte) bool {
		recovered = append(recovered, fmt.Sprintf("%d held %s", number, record))
		return true
	}, func(number uint64, data []byte) error {
		recovered = append(recovered, fmt.Sprintf("%d %s", number, data))
		return nil
	}))
	assert.Equal(t, []string{"2 held second", "3 d", "5 e"}, recovered)
	number, err = other.add(t.Context(), []byte("f"))
	require.NoError(t, err)
	assert.EqualValues(t, 6, number)
	for _, number := range []uint64{2, 3, 5, 6} {
		other.finish(number)
	}
	require.NoError(t, other.flush(t.Context()))
	assert.Empty(t, store.keys(t))
	assert.EqualValues(t, 7, open(t, client).first)
}

// On a full disk, deleting finished batches frees space although nothing can be
// stored.
func TestJournalOnFullDisk(t *testing.T) {
	_, store := newFileStorage(t, t.TempDir(), 0)
	client, err := store.GetClient(t.Context(), component.KindProcessor, storageID, "traces")
	require.NoError(t, err)
	j := open(t, client)
	for range 2 {
		_, err = j.add(t.Context(), []byte("a"))
		require.NoError(t, err)
	}
	j.finish(0)
	j.hold(1, []byte("held"))
	store.noRoom = true
	require.ErrorIs(t, j.flush(t.Context()), errFull)
	assert.Equal(t, []string{batchKey(1)}, store.keys(t))

	store.noRoom = false
	require.NoError(t, j.flush(t.Context()))
	assert.Equal(t, []string{batchKey(1), heldKey(1)}, store.keys(t))

	// Held parts that are finished before there is space again are not stored,
	// and stored ones are deleted.
	store.full = true
	j.hold(1, []byte("newer"))
	require.ErrorIs(t, j.flush(t.Context()), errFull)
	j.finish(1)
	require.ErrorIs(t, j.flush(t.Context()), errFull)
	assert.EqualValues(t, 1, j.first, "it is still stored")
	store.full = false
	require.NoError(t, j.flush(t.Context()))
	assert.Empty(t, store.keys(t))
	assert.True(t, j.idle())
}
