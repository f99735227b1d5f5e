// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// openTerminal returns both sides of a new terminal.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	number, err := unix.IoctlGetUint32(int(ours.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0))
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return ours, theirs
}

// The marks have colors on a terminal, unless NO_COLOR is set.
func TestDoctorOnATerminal(t *testing.T) {
	t.Parallel()
	for environment, colored := range map[string]bool{"TERM=xterm": true, "NO_COLOR=1": false, "TERM=dumb": false} {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			ours, theirs := openTerminal(t)
			cmd := exec.CommandContext(t.Context(), harness.Binary(t, "apmctl"), "doctor", "--config", "yaml:service::extensions: []")
			cmd.Env = []string{"HOME=" + t.TempDir(), environment}
			cmd.Stdout, cmd.Stderr = theirs, theirs
			require.NoError(t, cmd.Start())
			require.NoError(t, theirs.Close())
			output, _ := io.ReadAll(ours) // ends with EIO once the other side is closed
			_ = cmd.Wait()                // it has failed
			assert.Contains(t, string(output), "configuration")
			assert.Equal(t, colored, strings.Contains(string(output), "\x1b[31m✗\x1b[0m"))
		})
	}
}
