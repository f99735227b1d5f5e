// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// privateKey returns the private data key of the domain.
func (c *cloud) privateKey(t *testing.T) string {
	t.Helper()
	for _, key := range c.uploads.Keys() {
		if key.Kind == apm.KeyPrivate {
			return key.Value
		}
	}
	require.Fail(t, "the domain has no private key")
	return ""
}

// vaultEnvironment leads the collector to the cloud, as the instance that it runs on,
// and makes it poll for new versions as often as possible.
func (c *cloud) vaultEnvironment(t *testing.T) []string {
	t.Helper()
	return append(c.Environment(), "HOME="+t.TempDir(), "OCI_CONFIG_FILE=", "OCI_RESOURCE_PRINCIPAL_VERSION=", "OCI_CLI_AUTH=",
		"OCI_GO_SDK_DEBUG=verbose", "OTELCOL_OCIVAULT_INTERVAL=10s")
}

// addSecret adds a secret to the vault.
func (c *cloud) addSecret(t *testing.T, content string) (ocid string) {
	t.Helper()
	ocid, err := c.AddSecret("apm", []byte(content))
	require.NoError(t, err)
	return ocid
}

// rotate gives a secret a new current version.
func (c *cloud) rotate(t *testing.T, ocid, content string) {
	t.Helper()
	_, err := c.RotateSecret(ocid, []byte(content), oci.StageCurrent)
	require.NoError(t, err)
}

// startWithSecret starts the agent with a data key from the vault, and with a setup's
// environment and wrapper.
func (c *cloud) startWithSecret(t *testing.T, reference string, s setup) *harness.Collector {
	t.Helper()
	return harness.StartCollector(t, harness.CollectorOptions{
		Endpoint:    c.UploadEndpoint(),
		Environment: append(c.vaultEnvironment(t), s.environment...),
		Wrapper:     s.wrapper,
		Overrides: "exporters:\n  oci_apm:\n    data_key: ${ocivault:" + reference + "}\n    retry_on_failure: {max_interval: 1s}\n" +
			"  debug: {verbosity: detailed}\n" +
			"service:\n  pipelines: {traces: {exporters: [oci_apm, debug]}}\n  telemetry: {logs: {level: debug, sampling: }}\n",
	})
}

func awaitTimes(t *testing.T, collector *harness.Collector, text string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(collector.Output(), text) >= times }, awaitTimeout, pollInterval,
		"%q is not in the log %d times", text, times)
}

// The data key is replaced, in the domain and in the vault, while spans flow: the
// collector picks up the new key by itself and loses nothing. It ignores a version that
// is not current yet.
func TestVaultRotation(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	first := c.privateKey(t)
	secret := c.addSecret(t, first)
	collector := c.startWithSecret(t, secret, setup{})
	pid := collector.Pid()
	load := startLoad(t, collector)
	c.awaitStored(t, 100)

	const pending = "a-version-that-is-not-in-use-yet"
	_, err := c.RotateSecret(secret, []byte(pending), oci.StagePending)
	require.NoError(t, err)
	reads := c.Count(oci.OperationGetSecretBundle, 200)
	require.Eventually(t, func() bool { return c.Count(oci.OperationGetSecretBundle, 200) > reads }, awaitTimeout, pollInterval)
	assert.Equal(t, 1, strings.Count(collector.Output(), "Everything is ready"))

	// There is a delay between rotating the key and storing it in the vault.
	require.NoError(t, c.RotateDataKeys(0))
	second := c.privateKey(t)
	require.NotEqual(t, first, second)
	collector.AwaitOutput(t, "401 Unauthorized")
	c.rotate(t, secret, second)
	awaitTimes(t, collector, "Everything is ready", 2)
	c.awaitStored(t, c.uploads.Counts().Spans.Stored+100)
	c.requireAllStored(t, load)

	assert.Equal(t, pid, collector.Pid())
	assert.Equal(t, 2, strings.Count(collector.Output(), "Everything is ready"), "one reload")
	require.Zero(t, collector.Stop(t))
	requireNoSecret(t, "the log", collector.Output(), map[string]string{"the first key": first, "the second key": second, "the pending version": pending})
}

// Whatever happens to the secret, the collector continues with the value that it has:
// after a poll, and after a requested reload. The log reports the problem once.
func TestVaultTrouble(t *testing.T) {
	t.Parallel()
	const (
		away    = "Reading the secret from OCI Vault failed; keeping its last value"
		useless = "The new version of the secret is unusable; keeping the last value"
	)
	tests := []struct {
		name    string
		trouble func(*testing.T, *cloud, string) (repair func())
		said    []string
	}{
		{
			name: "Vault does not answer",
			trouble: func(t *testing.T, c *cloud, _ string) func() {
				return c.fault(t, oci.Fault{Service: oci.ServiceSecrets, Down: true})
			},
			said: []string{away, "the OCI service for GetSecretBundle in us-phoenix-1 does not answer"},
		},
		{
			name: "the secret is about to be deleted",
			trouble: func(t *testing.T, c *cloud, secret string) func() {
				require.NoError(t, c.SetSecretState(secret, oci.SecretPendingDeletion))
				return func() { require.NoError(t, c.SetSecretState(secret, oci.SecretActive)) }
			},
			said: []string{away, "404 NotAuthorizedOrNotFound", "the answer is the same for a secret that is deleted, or about to be"},
		},
		{
			name: "a version without the key",
			trouble: func(t *testing.T, c *cloud, secret string) func() {
				c.rotate(t, secret, `{"other": "value-of-another-key"}`)
				return func() { require.NoError(t, c.PromoteSecret(secret, 1)) }
			},
			said: []string{useless, `no such key in its JSON object: \"private\"`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{})
			key := c.privateKey(t)
			secret := c.addSecret(t, fmt.Sprintf(`{"private": %q}`, key))
			collector := c.startWithSecret(t, secret+"#private", setup{})
			load := startLoad(t, collector)
			c.awaitStored(t, 100)

			repair := test.trouble(t, c, secret)
			for _, said := range test.said {
				awaitTimes(t, collector, said, 1)
			}
			collector.Signal(t, syscall.SIGHUP)
			awaitTimes(t, collector, "Everything is ready", 2)
			c.awaitStored(t, c.uploads.Counts().Spans.Stored+100)

			repair()
			awaitTimes(t, collector, "The secret can be read again", 1)
			c.requireAllStored(t, load)
			output := collector.Output()
			assert.Equal(t, 2, strings.Count(output, "Everything is ready"), "no reload by itself")
			assert.Equal(t, 1, strings.Count(output, test.said[0]))
			require.Zero(t, collector.Stop(t))
			requireNoSecret(t, "the log", collector.Output(), map[string]string{"the key": key, "what is in the vault": "value-of-another-key"})
		})
	}
}

// On startup the collector waits if waiting can help, and fails at once otherwise. The
// provider's README lists every message.
func TestVaultOnStartup(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(harness.Root(t), "components", "provider", "ocivaultprovider", "README.md"))
	require.NoError(t, err)
	t.Run("down, and back", func(t *testing.T) {
		t.Parallel()
		c := startCloud(t, oci.Config{})
		c.fault(t, oci.Fault{Service: oci.ServiceSecrets, Status: 503, Times: 1})
		c.fault(t, oci.Fault{Service: oci.ServiceSecrets, Down: true, Times: 1})
		collector := c.startWithSecret(t, c.addSecret(t, c.privateKey(t)), setup{})
		collector.AwaitOutput(t, "Reading a secret from OCI Vault failed; will retry")
		c.requireFlow(t, collector)
	})

	tests := []struct {
		name        string
		reference   string // in place of the OCID
		prepare     func(*testing.T, *cloud)
		environment []string
		want        string
	}{
		{
			name: "refused",
			prepare: func(t *testing.T, c *cloud) {
				c.fault(t, oci.Fault{Service: oci.ServiceSecrets, Status: 404})
			},
			want: `OCI refuses GetSecretBundle in us-phoenix-1 (404 NotAuthorizedOrNotFound): write the policy statement "Allow dynamic-group <group of the machine> to read secret-bundles in compartment <compartment of the secret>"`,
		},
		{
			name: "throttled",
			prepare: func(t *testing.T, c *cloud) {
				c.fault(t, oci.Fault{Service: oci.ServiceSecrets, Status: 429})
			},
			want: "OCI throttles GetSecretBundle in us-phoenix-1 (429 TooManyRequests)",
		},
		{
			name: "down",
			prepare: func(t *testing.T, c *cloud) {
				c.fault(t, oci.Fault{Service: oci.ServiceSecrets, Down: true})
			},
			want: "the OCI service for GetSecretBundle in us-phoenix-1 does not answer",
		},
		{
			name:    "clock skew",
			prepare: func(_ *testing.T, c *cloud) { c.SetClockOffset(10 * time.Minute) },
			want:    "behind OCI's, and OCI accepts 5m0s: set it, with chrony or NTP",
		},
		{name: "another region", reference: "ocid1.vaultsecret.oc1.fra.aaaaexample", want: "or correct the OCID if eu-frankfurt-1 has no secret"},
		{name: "an unknown region", reference: "ocid1.vaultsecret.oc1.nowhere.aaaaexample", want: `its region "nowhere" is not one that this version knows; copy the OCID again`},
		{name: "not a secret", reference: "ocid1.vault.oc1.phx.aaaa.bbbb", want: "it is the OCID of another kind of resource (vault); write ocid1.vaultsecret.<realm>.<region>.<unique id>"},
		{name: "a placeholder", reference: "<OCID>", want: "it still has a <placeholder> in it; write the OCID"},
		{name: "no such key", reference: "OCID#public", want: `no such key in its JSON object: "public"`},
		{
			name: "not on OCI", prepare: func(t *testing.T, c *cloud) {
				c.fault(t, oci.Fault{Service: oci.ServiceMetadata, Down: true})
			},
			want: "for ocivault, OCI_CLI_AUTH=api_key chooses a configuration file",
		},
		{name: "unknown credentials", environment: []string{"OCI_CLI_AUTH=instance"}, want: `the environment variable OCI_CLI_AUTH is "instance"; write instance_principal,`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{Region: "us-phoenix-1"})
			const content = `{"private": "a-key-that-nobody-may-see"}`
			ocid := c.addSecret(t, content)
			if test.prepare != nil {
				test.prepare(t, c)
			}
			reference := "OCID#private"
			if test.reference != "" {
				reference = test.reference
			}
			env := append(c.vaultEnvironment(t), "APM_ENDPOINT="+c.UploadEndpoint())
			output, code := harness.RunCollector(t, append(env, test.environment...), "--config", harness.ConfigFile(t, "agent.yaml"),
				"--config", "yaml:exporters::oci_apm::data_key: ${ocivault:"+strings.ReplaceAll(reference, "OCID", ocid)+"}")
			assert.Equal(t, 1, code)
			assert.Contains(t, output, test.want)
			assert.Contains(t, string(readme), "`"+test.want+"`", "the README of the provider")
			requireNoSecret(t, "the output", output, map[string]string{"the secret": "a-key-that-nobody-may-see"})
		})
	}
}

// The OCI CLI's variables select the credentials.
func TestVaultCredentials(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(*testing.T, *cloud) setup
		want    oci.PrincipalType
	}{
		{
			name:    "the instance",
			prepare: func(*testing.T, *cloud) setup { return setup{} },
			want:    oci.PrincipalInstance,
		},
		{
			name:    "a pod",
			prepare: func(t *testing.T, c *cloud) setup { return inPod(t, c, setup{}) },
			want:    oci.PrincipalWorkload,
		},
		{
			name: "a profile",
			prepare: func(t *testing.T, c *cloud) setup {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{environment: []string{"OCI_CLI_AUTH=security_token", "OCI_CLI_PROFILE=" + oci.ProfileSession, "OCI_CLI_CONFIG_FILE=" + file.Path}}
			},
			want: oci.PrincipalUser,
		},
		{
			name: "a resource principal",
			prepare: func(t *testing.T, c *cloud) setup {
				principal, err := c.WriteResourcePrincipal(t.TempDir())
				require.NoError(t, err)
				return setup{environment: principal.Environment}
			},
			want: oci.PrincipalResource,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{})
			collector := c.startWithSecret(t, c.addSecret(t, c.privateKey(t)), test.prepare(t, c))
			c.requireFlow(t, collector)
			found := false
			for _, request := range c.Requests() {
				if request.Service == oci.ServiceSecrets {
					found = true
					assert.Equal(t, test.want, request.Principal.Type)
				}
			}
			assert.True(t, found)
		})
	}
}

// The examples in the documentation of secrets work.
func TestDocumentedVault(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	secret := c.addSecret(t, fmt.Sprintf(`{"private": %q}`, c.privateKey(t)))
	blocks := harness.PageBlocks(t, "docs/configuration.md", "secret from Vault", "yaml")
	require.Len(t, blocks, 1)
	const example = "ocid1.vaultsecret.oc1.eu-frankfurt-1.amaaaaaaexample"
	require.Contains(t, blocks[0], example)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: c.UploadEndpoint(), Environment: c.vaultEnvironment(t), Overrides: strings.ReplaceAll(blocks[0], example, secret),
	})
	c.requireFlow(t, collector)
}

func TestVaultNotInPrintConfig(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	key := c.privateKey(t)
	env := append(c.vaultEnvironment(t), "APM_ENDPOINT="+c.UploadEndpoint())
	output, code := harness.RunCollector(t, env, "print-config", "--config", harness.ConfigFile(t, "agent.yaml"),
		"--config", "yaml:exporters::oci_apm::data_key: ${ocivault:"+c.addSecret(t, key)+"}")
	require.Zero(t, code, output)
	assert.Contains(t, output, "data_key: '[REDACTED]'")
	requireNoSecret(t, "print-config", output, map[string]string{"the key": key})
}
