// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// anyToken matches the start of OCI's and Kubernetes' tokens, and anyKey that of private
// keys.
var (
	anyToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}`)
	anyKey   = regexp.MustCompile(`BEGIN [A-Z ]*PRIVATE KEY`)
)

// secretsIn returns the secrets in credential files, by a name for failure messages.
func secretsIn(t *testing.T, files ...string) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		text := strings.TrimSpace(string(content))
		if lines := strings.Split(text, "\n"); len(lines) > 2 {
			text = lines[1] // the header line of a PEM file is not secret
		}
		secrets[filepath.Base(file)] = text
	}
	return secrets
}

// With all logging on, including the SDK's, and the control plane failing in every
// possible way, no data key, token, private key or pass phrase is in the log, the
// metrics, the health check's response, the printed configuration, or the goroutine dump
// of a collector that is killed with SIGQUIT.
func TestNoSecretIsShown(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*testing.T, *cloud) (setup, map[string]string)
		// broken means that the credentials cannot be used.
		broken bool
	}{
		{
			name: "instance principal",
			prepare: func(*testing.T, *cloud) (setup, map[string]string) {
				return setup{auth: "type: instance_principal"}, map[string]string{}
			},
		},
		{
			name: "workload identity",
			prepare: func(t *testing.T, c *cloud) (setup, map[string]string) {
				s := inPod(t, c, setup{})
				return s, secretsIn(t, filepath.Join(podFolder(s), "token"))
			},
		},
		{
			name: "workload identity with an invalid token",
			prepare: func(t *testing.T, c *cloud) (setup, map[string]string) {
				s := inPod(t, c, setup{})
				token := filepath.Join(podFolder(s), "token")
				require.NoError(t, os.WriteFile(token, []byte("secret-service-account-token"), 0o600))
				return s, secretsIn(t, token)
			},
			broken: true,
		},
		{
			name: "resource principal",
			prepare: func(t *testing.T, c *cloud) (setup, map[string]string) {
				principal, err := c.WriteResourcePrincipal(t.TempDir())
				require.NoError(t, err)
				return setup{environment: principal.Environment}, secretsIn(t, principal.TokenFile, principal.KeyFile)
			},
		},
		{
			name: "resource principal with an invalid token",
			prepare: func(t *testing.T, c *cloud) (setup, map[string]string) {
				principal, err := c.WriteResourcePrincipal(t.TempDir())
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(principal.TokenFile, []byte("secret-session-token"), 0o600))
				return setup{environment: principal.Environment}, secretsIn(t, principal.TokenFile, principal.KeyFile)
			},
			broken: true,
		},
		{
			name: "configuration file",
			prepare: func(t *testing.T, c *cloud) (setup, map[string]string) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				secrets := secretsIn(t, file.Keys...)
				secrets["pass phrase"] = file.PassPhrase
				return setup{auth: "profile: " + oci.ProfileEncrypted + ", config_file: " + file.Path}, secrets
			},
		},
		{
			name: "session token",
			prepare: func(t *testing.T, c *cloud) (setup, map[string]string) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "profile: " + oci.ProfileSession + ", config_file: " + file.Path}, secretsIn(t, append(file.Keys, file.TokenFile)...)
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{})
			s, secrets := tt.prepare(t, c)
			for _, key := range c.uploads.Keys() {
				secrets["data key "+string(key.Kind)] = key.Value
			}
			for _, fault := range []oci.Fault{
				{Service: oci.ServiceAPM, Status: 401},
				{Operation: oci.OperationListDataKeys, Status: 404},
				{Operation: oci.OperationListDataKeys, Reset: true},
				{Service: oci.ServiceAuth, Status: 401},
				{Service: oci.ServiceProxymux, Status: 500},
			} {
				fault.Times = 1
				c.fault(t, fault)
			}
			s.exporter = "    refresh_interval: 1s\n"
			collector := c.startCollector(t, s)
			load := startLoad(t, collector)
			if tt.broken {
				collector.AwaitOutput(t, `The APM domain cannot be discovered`)
				load.Finish()
			} else {
				c.awaitStored(t, 100)
				require.NoError(t, c.RotateDataKeys(0))
				for _, key := range c.uploads.Keys() {
					secrets["new data key "+string(key.Kind)] = key.Value
				}
				collector.AwaitOutput(t, `The data key of the APM domain has changed`)
				c.requireAllStored(t, load)
			}
			metrics := get(t, "http://"+collector.Metrics+"/metrics")
			assert.Contains(t, metrics, "otelcol_exporter_oci_apm_discoveries")

			printed, code := harness.RunCollector(t, append(s.environment, "TEST_DOMAIN_ID="+c.DomainID()), "print-config",
				"--config", configFile(t), "--config", collector.OverridesFile)
			require.Zero(t, code, printed)
			assert.Contains(t, printed, c.DomainID())

			collector.Signal(t, syscall.SIGQUIT)
			collector.Wait(t, 30*time.Second)
			output := collector.Output()
			assert.Contains(t, output, "SIGQUIT: quit")
			assert.Contains(t, output, "goroutine ")

			for what, text := range map[string]string{"the output": output, "the metrics": metrics, "print-config": printed} {
				requireNoSecret(t, what, text, secrets)
				assert.False(t, anyToken.MatchString(text), "a token is in %s", what)
				assert.False(t, anyKey.MatchString(text), "a private key is in %s", what)
			}
		})
	}
}

// podFolder returns the service account folder of a setup of inPod.
func podFolder(s setup) string { return s.wrapper[len(s.wrapper)-2] }
