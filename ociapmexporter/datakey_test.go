// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDataKeyFileIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	changes := 0
	source := &dataKeyFile{path: path, changed: func() { changes++ }}
	expect := func(want string) {
		t.Helper()
		got, err := source.dataKey()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}

	_, err := source.dataKey()
	require.ErrorContains(t, err, "does not exist")

	require.NoError(t, os.WriteFile(path, []byte("first\n"), 0o600))
	expect("first")

	// Written in place, with the same length: only the time differs.
	require.NoError(t, os.WriteFile(path, []byte("other\n"), 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute)))
	expect("other")

	// Replaced by rename, as editors do, with the same length and time.
	info, err := os.Stat(path)
	require.NoError(t, err)
	next := filepath.Join(dir, "next")
	require.NoError(t, os.WriteFile(next, []byte("third\n"), 0o600))
	require.NoError(t, os.Chtimes(next, time.Time{}, info.ModTime()))
	require.NoError(t, os.Rename(next, path))
	expect("third")

	// Empty or missing for a moment: the last good key stays in use.
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	expect("third")
	require.NoError(t, os.Remove(path))
	expect("third")
	require.NoError(t, os.WriteFile(path, []byte("fourth"), 0o600))
	expect("fourth")
	assert.Equal(t, 3, changes)
}

// After APM has rejected a key, the file is read again even if it does not look changed.
func TestDataKeyFileReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	now := time.Now()
	write := func(key string) {
		require.NoError(t, os.WriteFile(path, []byte(key), 0o600))
		require.NoError(t, os.Chtimes(path, now, now))
	}
	source := &dataKeyFile{path: path, changed: func() {}}
	write("first")
	key, err := source.dataKey()
	require.NoError(t, err)
	assert.Equal(t, "first", key)
	write("other")
	key, err = source.reload()
	require.NoError(t, err)
	assert.Equal(t, "other", key)
	require.NoError(t, os.Remove(path))
	key, err = source.reload()
	require.NoError(t, err)
	assert.Equal(t, "other", key)
}

// Kubernetes mounts a Secret as a symlink to a symlink, and swaps the inner one.
func TestDataKeyFileBehindSwappedSymlink(t *testing.T) {
	dir := t.TempDir()
	for name, key := range map[string]string{"..old": "old-key", "..new": "new-key"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "key"), []byte(key), 0o600))
	}
	require.NoError(t, os.Symlink("..old", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/key", filepath.Join(dir, "key")))

	source := &dataKeyFile{path: filepath.Join(dir, "key"), changed: func() {}}
	got, err := source.dataKey()
	require.NoError(t, err)
	assert.Equal(t, "old-key", got)

	require.NoError(t, os.Symlink("..new", filepath.Join(dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	got, err = source.dataKey()
	require.NoError(t, err)
	assert.Equal(t, "new-key", got)
}
