// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const writtenBatches = 8

// written returns the name and the bytes of a log's only segment, with batches
// of one, two and three records. The last key of batch i is its number.
func written(t testing.TB) (name string, content []byte, ends []int64) {
	t.Helper()
	folder := t.TempDir()
	l := openLog(t, folder)
	for i := range writtenBatches {
		require.NoError(t, l.Batch(batchOf(i)...))
		ends = append(ends, l.Stats().Disk)
	}
	require.NoError(t, l.closeFiles())
	path := onlySegment(t, folder)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	l.closed = true
	return filepath.Base(path), content, ends
}

func batchOf(i int) (ops []*storage.Operation) {
	switch i % 3 {
	case 1:
		ops = append(ops, set(derivedKey, fmt.Sprint("derived ", i)))
	case 2:
		ops = append(ops, set(fmt.Sprint("k", i), "a"), del(fmt.Sprint("k", i-3)))
	}
	return append(ops, set(strconv.Itoa(i), valueOf(i)))
}

func valueOf(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 2+i*5) }

// openWith opens a log with a segment.
func openWith(t testing.TB, name string, content []byte) *testLog {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	return openLog(t, folder)
}

// Wherever a kill or a power cut truncates the log, all batches before that point
// are complete, and the log can be written again.
func TestTruncationAtEveryOffset(t *testing.T) {
	name, content, ends := written(t)
	for length := range content {
		l := openWith(t, name, content[:length])
		for i, end := range ends {
			if int64(length) >= end {
				require.Equal(t, valueOf(i), string(l.get(t, strconv.Itoa(i))), length)
				continue
			}
			for _, op := range batchOf(i) {
				if op.Key == strconv.Itoa(i) || op.Key == fmt.Sprint("k", i) {
					require.Nil(t, l.get(t, op.Key), "%d: %s is of a batch that was not completed", length, op.Key)
				}
			}
			if i%3 == 2 && i > 2 && int64(length) >= ends[i-3] {
				require.NotNil(t, l.get(t, fmt.Sprint("k", i-3)), "%d: deleted by a batch that was not completed", length)
			}
			break
		}
		require.Empty(t, l.kept, "%d: a write that was cut short is no damage", length)
		require.NoError(t, l.Batch(set("new", "value")))
		l = openLog(t, copyFolder(t, l.opts.Folder))
		require.Equal(t, "value", string(l.get(t, "new")))
		require.Empty(t, l.kept)
	}
}

// A power cut can leave zeros where the system had not written.
func TestZerosAtTheEnd(t *testing.T) {
	name, content, ends := written(t)
	for length := range content {
		damaged := append(append([]byte{}, content[:length]...), make([]byte, len(content)-length)...)
		l := openWith(t, name, damaged)
		for i, end := range ends {
			if int64(length) >= end {
				require.Equal(t, valueOf(i), string(l.get(t, strconv.Itoa(i))), length)
			}
		}
		l = openLog(t, copyFolder(t, l.opts.Folder))
		require.Empty(t, l.kept, "damage is reported once")
	}
}

// A damaged byte loses the record that contains it, and nothing else. The
// damaged record is kept and reported.
func TestEveryFlippedByte(t *testing.T) {
	name, content, _ := written(t)
	random := rand.New(rand.NewPCG(1, 2))
	for at := range content {
		damaged := append([]byte{}, content...)
		damaged[at] ^= byte(1 << random.IntN(8))
		l := openWith(t, name, damaged)
		missing := 0
		for i := range writtenBatches {
			got := l.get(t, strconv.Itoa(i))
			if got == nil {
				missing++
				continue
			}
			require.Equal(t, valueOf(i), string(got), at)
		}
		require.LessOrEqual(t, missing, 1+lastBatch(at, content), at)
		if missing > 0 {
			require.NotEmpty(t, l.kept, "%d: something is missing, and nothing says so", at)
		}
		require.Zero(t, l.lost)
		require.NoError(t, l.Batch(set("new", "value")))
		again := openLog(t, copyFolder(t, l.opts.Folder))
		for i := range writtenBatches {
			got := again.get(t, strconv.Itoa(i))
			require.True(t, got == nil || string(got) == valueOf(i), at)
		}
		require.Equal(t, "value", string(again.get(t, "new")))
		require.Empty(t, again.kept, "%d: damage is reported once", at)
	}
}

// lastBatch returns 1 if the byte is in the last batch: one damaged header
// makes the whole batch incomplete.
func lastBatch(at int, content []byte) int {
	if at > len(content)-200 {
		return 1
	}
	return 0
}

// The damaged bytes are kept unchanged.
func TestWhatIsKept(t *testing.T) {
	name, content, _ := written(t)
	at := strings.Index(string(content), valueOf(7))
	damaged := append([]byte{}, content...)
	damaged[at] = 'X'
	l := openWith(t, name, damaged)
	assert.Nil(t, l.get(t, "7"))
	require.Len(t, l.kept, 1)
	assert.Equal(t, filepath.Join(l.opts.Folder, "unreadable"), filepath.Dir(l.kept[0]))
	assert.Regexp(t, `^\d{8}T\d{6}\.\d{6}-7$`, filepath.Base(l.kept[0]))
	kept, err := os.ReadFile(l.kept[0])
	require.NoError(t, err)
	assert.Equal(t, "X"+valueOf(7)[1:], string(kept))
	assert.Nil(t, l.get(t, "7"))
	assert.Len(t, l.kept, 1, "it is reported once")
	info, err := os.Stat(l.kept[0])
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// A page of random bytes loses the records on it, and no others.
func TestNoiseInTheMiddle(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	value := strings.Repeat("v", 1000)
	for i := range 100 {
		require.NoError(t, l.Batch(set(strconv.Itoa(i), value)))
	}
	require.NoError(t, l.Close())
	file, err := os.OpenFile(onlySegment(t, folder), os.O_RDWR, 0)
	require.NoError(t, err)
	noise := make([]byte, 8192)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	_, err = file.WriteAt(noise, 40960)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	l = openLog(t, folder)
	missing := 0
	for i := range 100 {
		if l.get(t, strconv.Itoa(i)) == nil {
			missing++
		}
	}
	assert.GreaterOrEqual(t, missing, 8)
	assert.LessOrEqual(t, missing, 10)
	assert.NotEmpty(t, l.kept)
}

func TestForeignSegments(t *testing.T) {
	name, content, _ := written(t)
	seed := content[12:16]
	for _, other := range []uint32{0, 2, 1000} {
		t.Run(strconv.FormatUint(uint64(other), 10), func(t *testing.T) {
			foreign := segmentHeader(other, uint32(seed[0])|uint32(seed[1])<<8|uint32(seed[2])<<16|uint32(seed[3])<<24)
			foreign = append(foreign, content[segmentHeaderSize:]...)
			l := openWith(t, name, foreign)
			require.Len(t, l.kept, 1)
			kept, err := os.ReadFile(l.kept[0])
			require.NoError(t, err)
			assert.Equal(t, foreign, kept, "it is kept completely")
			assert.NoFileExists(t, filepath.Join(l.opts.Folder, name))
			assert.Nil(t, l.get(t, "1"))
			require.NoError(t, l.Batch(set("1", "new")))
		})
	}
	t.Run("same number", func(t *testing.T) {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "0000000001-ffffffff.log"), content, 0o600))
		l := openLog(t, folder)
		assert.Len(t, l.kept, 1)
	})
	t.Run("not of the log", func(t *testing.T) {
		folder := t.TempDir()
		for _, name := range []string{"1-2.log", "notes.txt", "0000000001-0000000g.log"} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600))
		}
		l := openLog(t, folder)
		assert.Empty(t, l.kept)
		require.NoError(t, l.Batch(set("1", "")))
		assert.FileExists(t, filepath.Join(folder, "1-2.log"))
	})
}

func TestDamagedHeaderOfASegment(t *testing.T) {
	name, content, _ := written(t)
	for at := range segmentHeaderSize {
		damaged := append([]byte{}, content...)
		damaged[at] ^= 0xff
		l := openWith(t, name, damaged)
		for i := range writtenBatches {
			require.Equal(t, valueOf(i), string(l.get(t, strconv.Itoa(i))), at)
		}
		mended, err := os.ReadFile(filepath.Join(l.opts.Folder, name))
		require.NoError(t, err)
		require.Equal(t, content[:segmentHeaderSize], mended[:segmentHeaderSize])
	}
}

// An item that the disk can read again later is not lost, although the queue
// deletes an item that it could not read.
func TestAnItemThatCannotBeReadNow(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder, segmentSize(100))
	require.NoError(t, l.Batch(set("1", strings.Repeat("x", 200))))
	require.NoError(t, l.Batch(set("2", "y")))
	path := l.segments[0].path(folder)
	require.NoError(t, os.Rename(path, path+".away"))
	require.NoError(t, os.Mkdir(path, 0o700)) // to read a folder is an error
	require.Error(t, l.Batch(storage.GetOperation("1")))
	require.NoError(t, l.Batch(del("1")))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Rename(path+".away", path))
	l = openLog(t, copyFolder(t, folder), segmentSize(100))
	assert.Len(t, l.get(t, "1"), 200)
	require.NoError(t, l.Batch(del("1")))
	assert.Nil(t, l.get(t, "1"))
	assert.Empty(t, l.kept)
	assert.Zero(t, l.lost)
}

// A disk may return an intact record that belongs elsewhere.
func TestARecordInAnothersPlace(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("1", "one")))
	require.NoError(t, l.Batch(set("2", "two")))
	path := onlySegment(t, folder)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	first, second := content[segmentHeaderSize:segmentHeaderSize+20], content[segmentHeaderSize+20:]
	require.Len(t, second, 20)
	require.NoError(t, os.WriteFile(path, slices.Concat(content[:segmentHeaderSize], second, first), 0o600))
	assert.Nil(t, l.get(t, "1"))
	assert.Nil(t, l.get(t, "2"))
}

// A segment that was truncated or removed is reported.
func TestAnItemThatIsGone(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder, segmentSize(100))
	require.NoError(t, l.Batch(set("1", strings.Repeat("x", 200))))
	require.NoError(t, l.Batch(set("2", "y")))
	require.NoError(t, os.Remove(l.segments[0].path(folder)))
	assert.Nil(t, l.get(t, "1"))
	assert.Equal(t, 1, l.lost)
	assert.Equal(t, "y", string(l.get(t, "2")))
}

// If the derived value is damaged, an older record of it is used.
func TestDamagedDerivedValue(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	for i := range 3 {
		require.NoError(t, l.Batch(set(derivedKey, fmt.Sprint("derived ", i)), set(strconv.Itoa(i), "")))
	}
	require.NoError(t, l.Close())
	path := onlySegment(t, folder)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[bytes.Index(content, []byte("derived 2"))] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	assert.Equal(t, "derived 1", string(openLog(t, folder).get(t, derivedKey)))
}

func TestKeep(t *testing.T) {
	l := openLog(t, t.TempDir(), func(o *Options) { o.MaxSize = minSegmentSize })
	reason := errors.New("of another version")
	for range 3 {
		require.NoError(t, l.Keep("../../"+strings.Repeat("x", 300), []byte("data"), reason))
	}
	require.Len(t, l.kept, 3)
	for _, path := range l.kept {
		assert.Equal(t, filepath.Join(l.opts.Folder, "unreadable"), filepath.Dir(path))
		assert.LessOrEqual(t, len(filepath.Base(path)), 120)
	}
	err := l.Keep("item", make([]byte, minSegmentSize), reason)
	require.ErrorContains(t, err, "max_size")
	assert.Equal(t, 1, l.lost)
	again := openLog(t, copyFolder(t, l.opts.Folder), func(o *Options) { o.MaxSize = minSegmentSize })
	require.Error(t, again.Keep("item", make([]byte, minSegmentSize-11), reason), "what was there counts")
	require.NoError(t, again.Keep("item", make([]byte, minSegmentSize-12), reason))
}

// The log neither panics nor invents values, whatever a segment holds.
func FuzzOpen(f *testing.F) {
	name, content, _ := written(f)
	f.Add([]byte{}, uint16(0), uint16(0))
	f.Add([]byte("some noise"), uint16(100), uint16(50))
	f.Add(content[100:300], uint16(50), uint16(0))
	f.Fuzz(func(t *testing.T, patch []byte, at, cut uint16) {
		damaged := append([]byte{}, content...)
		damaged = damaged[:len(damaged)-int(cut)%len(damaged)]
		copy(damaged[int(at)%len(damaged):], patch)
		l := openWith(t, name, damaged)
		for i := range writtenBatches {
			if got := l.get(t, strconv.Itoa(i)); got != nil {
				require.Equal(t, valueOf(i), string(got))
			}
		}
		require.NoError(t, l.Batch(set("new", "value")))
		l = openLog(t, copyFolder(t, l.opts.Folder))
		require.Equal(t, "value", string(l.get(t, "new")))
	})
}
