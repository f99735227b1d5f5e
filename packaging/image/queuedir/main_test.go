// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

type change struct {
	name     string
	uid, gid int
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	require.NoError(t, os.Mkdir(there, 0o750))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("/etc", link))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	tests := []struct {
		name  string
		args  []string
		wants string // the folder whose owner changes, "" if none does
	}{
		{name: "new folder", args: []string{"--owner=10001:10002", filepath.Join(dir, "a", "b")}, wants: filepath.Join(dir, "a", "b")},
		{name: "folder that is there", args: []string{"--owner=10001:10002", there}, wants: there},
		{name: "link to a folder", args: []string{"--owner=10001:10002", link}},
		{name: "file", args: []string{"--owner=10001:10002", file}},
		{name: "no folder", args: []string{"--owner=10001:10002"}},
		{name: "no owner", args: []string{there}},
		{name: "owner without group", args: []string{"--owner=10001", there}},
		{name: "owner by name", args: []string{"--owner=root:root", there}},
		{name: "owner that means none", args: []string{"--owner=-1:-1", there}},
		{name: "unknown flag", args: []string{"--mode=0777", there}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var changes []change
			err := run(tt.args, io.Discard, func(name string, uid, gid int) error {
				changes = append(changes, change{name, uid, gid})
				return nil
			})
			if tt.wants == "" {
				require.Error(t, err)
				assert.Empty(t, changes)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []change{{tt.wants, 10001, 10002}}, changes)
			info, err := os.Stat(tt.wants)
			require.NoError(t, err)
			assert.True(t, info.IsDir())
		})
	}
}

func TestRunErrors(t *testing.T) {
	denied := errors.New("operation not permitted")
	err := run([]string{"--owner=1:1", t.TempDir()}, io.Discard, func(string, int, int) error { return denied })
	require.ErrorIs(t, err, denied)
}
