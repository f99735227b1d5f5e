// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package boltfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

// opener is set in the process that a test starts to open a file with bbolt,
// which crashes the process if the file is damaged.
const opener = "BOLTFILE_TEST_OPEN"

func TestMain(m *testing.M) {
	if path := os.Getenv(opener); path != "" {
		if err := openAndRead(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// openAndRead does what file_storage does with a queue file.
func openAndRead(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte("default"))
		if err != nil {
			return err
		}
		if err := bucket.ForEach(func(_, _ []byte) error { return nil }); err != nil {
			return err
		}
		return bucket.Put([]byte("new"), []byte("value"))
	})
}

// write creates a file like that of a queue: entries are added, and some are
// removed.
func write(t *testing.T, entries, valueSize int, syncFreelist bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "queue")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: !syncFreelist, NoSync: true, FreelistType: bbolt.FreelistMapType})
	require.NoError(t, err)
	for begin := 0; begin == 0 || begin < entries; begin += 100 {
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("default"))
			if err != nil {
				return err
			}
			for i := begin; i < min(begin+100, entries); i++ {
				if err := bucket.Put(fmt.Append(nil, i), bytes.Repeat([]byte{byte(i)}, valueSize)); err != nil {
					return err
				}
				if i%3 == 0 {
					if err := bucket.Delete(fmt.Append(nil, i/2)); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	require.NoError(t, db.Close())
	return path
}

func check(t *testing.T, path string) error {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	return Check(file, info.Size())
}

func TestSoundFiles(t *testing.T) {
	for _, entries := range []int{0, 1, 5, 1000, 5000} {
		for _, valueSize := range []int{0, 10, 3000, 50000} {
			if entries*valueSize > 60_000_000 {
				continue
			}
			for _, syncFreelist := range []bool{false, true} {
				t.Run(fmt.Sprint(entries, valueSize, syncFreelist), func(t *testing.T) {
					assert.NoError(t, check(t, write(t, entries, valueSize, syncFreelist)))
				})
			}
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	overwrite := func(offset int64, content []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer file.Close()
			_, err = file.WriteAt(content, offset)
			require.NoError(t, err)
		}
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"empty", func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Truncate(path, 0)) }, "the file ends in its first pages"},
		{"short", func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Truncate(path, 5000)) }, "damaged"},
		{"cut", func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Truncate(path, 400_000)) }, "and needs"},
		{"both metas", overwrite(0, make([]byte, 8192)), "it does not begin as a queue file does"},
		{"middle", overwrite(8192, make([]byte, 1_000_000)), "says that it is page"},
		{"noise", overwrite(8192, bytes.Repeat([]byte{0xa5}, 1_000_000)), "says that it is page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, 1000, 3000, false)
			tt.damage(t, path)
			err := check(t, path)
			require.ErrorIs(t, err, ErrDamaged)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// One valid meta is enough, for bbolt and for the check.
func TestOneDamagedMeta(t *testing.T) {
	for _, offset := range []int64{0, 4096} {
		path := write(t, 100, 100, false)
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt(make([]byte, 100), offset)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.NoError(t, check(t, path))
	}
}

// Opening a file that passes the check does not crash the program, whatever is
// damaged in it. bbolt runs in a separate process, since a crash would end the
// test.
func TestWhatPassesCanBeOpened(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	sound := write(t, 400, 700, false)
	content, err := os.ReadFile(sound)
	require.NoError(t, err)
	passed, refused := 0, 0
	for i := range 80 {
		damaged := bytes.Clone(content)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(damaged))
			if random.IntN(2) == 0 {
				at = at / 4096 * 4096 // where the headers are
			}
			for j := at; j < min(at+1+random.IntN(64), len(damaged)); j++ {
				damaged[j] = byte(random.Uint32())
			}
		}
		path := filepath.Join(t.TempDir(), "queue")
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		if check(t, path) != nil {
			refused++
			continue
		}
		passed++
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), opener+"="+path)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "seed %d, round %d: %s", seed, i, output)
	}
	assert.Positive(t, passed)
	assert.Positive(t, refused)
}

// Check neither panics nor reads endlessly, whatever the file holds.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{}, uint32(0), byte(0))
	f.Add(make([]byte, 100), uint32(8200), byte(3))
	f.Fuzz(func(t *testing.T, patch []byte, offset uint32, entries byte) {
		path := write(t, int(entries), 100, entries%2 == 0)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		copy(content[int(offset)%len(content):], patch)
		_ = Check(bytes.NewReader(content), int64(len(content)))
	})
}
