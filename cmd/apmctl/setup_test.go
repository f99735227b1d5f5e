// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	ocisandbox "github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

// runEnv makes the test's own program run apmctl, with the proxy and certificates of an
// emulated OCI.
const runEnv = "APMCTL_TEST_RUN"

// program runs apmctl in its own process and returns its output and exit code.
func program(t *testing.T, environment []string, args ...string) (out, errOut string, code int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...) //nolint:gosec // the test itself
	cmd.Env = append(append(os.Environ(), runEnv+"=1"), environment...)
	var outBuffer, errBuffer bytes.Buffer
	cmd.Stdout, cmd.Stderr = &outBuffer, &errBuffer
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return outBuffer.String(), errBuffer.String(), cmd.ProcessState.ExitCode()
}

// Each type of credentials can set a domain up.
func TestSetupIdentities(t *testing.T) {
	uploads, err := apm.New(apm.DefaultConfig(), zap.NewNop())
	require.NoError(t, err)
	server, err := ocisandbox.Start(t.Context(), ocisandbox.Config{EmptyDomain: true}, uploads, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	file, err := server.WriteConfigFile(t.TempDir())
	require.NoError(t, err)
	resource, err := server.WriteResourcePrincipal(t.TempDir())
	require.NoError(t, err)
	user := []string{"OCI_CONFIG_FILE=" + file.Path}
	for _, tc := range []struct {
		name        string
		environment []string
		args        []string
	}{
		{"config_file", user, nil},
		{"config_file", user, []string{"--auth", "config_file", "--profile", ocisandbox.ProfileEncrypted}},
		{"session_token", user, []string{"--profile", ocisandbox.ProfileSession}},
		{"instance_principal", nil, []string{"--auth", "instance_principal"}},
		{"resource_principal", resource.Environment, []string{"--auth", "resource_principal"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server.EmptyDomain()
			environment := append(append(server.Environment(), "APM_DOMAIN_ID="+server.DomainID()), tc.environment...)
			out, errOut, code := program(t, environment, append([]string{"setup", "--apply"}, tc.args...)...)
			assert.Zero(t, code, errOut)
			assert.Contains(t, out, "with credentials of type "+tc.name)
			assert.Contains(t, out, "5 changed, 0 failed. 2 left out.")
		})
	}

	t.Run("a wrong key", func(t *testing.T) {
		environment := append(append(server.Environment(), user...), "APM_DOMAIN_ID="+server.DomainID())
		_, errOut, code := program(t, environment, "setup", "--profile", ocisandbox.ProfileUnknownKey)
		assert.Equal(t, 2, code)
		assert.Contains(t, errOut, "check tenancy, user, fingerprint and key_file of profile [UNKNOWN_KEY]")
	})
	t.Run("no such profile", func(t *testing.T) {
		environment := append(append(server.Environment(), user...), "APM_DOMAIN_ID="+server.DomainID())
		_, errOut, code := program(t, environment, "setup", "--profile", "NOBODY")
		assert.Equal(t, 2, code)
		assert.Contains(t, errOut, "has no profile [NOBODY]: add it with oci setup config, or write --profile")
	})
	t.Run("a step that fails", func(t *testing.T) {
		require.NoError(t, server.DenyPermissions(ocisandbox.PermissionLogGroupInspect))
		environment := append(append(server.Environment(), user...), "APM_DOMAIN_ID="+server.DomainID())
		_, errOut, code := program(t, environment, "setup")
		assert.Equal(t, 1, code)
		assert.Contains(t, errOut, "1 of the steps failed")
	})
	t.Run("a wrong flag", func(t *testing.T) {
		_, errOut, code := program(t, nil, "setup", "--apm-domain-id", "mine")
		assert.Equal(t, 2, code)
		assert.Contains(t, errOut, "--apm-domain-id: it is not an OCID")
	})
}

func TestSetupFlags(t *testing.T) {
	_, _, err := runCommand(t, "setup", "--apm-domain-id", "ocid1.apmdomain.oc1.phx.aaaa", "--database", "ORCL", "--skip", "rules", "--alarm-topic", "me")
	require.ErrorContains(t, err, "--database: write NAME=OCID")
	require.ErrorContains(t, err, "--skip: \"rules\" is not a step")
	require.ErrorContains(t, err, "--alarm-topic: ")
}
