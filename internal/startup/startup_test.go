// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What is not known passes unchanged, and so does an error that joins several: one
// sentence must not hide the others.
func TestExplainPassesOthers(t *testing.T) {
	require.NoError(t, Explain(nil, nil))
	problem := FolderInUse("/q", "/q/lock")
	for _, err := range []error{
		errors.New("something else"),
		errors.Join(problem, errors.New("something else")),
		fmt.Errorf("two: %w, %w", problem, errors.New("something else")),
	} {
		assert.Equal(t, err, Explain(err, []string{"none.yaml"}))
	}
	assert.Equal(t, error(problem), Explain(fmt.Errorf("start: %w", errors.Join(fmt.Errorf("directory: %w", problem))), nil))
}

func TestPortInUse(t *testing.T) {
	for _, network := range []struct{ listen, second string }{
		{"127.0.0.1:0", "127.0.0.1:%s"},
		{"127.0.0.1:0", "0.0.0.0:%s"},
		{"[::1]:0", "[::1]:%s"},
	} {
		t.Run(network.listen+" "+network.second, func(t *testing.T) {
			taken, err := net.Listen("tcp", network.listen)
			if err != nil && strings.HasPrefix(network.listen, "[") {
				t.Skip("no IPv6:", err)
			}
			require.NoError(t, err)
			defer func() { require.NoError(t, taken.Close()) }()
			_, port, err := net.SplitHostPort(taken.Addr().String())
			require.NoError(t, err)
			_, err = net.Listen("tcp", fmt.Sprintf(network.second, port))
			require.Error(t, err)

			explained := Explain(fmt.Errorf("cannot start pipelines: %w", err), nil)
			require.ErrorIs(t, explained, err)
			assert.Regexp(t, `^\S+:`+port+` is already in use by .*: stop .*, or set the endpoint to another address in a second --config file$`, explained)
			if runtime.GOOS == "linux" {
				assert.Contains(t, explained.Error(), fmt.Sprintf("(pid %d): stop that process", os.Getpid()))
			}

			explained = ExplainListen(fmt.Errorf("listen: %w", err), "move")
			require.ErrorIs(t, explained, err)
			assert.Regexp(t, `^\S+:`+port+` is already in use by .*: stop .*, or move$`, explained)
		})
	}
	assert.Contains(t, PortInUse("127.0.0.1:4318", nil).Error(), "or set receivers::otlp::protocols::http::endpoint to another address")
}

func TestExplainListenPassesOthers(t *testing.T) {
	require.NoError(t, ExplainListen(nil, "move"))
	_, err := net.Listen("tcp", "127.0.0.1:nowhere")
	require.Error(t, err)
	assert.Equal(t, err, ExplainListen(err, "move"))
}

func TestFolderInUse(t *testing.T) {
	lock := flock.New(filepath.Join(t.TempDir(), "lock"))
	locked, err := lock.TryLock()
	require.NoError(t, err)
	require.True(t, locked)
	defer func() { require.NoError(t, lock.Unlock()) }()
	text := FolderInUse("/q", lock.Path()).Error()
	assert.Contains(t, text, "the queue folder /q is in use by another ")
	assert.Contains(t, text, "OTELCOL_QUEUE_DIRECTORY")
	if runtime.GOOS == "linux" {
		assert.Contains(t, text, "by another queue_storage of this collector: give each its own")
	}
}

func TestCheckFolder(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, CheckFolder(folder, true))
	require.NoError(t, CheckFolder(filepath.Join(folder, "a", "b"), true))
	_, err := os.Stat(filepath.Join(folder, "a"))
	require.ErrorIs(t, err, fs.ErrNotExist, "the check creates nothing")
	file := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, CheckFolder(file, true), "not a matter of permissions")

	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("the rest needs a user who may not write everywhere: test/e2e has it")
	}
	closed := filepath.Join(folder, "closed")
	require.NoError(t, os.Mkdir(closed, 0o500))
	require.ErrorContains(t, CheckFolder(closed, true), closed+" cannot be written by the collector's user")
	require.ErrorContains(t, CheckFolder(filepath.Join(closed, "new"), true), "OTELCOL_QUEUE_DIRECTORY")
	require.NoError(t, CheckFolder(filepath.Join(closed, "new"), false))
	require.NoError(t, os.Chmod(file, 0o400))
	require.ErrorContains(t, CheckFolder(folder, true), "permission denied")
}

func TestReadyConfigs(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"agent.yaml", "config.yaml", "oci-agent.yaml"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	found := configsIn([]string{filepath.Join(folder, "none"), folder})
	assert.Equal(t, []string{filepath.Join(folder, "config.yaml"), filepath.Join(folder, "agent.yaml")}, found)
	assert.Equal(t, "no configuration: pass --config=FILE; ready configurations: "+strings.Join(found, ", "), NoConfig(found).Error())
	assert.Contains(t, NoConfig(nil).Error(), "config/*.yaml")
}

func TestFiles(t *testing.T) {
	assert.Equal(t, []string{"a.yaml", "/b.yaml", `c:\d.yaml`},
		files([]string{"a.yaml", "file:/b.yaml", "yaml:x: y", "env:CONFIG", "https://example.com/a.yaml", `c:\d.yaml`}))
}
