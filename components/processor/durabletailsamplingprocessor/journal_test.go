// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
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

// kept returns what another process would find.
func kept(t *testing.T, client storage.Client) []string {
	t.Helper()
	var batches []string
	require.NoError(t, open(t, client).recover(t.Context(), func(number uint64, data []byte) error {
		batches = append(batches, strconv.FormatUint(number, 10)+string(data))
		return nil
	}))
	return batches
}

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

	// A change that fails changes nothing, and is made up for.
	j.finish(0)
	store.full = true
	require.ErrorIs(t, j.flush(t.Context()), errFull)
	_, err = j.add(t.Context(), []byte("refused"))
	require.ErrorIs(t, err, errFull)
	store.full = false
	assert.Equal(t, []string{"0a", "2c"}, kept(t, client))
	number, err := j.add(t.Context(), []byte("d"))
	require.NoError(t, err)
	assert.EqualValues(t, 4, number)
	assert.Equal(t, []string{"2c", "4d"}, kept(t, client))
	assert.EqualValues(t, 2, open(t, client).first)

	// Another process goes on with the next number.
	other := open(t, client)
	require.NoError(t, other.recover(t.Context(), func(uint64, []byte) error { return nil }))
	number, err = other.add(t.Context(), []byte("e"))
	require.NoError(t, err)
	assert.EqualValues(t, 5, number)
	other.finish(2)
	other.finish(4)
	other.finish(5)
	require.NoError(t, other.flush(t.Context()))
	assert.Empty(t, kept(t, client))
}
