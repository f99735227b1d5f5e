// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// breakWrites makes all writes fail until the returned function is called.
func (l *testLog) breakWrites(t *testing.T) (mend func()) {
	t.Helper()
	sound := l.active
	var err error
	l.active, err = os.Open(sound.Name())
	require.NoError(t, err)
	folder := l.opts.Folder
	l.opts.Folder = filepath.Join(folder, "missing") // no segment can be created
	return func() {
		require.NoError(t, l.active.Close())
		l.active, l.opts.Folder = sound, folder
	}
}

// While nothing can be written, new values are refused. Existing values can be
// read and deleted, and stay deleted after the next write.
func TestWritesThatFail(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	folder := t.TempDir()
	l := openLog(t, folder, func(o *Options) { o.Logger = zap.New(core) })
	for i := range 10 {
		require.NoError(t, l.Batch(set(strconv.Itoa(i), "value"), set(derivedKey, strconv.Itoa(i))))
	}
	mend := l.breakWrites(t)
	require.Error(t, l.Batch(set("10", "value"), del("0"), set(derivedKey, "10")))
	assert.NotNil(t, l.get(t, "0"), "all or nothing")
	assert.Equal(t, "9", string(l.get(t, derivedKey)))
	for i := range 5 {
		require.NoError(t, l.Batch(del(strconv.Itoa(i)), set(derivedKey, fmt.Sprint("deleted ", i))))
	}
	assert.Zero(t, l.reserve.size, "the reserve was tried")
	assert.Nil(t, l.get(t, "0"))
	assert.NotNil(t, l.get(t, "5"))
	assert.Equal(t, "deleted 4", string(l.get(t, derivedKey)))
	assert.NotNil(t, openLog(t, copyFolder(t, folder)).get(t, "0"), "a kill meanwhile brings it back")
	mend()
	require.NoError(t, l.Batch(set("10", "value")))
	killed := openLog(t, copyFolder(t, folder))
	for i := range 11 {
		assert.Equal(t, i >= 5, killed.get(t, strconv.Itoa(i)) != nil, i)
	}
	assert.Equal(t, "deleted 4", string(killed.get(t, derivedKey)))
	var said []string
	for _, entry := range logs.All() {
		said = append(said, entry.Message[:18])
	}
	assert.Equal(t, []string{"Disk queue full or", "Disk queue accepts"}, said, "once each")
}

// Changes that Close cannot write are not an error.
func TestCloseWithoutWrites(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("0", "value"), set("1", "value")))
	mend := l.breakWrites(t)
	require.NoError(t, l.Batch(del("0")))
	mend()
	require.NoError(t, l.Close())
	l = openLog(t, folder)
	assert.Nil(t, l.get(t, "0"), "it was written by Close")
	mend = l.breakWrites(t)
	require.NoError(t, l.Batch(del("1")))
	require.NoError(t, l.Close())
	_ = mend
	l = openLog(t, folder)
	assert.NotNil(t, l.get(t, "1"))
}

// A key that is deleted in memory only can be set again.
func TestSetAfterADeleteThatWasNotWritten(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("1", "old"), set("2", "kept")))
	mend := l.breakWrites(t)
	require.NoError(t, l.Batch(del("1")))
	mend()
	require.NoError(t, l.Batch(set("1", "new")))
	assert.Equal(t, "new", string(openLog(t, copyFolder(t, folder)).get(t, "1")))
}

// The reserve is freed step by step, and restored later.
func TestReserve(t *testing.T) {
	folder := t.TempDir()
	size := func() int64 {
		info, err := os.Stat(filepath.Join(folder, "reserve"))
		require.NoError(t, err)
		return info.Size()
	}
	r := openReserve(folder)
	assert.False(t, r.release())
	r.hold()
	assert.EqualValues(t, reserveSize, size())
	require.True(t, r.release())
	require.True(t, r.release())
	assert.EqualValues(t, reserveSize-2*reserveStep, size())
	r = openReserve(folder)
	assert.False(t, r.whole())
	r.hold()
	assert.True(t, r.whole())
	assert.EqualValues(t, reserveSize, size())
	for range reserveSize / reserveStep {
		require.True(t, r.release())
	}
	assert.False(t, r.release())
}

// On a full disk the reserve is for deletes only.
func TestDerivedValueWaitsWhileTheReserveIsUsed(t *testing.T) {
	l := openLog(t, t.TempDir())
	require.NoError(t, l.Batch(set("1", ""), set("2", ""), set("3", "")))
	before := l.Stats().Disk
	require.NoError(t, l.Batch(del("1"), set(derivedKey, "x")))
	assert.Equal(t, recordSize(1, 0)+recordSize(len(derivedKey), 1), l.Stats().Disk-before)
	require.True(t, l.reserve.release())
	before = l.Stats().Disk
	require.NoError(t, l.Batch(del("2"), set(derivedKey, "y")))
	assert.Equal(t, recordSize(1, 0), l.Stats().Disk-before)
	assert.Equal(t, "y", string(l.get(t, derivedKey)))
}

// /dev/null accepts every write, and cannot be synchronized.
func TestFSync(t *testing.T) {
	if _, err := os.Stat(os.DevNull); err != nil {
		t.Skip(err)
	}
	for _, fsync := range []bool{false, true} {
		t.Run(strconv.FormatBool(fsync), func(t *testing.T) {
			l := openLog(t, t.TempDir(), func(o *Options) { o.FSync = fsync })
			require.NoError(t, l.Batch(set("1", "value")))
			sound := l.active
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			require.NoError(t, err)
			l.active = null
			err = l.Batch(set("2", "value"))
			assert.Equal(t, fsync, err != nil)
			l.sealed = false
			require.Error(t, l.Import(set("3", "value")), "migrated data is always synchronized")
			require.NoError(t, null.Close())
			l.active = sound
		})
	}
}

// A segment that cannot be removed wastes disk space and has no other effect.
func TestWhatIsInTheWay(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder, segmentSize(100))
	require.NoError(t, l.Batch(set("1", strings.Repeat("x", 200))))
	require.NoError(t, l.Batch(set("2", strings.Repeat("x", 200))))
	path := l.segments[0].path(folder)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.MkdirAll(filepath.Join(path, "x"), 0o700))
	require.NoError(t, l.Batch(del("1")))
	require.NoError(t, l.Batch(del("2")))
	assert.Nil(t, l.get(t, "1"))
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, l.Batch(set("3", "")))
	require.NoError(t, l.Batch(del("3")))
	assert.LessOrEqual(t, l.Stats().Disk, int64(200))
}

// After a failed write to a file, nobody knows what another write to it does: the next
// batch goes to a new segment.
func TestNoSecondWriteAfterAFailure(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("1", "one")))
	failing := l.active.Name()
	require.NoError(t, l.active.Close())
	var err error
	l.active, err = os.Open(failing) // cannot be written to
	require.NoError(t, err)
	require.Error(t, l.Batch(set("2", "two")))
	require.NoError(t, l.Batch(set("2", "two")))
	assert.NotEqual(t, failing, l.active.Name())
	again := openLog(t, copyFolder(t, folder))
	assert.Equal(t, "one", string(again.get(t, "1")))
	assert.Equal(t, "two", string(again.get(t, "2")))
}

// If the active file was deleted, a new one is created. If the folder was deleted too, new
// values are refused. Existing values can still be read.
func TestDeletedFile(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	folder := filepath.Join(t.TempDir(), "queue")
	l := openLog(t, folder, func(o *Options) { o.Logger = zap.New(core) })
	require.NoError(t, l.Batch(set("1", "value")))
	require.NoError(t, os.Remove(l.active.Name()))
	l.looked = time.Time{}
	require.NoError(t, l.Batch(set("2", "value")))
	assert.FileExists(t, l.active.Name())
	assert.Equal(t, 1, logs.FilterMessageSnippet("was deleted while the collector is running").Len())
	assert.Equal(t, "value", string(l.get(t, "2")))

	require.NoError(t, os.RemoveAll(folder))
	l.looked = time.Time{}
	require.ErrorIs(t, l.Batch(set("3", "value")), os.ErrNotExist)
	require.NoError(t, l.Batch(del("1")))
	assert.Equal(t, "value", string(l.get(t, "2")))
}
