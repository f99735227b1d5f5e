// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

var caches sync.Mutex // held while one is looked at or filled

// cached returns a folder that fill fills from the given files, paths from the
// repository's root. It is created once for each content of the files.
func cached(t *testing.T, name string, files []string, fill func(t *testing.T, folder string)) string {
	t.Helper()
	caches.Lock()
	defer caches.Unlock()
	hash := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), file))
		require.NoError(t, err)
		fmt.Fprintf(hash, "%s %x\n", file, sha256.Sum256(content))
	}
	folder := filepath.Join(harness.Root(t), ".cache", fmt.Sprintf("%s-%.8x", name, hash.Sum(nil)))
	complete := filepath.Join(folder, "complete")
	if _, err := os.Stat(complete); err != nil {
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.MkdirAll(folder, 0o700))
		fill(t, folder)
		require.NoError(t, os.WriteFile(complete, nil, 0o600))
	}
	return folder
}

// runIn runs a program in a folder until it exits, and returns its trimmed standard
// output.
func runIn(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, name), args...)
	cmd.Dir = folder
	cmd.Env = cleanEnvironment()
	return run(t, cmd)
}
