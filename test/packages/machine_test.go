// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build packages

package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	bootTimeout  = 2 * time.Minute
	awaitTimeout = time.Minute
	pollInterval = 200 * time.Millisecond
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// debian returns a new root folder with a minimal Debian and systemd in it. The result
// of debootstrap is kept in the user's cache folder.
func debian(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	archive := filepath.Join(cache, "otelcol-ociapm-test", "bookworm.tar")
	if _, err := os.Stat(archive); err != nil {
		require.NoError(t, os.MkdirAll(filepath.Dir(archive), 0o755))
		dir := t.TempDir()
		command(t, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,passwd,procps,curl", "bookworm", dir)
		// As Debian's installer writes it.
		require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/hosts"), []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o600))
		require.NoError(t, os.Chmod(filepath.Join(dir, "etc/hosts"), 0o644))
		command(t, "tar", "-C", dir, "-cf", archive+".new", ".")
		require.NoError(t, os.Rename(archive+".new", archive))
	}
	root := t.TempDir()
	command(t, "tar", "-C", root, "-xf", archive)
	return root
}

// command runs a command on the test's machine and returns its output.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), output)
	return string(output)
}

// machine is a booted root folder.
type machine struct {
	leader int // its process 1
}

// boot starts systemd in a root folder. Folders are mounted there read-only,
// given as SOURCE:TARGET.
func boot(t *testing.T, root string, mounts ...string) machine {
	t.Helper()
	// As in an image for virtual machines: the first boot sets the id.
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o600))
	args := []string{"--quiet", "--directory=" + root, "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--console=read-only", "--boot"}
	for _, mount := range mounts {
		args = append(args, "--bind-ro="+mount)
	}
	cmd := exec.CommandContext(t.Context(), "systemd-nspawn", args...)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	process := harness.Start(t, cmd)

	children := filepath.Join("/proc", strconv.Itoa(process.Pid()), "task", strconv.Itoa(process.Pid()), "children")
	var m machine
	require.Eventually(t, func() bool {
		list, err := os.ReadFile(children)
		if err != nil {
			return false
		}
		m.leader, err = strconv.Atoi(strings.TrimSpace(string(list)))
		if err != nil {
			return false
		}
		// systemd creates the folder early in its startup.
		_, _, code := m.try(t, "test -d /run/systemd/system && systemctl is-system-running --wait")
		return code == 0
	}, bootTimeout, pollInterval, "systemd does not come up:\n%s", process.Output())
	t.Cleanup(func() {
		if t.Failed() {
			stdout, _, _ := m.try(t, "journalctl --no-pager --output=short --lines=60")
			t.Logf("its journal:\n%s", stdout)
		}
	})
	return m
}

// try runs a shell script in the machine.
func (m machine) try(t *testing.T, script string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command("nsenter", "--target="+strconv.Itoa(m.leader), "--all",
		"env", "--chdir=/", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "bash", "-c", script)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// run runs a shell script in the machine, which must succeed, and returns its standard
// output.
func (m machine) run(t *testing.T, script string) string {
	t.Helper()
	stdout, stderr, code := m.try(t, "set -euo pipefail; "+script)
	require.Zero(t, code, "%s\n%s%s", script, stdout, stderr)
	return strings.TrimSpace(stdout)
}

// await repeats a shell script until it succeeds.
func (m machine) await(t *testing.T, script string) {
	t.Helper()
	var last string
	require.Eventually(t, func() bool {
		stdout, stderr, code := m.try(t, script)
		last = stdout + stderr
		return code == 0
	}, awaitTimeout, pollInterval, "%s\n%s", script, last)
}
