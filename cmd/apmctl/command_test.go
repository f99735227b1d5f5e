// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/internal/buildversion"
)

func TestMain(m *testing.M) {
	if os.Getenv(runEnv) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// runCommand returns what a command writes to the standard output and error.
func runCommand(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	cmd := newCommand()
	cmd.SetArgs(args)
	var outBuffer, errBuffer bytes.Buffer
	cmd.SetOut(&outBuffer)
	cmd.SetErr(&errBuffer)
	err = cmd.ExecuteContext(t.Context())
	return outBuffer.String(), errBuffer.String(), err
}

func TestVersion(t *testing.T) {
	out, _, err := runCommand(t, "version")
	require.NoError(t, err)
	assert.Equal(t, buildversion.Text("")+"\n", out)
	version = "v1.2.3"
	t.Cleanup(func() { version = "" })
	out, _, err = runCommand(t, "--version")
	require.NoError(t, err)
	assert.Equal(t, "apmctl version v1.2.3\n", out)
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"--help"}} {
		out, _, err := runCommand(t, args...)
		require.NoError(t, err)
		assert.Contains(t, out, "Exit codes")
		assert.Contains(t, out, "version")
	}
}

func TestExitCode(t *testing.T) {
	assert.Equal(t, 1, exitCode(fmt.Errorf("wrapped: %w", &exitError{code: 1, message: "1 step failed"})))
	assert.Equal(t, 2, exitCode(errors.New("unknown flag")))
	_, errOut, err := runCommand(t, "nonsense")
	require.ErrorContains(t, err, `unknown command "nonsense"`)
	assert.Contains(t, errOut, "nonsense")
}

// A wrong flag of doctor is named before anything is examined.
func TestDoctorFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--wait: must be positive":               {"--wait", "0s"},
		"--auth: type: \"password\"":             {"--auth", "password"},
		"--apm-domain-id: it is not an OCID":     {"--apm-domain-id", "mine"},
		"--pid and --config both name":           {"--pid", "1", "--config", "a.yaml"},
		"unknown command \"now\" for \"apmctl d": {"now"},
	} {
		out, _, err := runCommand(t, append([]string{"doctor"}, args...)...)
		require.ErrorContains(t, err, want)
		assert.Equal(t, 2, exitCode(err))
		assert.Empty(t, out)
	}
}
