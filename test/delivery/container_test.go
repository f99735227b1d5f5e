// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// container is a control group with a memory limit, version 1 or 2.
type container struct {
	group string
	limit int64 // bytes
	v2    bool
}

// newContainer makes a container, and skips the test if that is not allowed.
func newContainer(t *testing.T, mib int) *container {
	t.Helper()
	c := &container{limit: int64(mib) * mebi}
	root, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Join(root, limit)); err != nil {
		root, limit, c.v2 = "/sys/fs/cgroup", "memory.max", true
	}
	var err error
	if c.group, err = os.MkdirTemp(root, "otelcol-delivery-"); err != nil { //nolint:usetesting // in the file system of the control groups
		t.Skipf("no control group can be made here: %v", err)
	}
	// This cleanup is registered first, so it runs after the process has exited.
	t.Cleanup(func() { _ = os.Remove(c.group) })
	if err := os.WriteFile(filepath.Join(c.group, limit), []byte(strconv.FormatInt(c.limit, 10)), 0); err != nil {
		t.Skipf("the control group accepts no memory limit: %v", err)
	}
	return c
}

// wrapper is a command that moves itself into the container and then executes another
// command.
func (c *container) wrapper() []string {
	return []string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, c.group}
}

// peak returns the most memory that the container has used, in bytes.
func (c *container) peak(t *testing.T) int64 {
	t.Helper()
	if c.v2 {
		return c.number(t, "memory.peak", "")
	}
	return c.number(t, "memory.max_usage_in_bytes", "")
}

// kills returns how many processes the kernel has killed because the container ran out
// of memory.
func (c *container) kills(t *testing.T) int64 {
	t.Helper()
	if c.v2 {
		return c.number(t, "memory.events", "oom_kill ")
	}
	return c.number(t, "memory.oom_control", "oom_kill ")
}

// number reads the number after a prefix in a file.
func (c *container) number(t *testing.T, file, prefix string) int64 {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.group, file))
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			n, err := strconv.ParseInt(rest, 10, 64)
			require.NoError(t, err, file)
			return n
		}
	}
	t.Fatalf("%s has no %q", file, prefix)
	return 0
}
