// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Inspect counts what a killed collector has left, and changes nothing: neither the
// damage at the end of a segment nor what is of another version.
func TestInspect(t *testing.T) {
	before := t.TempDir()
	ext, _ := startStorage(t, before)
	client := tracesClient(t, ext)
	for _, key := range []string{"0", "1", "2", "qmv0"} {
		require.NoError(t, client.Set(t.Context(), key, []byte("value of "+key)))
	}
	require.NoError(t, client.Delete(t.Context(), "0"))
	directory := killed(t, before)
	last := segments(t, directory)[0]
	file, err := os.OpenFile(last, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("damage")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	stored := time.Now().Add(-time.Hour).Truncate(time.Second)
	require.NoError(t, os.Chtimes(last, stored, stored))
	content, err := os.ReadFile(last)
	require.NoError(t, err)

	queues, err := Inspect(directory)
	require.NoError(t, err)
	require.Len(t, queues, 1)
	assert.Equal(t, "exporter_oci_apm__traces.queue", queues[0].Name)
	assert.Equal(t, int64(2), queues[0].Items)
	assert.Equal(t, int64(2*(16+len("value of 1"))), queues[0].Bytes)
	assert.WithinDuration(t, stored, queues[0].Before, 0)
	after, err := os.ReadFile(last)
	require.NoError(t, err)
	assert.Equal(t, content, after)

	_, err = Inspect(filepath.Join(directory, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	queues, err = Inspect(t.TempDir())
	require.NoError(t, err)
	assert.Empty(t, queues)
}
