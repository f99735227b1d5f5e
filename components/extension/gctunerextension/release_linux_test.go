// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"golang.org/x/sys/unix"

	"github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension/internal/metadata"
)

// residentFileKB returns how much of the process's files is in memory, in kB.
func residentFileKB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "RssFile:")
	require.True(t, found)
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kb
}

// loadProgram reads the whole program into memory, as after a startup that used
// all of it.
func loadProgram(t *testing.T) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	file, err := os.Open("/proc/self/smaps")
	require.NoError(t, err)
	defer file.Close()
	mappings, err := programMappings(file, program)
	require.NoError(t, err)
	require.NotEmpty(t, mappings)
	for _, m := range mappings {
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_POPULATE_READ)
		require.Zero(t, errno)
	}
}

func TestStartupMemoryIsReleased(t *testing.T) {
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), &Config{
		Percent: 400, LimitMiB: 512, ReleaseStartupMemoryAfter: time.Millisecond,
	})
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	loadProgram(t)
	before := residentFileKB(t)

	require.NoError(t, ext.(extensioncapabilities.PipelineWatcher).Ready())
	assert.Eventually(t, func() bool { return residentFileKB(t) < before*3/4 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, ext.(extensioncapabilities.PipelineWatcher).NotReady())
	require.NoError(t, ext.Shutdown(t.Context()))
}

func TestStartupMemoryIsKept(t *testing.T) {
	for _, after := range []time.Duration{0, time.Hour} {
		ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), &Config{
			Percent: 400, LimitMiB: 512, ReleaseStartupMemoryAfter: after,
		})
		require.NoError(t, err)
		require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, ext.(extensioncapabilities.PipelineWatcher).Ready())
		require.NoError(t, ext.Shutdown(t.Context()))
	}
}

func TestProgramMappings(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 42                         /bin/program
Size:               1024 kB
Anonymous:             0 kB
VmFlags: rd ex
00500000-00600000 r--p 00100000 fe:00 42                         /bin/program
Anonymous:             4 kB
00600000-00700000 rw-p 00200000 fe:00 42                         /bin/program
Anonymous:             0 kB
00700000-00800000 r--p 00000000 fe:00 43                         /lib/other/program
Anonymous:             0 kB
00800000-00900000 r--p 00000000 fe:00 42                         /bin/program
Anonymous:             0 kB
c000000000-c000400000 ---p 00000000 00:00 0
Anonymous:             0 kB
`
	got, err := programMappings(strings.NewReader(smaps), "/bin/program")
	require.NoError(t, err)
	assert.Equal(t, []mapping{{0x400000, 0x500000}, {0x800000, 0x900000}}, got)

	_, err = programMappings(strings.NewReader("zz r-xp 0 0 0 /bin/program\n"), "/bin/program")
	require.ErrorContains(t, err, "zz")
}
