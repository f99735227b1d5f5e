// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// large is a value that is worth holding in memory.
func large(content string) string { return strings.Repeat(content, minRecent) }

func TestRecentValueIsReadOnce(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	value := []byte(large("a"))
	require.NoError(t, l.Batch(storage.SetOperation("1", value)))
	value[0] = 'X' // a caller may reuse its buffer
	require.NoError(t, os.Truncate(onlySegment(t, folder), segmentHeaderSize))

	got := l.get(t, "1")
	assert.Equal(t, large("a"), string(got), "from memory")
	assert.Zero(t, l.recent.size)
	assert.Nil(t, l.get(t, "1"), "from the disk, which has lost it")
	assert.Equal(t, 1, l.lost)
}

func TestRecentValueIsWritten(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set(derivedKey, "d"), set("1", large("a"))))
	got := l.get(t, "1")
	got[0] = 'X' // a caller may change what it gets
	assert.Equal(t, large("a"), string(l.get(t, "1")))
	killed := openLog(t, copyFolder(t, folder))
	assert.Equal(t, large("a"), string(killed.get(t, "1")))
	assert.Equal(t, "d", string(killed.get(t, derivedKey)))
}

func TestRecentValueIsReplaced(t *testing.T) {
	for name, ops := range map[string][]*storage.Operation{
		"by a small one":                  {set("1", "b")},
		"by a large one":                  {set("1", large("b"))},
		"in a batch with other values":    {set("1", large("b")), set("2", large("c"))},
		"twice in a batch":                {set("1", large("c")), set("1", large("b"))},
		"by a delete":                     {del("1")},
		"by a value that is deleted":      {set("1", large("b")), del("1")},
		"with a delete":                   {del("3"), set("1", large("b"))},
		"with another value for metadata": {set(derivedKey, large("d")), set("1", large("b"))},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, t.TempDir())
			require.NoError(t, l.Batch(set("3", "")))
			require.NoError(t, l.Batch(set("1", large("a"))))
			require.NoError(t, l.Batch(ops...))
			want := ops[len(ops)-1]
			if want.Key == "2" {
				want = ops[0]
			}
			assert.Equal(t, string(want.Value), string(l.get(t, "1")))
			assert.Zero(t, l.recent.size)
		})
	}
}

// A value that was moved to another segment is still the same.
func TestRecentValueIsMoved(t *testing.T) {
	l := openLog(t, t.TempDir(), segmentSize(4*minRecent))
	require.NoError(t, l.Batch(set("kept", large("a"))))
	for i := range 100 {
		require.NoError(t, l.Batch(set(strconv.Itoa(i), large("b"))))
		require.NoError(t, l.Batch(del(strconv.Itoa(i))))
	}
	assert.Greater(t, l.segments[0].number, uint32(1), "its first segment is removed")
	assert.Equal(t, large("a"), string(l.get(t, "kept")))
	assert.Zero(t, l.recent.size)
}

func TestRecentValuesAreLimited(t *testing.T) {
	l := openLog(t, t.TempDir())
	const items = 3 * maxRecent / minRecent
	for i := range items {
		require.NoError(t, l.Batch(set(strconv.Itoa(i), large("a"))))
	}
	assert.LessOrEqual(t, l.recent.size, maxRecent)
	assert.Greater(t, l.recent.size, maxRecent*9/10)
	for i := range items {
		require.Equal(t, large("a"), string(l.get(t, strconv.Itoa(i))))
	}
	assert.Zero(t, l.recent.size)
	require.NoError(t, l.Batch(set("small", "a")))
	assert.Zero(t, l.recent.size, "a small value is read from the disk")
}

// A value that could not be written is not held.
func TestRecentValueOfAFailedWrite(t *testing.T) {
	l := openLog(t, t.TempDir(), func(o *Options) { o.MaxSize = 4 * minSegmentSize })
	require.ErrorIs(t, l.Batch(set("1", strings.Repeat("a", 5*minSegmentSize))), storage.ErrStorageFull)
	assert.Zero(t, l.recent.size)
	assert.Nil(t, l.get(t, "1"))
}
