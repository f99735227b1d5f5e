// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const derivedKey = "derived"

// testLog is a log that records its reports.
type testLog struct {
	*Log
	kept []string // paths
	lost int      // number of reports without a path
}

func openLog(t testing.TB, folder string, change ...func(*Options)) *testLog {
	t.Helper()
	l := &testLog{}
	opts := Options{Folder: folder, Derived: derivedKey, Logger: zap.NewNop(), OnUnreadable: func(path string, reason error) {
		require.Error(t, reason)
		if path == "" {
			l.lost++
			return
		}
		l.kept = append(l.kept, path)
	}}
	for _, c := range change {
		c(&opts)
	}
	log, err := Open(opts)
	require.NoError(t, err)
	l.Log = log
	t.Cleanup(func() { assert.NoError(t, log.Close()) })
	return l
}

func segmentSize(size int64) func(*Options) {
	return func(o *Options) { o.SegmentSize = size }
}

func set(key, value string) *storage.Operation { return storage.SetOperation(key, []byte(value)) }

func del(key string) *storage.Operation { return storage.DeleteOperation(key) }

func (l *testLog) get(t testing.TB, key string) []byte {
	t.Helper()
	op := storage.GetOperation(key)
	require.NoError(t, l.Batch(op))
	return op.Value
}

// copyFolder copies a log in the state that a kill of its process would leave.
func copyFolder(t testing.TB, folder string) string {
	t.Helper()
	target := t.TempDir()
	require.NoError(t, os.CopyFS(target, os.DirFS(folder)))
	return target
}

func onlySegment(t testing.TB, folder string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.log"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	return paths[0]
}

func TestBatch(t *testing.T) {
	l := openLog(t, t.TempDir())
	assert.Nil(t, l.get(t, "1"))
	before, after := storage.GetOperation("1"), storage.GetOperation("1")
	require.NoError(t, l.Batch(before, set("1", "one"), after, set("2", ""), del("3")))
	assert.Nil(t, before.Value)
	assert.Equal(t, "one", string(after.Value))
	assert.Equal(t, "one", string(l.get(t, "1")))
	assert.NotNil(t, l.get(t, "2"), "an empty value is a value")
	require.NoError(t, l.Batch(set("x", "y"), del("x"), set("1", "uno"), del("2")))
	assert.Nil(t, l.get(t, "x"))
	assert.Nil(t, l.get(t, "2"))
	assert.Equal(t, "uno", string(l.get(t, "1")))
	require.NoError(t, l.Batch())

	require.ErrorContains(t, l.Batch(set(strings.Repeat("k", maxKeySize+1), "")), "too large")
	require.ErrorContains(t, l.Batch(&storage.Operation{Type: 7}), "wrong operation type")
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Batch(set("1", "")), ErrClosed)
	require.ErrorIs(t, l.Import(set("1", "")), ErrClosed)
}

// The log is not affected if the caller changes a value afterwards.
func TestValuesAreCopies(t *testing.T) {
	l := openLog(t, t.TempDir())
	value := []byte("value")
	require.NoError(t, l.Batch(storage.SetOperation(derivedKey, value)))
	value[0] = 'X'
	got := l.get(t, derivedKey)
	assert.Equal(t, "value", string(got))
	got[0] = 'Y'
	assert.Equal(t, "value", string(l.get(t, derivedKey)))
}

// model is the expected content of a log.
type model map[string]string

func (m model) check(t testing.TB, l *testLog, numbers uint64) {
	t.Helper()
	for i := range numbers {
		for _, key := range []string{Decimal.Key(i), Hexadecimal.Key(i), fmt.Sprint("k", i)} {
			value, found := m[key]
			got := l.get(t, key)
			require.Equal(t, found, got != nil, key)
			require.Equal(t, value, string(got), key)
		}
	}
	require.Equal(t, m[derivedKey], string(l.get(t, derivedKey)))
}

// After any operations, the log has the same content as a map, also after a kill
// and after Close.
func TestAgainstAMap(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			folder, m := t.TempDir(), model{}
			size := int64(200 + random.IntN(5000))
			open := func() *testLog { return openLog(t, folder, segmentSize(size)) }
			l := open()
			require.NoError(t, l.Batch(set("first", "")))
			const numbers = 40
			key := func() string {
				number := random.Uint64N(numbers)
				return []string{Decimal.Key(number), Hexadecimal.Key(number), fmt.Sprint("k", number), derivedKey}[random.IntN(4)]
			}
			for range 600 {
				var ops []*storage.Operation
				for range 1 + random.IntN(4) {
					if k := key(); k == derivedKey || random.IntN(2) == 0 {
						m[k] = strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(200))
						ops = append(ops, set(k, m[k]))
					} else {
						delete(m, k)
						ops = append(ops, del(k))
					}
				}
				require.NoError(t, l.Batch(ops...))
				switch random.IntN(40) {
				case 0:
					require.NoError(t, l.Close())
					l = open()
					m.check(t, l, numbers)
				case 1: // killed: only the derived value may be out of date
					killed := openLog(t, copyFolder(t, folder), segmentSize(size))
					survivors := model{}
					for k, v := range m {
						survivors[k] = v
					}
					survivors[derivedKey] = string(killed.get(t, derivedKey))
					survivors.check(t, killed, numbers)
				}
			}
			m.check(t, l, numbers)
			stats := l.Stats()
			assert.LessOrEqual(t, stats.Disk, 2*stats.Live+5*size, "disk space is freed")
			assert.Empty(t, l.kept)
			assert.Zero(t, l.lost)
			for k := range m {
				require.NoError(t, l.Batch(del(k)))
			}
			assert.Equal(t, recordSize(len("first"), 0), l.Stats().Live)
		})
	}
}

// A delete is not forgotten before the set that it undoes.
func TestDeletesOutliveTheirValues(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder, segmentSize(100))
	require.NoError(t, l.Batch(set("held", "x"), set("gone", "x")))
	require.NoError(t, l.Batch(del("gone")))
	for range 5 {
		require.NoError(t, l.Batch(set("other", strings.Repeat("x", 100))))
	}
	require.NoError(t, l.Close())
	l = openLog(t, folder, segmentSize(100))
	assert.Nil(t, l.get(t, "gone"))
	assert.NotNil(t, l.get(t, "held"))
}

// A few values that stay do not keep the space of the others from being freed.
func TestRoomIsGivenBack(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder, segmentSize(10_000))
	value := strings.Repeat("v", 1000)
	for i := range 2000 {
		require.NoError(t, l.Batch(set(strconv.Itoa(i), value)))
		if i >= 10 && i%100 != 0 {
			require.NoError(t, l.Batch(del(strconv.Itoa(i))))
		}
		stats := l.Stats()
		require.LessOrEqual(t, stats.Disk, 2*stats.Live+4*10_000, i)
	}
	for i := range 2000 {
		require.Equal(t, i < 10 || i%100 == 0, l.get(t, strconv.Itoa(i)) != nil, i)
	}
	require.NoError(t, l.Close())
	l = openLog(t, folder, segmentSize(10_000))
	for i := range 2000 {
		require.Equal(t, i < 10 || i%100 == 0, l.get(t, strconv.Itoa(i)) != nil, i)
		require.NoError(t, l.Batch(del(strconv.Itoa(i))))
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*.log"))
	require.NoError(t, err)
	assert.Len(t, paths, 1)
}

func TestAnEmptyLogIsSmall(t *testing.T) {
	l := openLog(t, t.TempDir())
	value := strings.Repeat("v", 10_000)
	for i := range 1000 {
		require.NoError(t, l.Batch(set(strconv.Itoa(i), value), set(derivedKey, strconv.Itoa(i))))
		require.NoError(t, l.Batch(del(strconv.Itoa(i))))
		require.LessOrEqual(t, l.Stats().Disk, int64(idleSize+20_000))
	}
	assert.Equal(t, "999", string(l.get(t, derivedKey)))
}

func TestMaxSize(t *testing.T) {
	l := openLog(t, t.TempDir(), func(o *Options) { o.MaxSize = 1 << 20 })
	value := strings.Repeat("v", 10_000)
	n := 0
	var err error
	for ; err == nil; n++ {
		err = l.Batch(set(strconv.Itoa(n), value))
	}
	n--
	require.ErrorIs(t, err, storage.ErrStorageFull)
	require.ErrorContains(t, err, "max_size")
	assert.Greater(t, n, 95, "the limit can be used up")
	assert.Equal(t, int64(n), l.Stats().Keys)
	require.NoError(t, l.Import(set("imported", value)), "migrated data does not count")
	// The log stays small while as many items are added as are sent.
	for i := range 500 {
		require.NoError(t, l.Batch(del(strconv.Itoa(i))))
		require.NoError(t, l.Batch(del(strconv.Itoa(i+1))))
		for err = nil; err == nil; n++ {
			err = l.Batch(set(strconv.Itoa(n), value))
		}
		n--
	}
	assert.Greater(t, n, 500)
	assert.LessOrEqual(t, l.Stats().Disk, int64(1<<20+20_000))
}

// A change of the derived value alone writes nothing.
func TestDerivedValueIsWrittenWithTheNextChange(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("1", "one"), set(derivedKey, "first")))
	disk := l.Stats().Disk
	require.NoError(t, l.Batch(set(derivedKey, "second"), storage.GetOperation("1"), del("not there")))
	assert.Equal(t, disk, l.Stats().Disk)
	assert.Equal(t, "second", string(l.get(t, derivedKey)))
	assert.Equal(t, "first", string(openLog(t, copyFolder(t, folder)).get(t, derivedKey)), "a kill leaves an older one")
	require.NoError(t, l.Close())
	l = openLog(t, folder)
	assert.Equal(t, "second", string(l.get(t, derivedKey)))
	require.NoError(t, l.Batch(set(derivedKey, "third")))
	require.NoError(t, l.Batch(set("2", "two")))
	assert.Equal(t, "third", string(openLog(t, copyFolder(t, folder)).get(t, derivedKey)))
}

// A value that contains records of a log, as a malicious sender may send, is
// never mistaken for records when damage makes the reader search for the next
// one.
func TestRecordsInsideAValue(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("0", "zero")))
	inside := appendRecord(nil, 0, typeSet, "planted", []byte("value"))
	closeBatch(inside, 0, 0)
	require.NoError(t, l.Batch(storage.SetOperation("1", inside)))
	require.NoError(t, l.Batch(set("2", "two")))
	require.NoError(t, l.Close())
	path := onlySegment(t, folder)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(content, inside) - recordHeaderSize - len("1")
	content[at+8]++ // the length of the value
	require.NoError(t, os.WriteFile(path, content, 0o600))
	l = openLog(t, folder)
	assert.Len(t, l.kept, 1)
	assert.Nil(t, l.get(t, "planted"))
	assert.Nil(t, l.get(t, "1"))
	assert.Equal(t, "zero", string(l.get(t, "0")))
	assert.Equal(t, "two", string(l.get(t, "2")))
}

func TestNumbering(t *testing.T) {
	for _, number := range []uint64{0, 1, 9, 10, 255, 256, 1 << 40, 1<<64 - 1} {
		for _, numbering := range []Numbering{Decimal, Hexadecimal} {
			got, ok := numbering.Number(numbering.Key(number))
			assert.True(t, ok)
			assert.Equal(t, number, got)
		}
	}
	assert.Equal(t, "000000000000abcd", Hexadecimal.Key(0xabcd))
	for _, key := range []string{"", "00", "01", "+1", "-1", "1a", "99999999999999999999", "000000000000ABCD", "00000000000000abc", "1_000"} {
		_, _, ok := numberOf(key)
		assert.False(t, ok, key)
	}
}

func TestBounds(t *testing.T) {
	l := openLog(t, t.TempDir())
	_, _, found := l.Bounds(Decimal)
	assert.False(t, found)
	require.NoError(t, l.Batch(set("300", ""), set("70000", ""), set("257", ""), set("x", ""), set(Hexadecimal.Key(1), "")))
	require.NoError(t, l.Batch(del("257")))
	lowest, highest, found := l.Bounds(Decimal)
	assert.True(t, found)
	assert.Equal(t, []uint64{300, 70000}, []uint64{lowest, highest})
	lowest, highest, found = l.Bounds(Hexadecimal)
	assert.True(t, found)
	assert.Equal(t, []uint64{1, 1}, []uint64{lowest, highest})
}

// The file format is a contract with every other version of the program.
func TestFormat(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder)
	require.NoError(t, l.Batch(set("7", "value"), del("7")))
	require.NoError(t, l.Close())
	path := onlySegment(t, folder)
	assert.Regexp(t, `^0000000001-[0-9a-f]{8}\.log$`, filepath.Base(path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "otelqlog", string(content[:8]))
	assert.Equal(t, uint32(1), binary.LittleEndian.Uint32(content[8:]))
	assert.Equal(t, filepath.Base(path)[11:19], fmt.Sprintf("%08x", binary.LittleEndian.Uint32(content[12:])))
	records := content[20:]
	require.Len(t, records, 16+1+5+16+1)
	assert.Equal(t, []byte{5, 0, 0, 0, 1, 0, 1, 0, '7', 'v', 'a', 'l', 'u', 'e'}, records[8:22])
	assert.Equal(t, []byte{0, 0, 0, 0, 1, 0, 2, 1, '7'}, records[30:39])
}
