// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// sourced waits for a file and returns the environment of a shell that has
// sourced it.
func sourced(t *testing.T, file string) map[string]string {
	t.Helper()
	require.Eventually(t, func() bool {
		content, err := os.ReadFile(file) //nolint:gosec // the file that the command writes
		return err == nil && bytes.HasSuffix(content, []byte("'\n")) && bytes.Contains(content, []byte("APM_DOMAIN_ID"))
	}, waitFor, tick)
	command := exec.CommandContext(t.Context(), "sh", "-c", `. "$1" && env`, "sh", file) //nolint:gosec // the file that the command wrote
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := command.Output()
	require.NoError(t, err)
	environment := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		environment[name] = value
	}
	return environment
}

func TestOCI(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	uploads, stop := serve(t, "--oci", "--oci-listen", "127.0.0.1:0", "--oci-region", "eu-frankfurt-1", "--oci-dir", dir)
	envFile := filepath.Join(dir, "env")
	environment := sourced(t, envFile)
	assert.Equal(t, environment["HTTP_PROXY"], environment["HTTPS_PROXY"])
	assert.NotEmpty(t, environment["NO_PROXY"])
	assert.Contains(t, environment["APM_DOMAIN_ID"], "ocid1.apmdomain.oc1.eu-frankfurt-1.")

	// An SDK interprets these variables in this way.
	proxy, err := url.Parse(environment["HTTPS_PROXY"])
	require.NoError(t, err)
	ca, err := os.ReadFile(environment["SSL_CERT_FILE"])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	provider, err := common.ConfigurationProviderFromFile(environment["OCI_CONFIG_FILE"], "")
	require.NoError(t, err)
	client, err := apmcontrolplane.NewApmDomainClientWithConfigurationProvider(provider)
	require.NoError(t, err)
	client.HTTPClient = &http.Client{Transport: transport}
	keys, err := client.ListDataKeys(t.Context(), apmcontrolplane.ListDataKeysRequest{
		ApmDomainId: new(environment["APM_DOMAIN_ID"]), DataKeyType: apmcontrolplane.ListDataKeysDataKeyTypePrivate,
	})
	require.NoError(t, err)
	require.Len(t, keys.Items, 1)
	assert.Equal(t, 200, upload(t, uploads, apm.TracesPath, *keys.Items[0].Value))

	log, err := stop()
	require.NoError(t, err)
	assert.NotContains(t, log, *keys.Items[0].Value)
	assert.NoFileExists(t, environment["SSL_CERT_FILE"])
	assert.FileExists(t, environment["OCI_CONFIG_FILE"], "a directory given by the user is kept")
}

func TestOCITemporaryDirectory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := newCommand()
	cmd.SetArgs([]string{"--listen", "127.0.0.1:0", "--oci", "--oci-listen", "127.0.0.1:0"})
	out, log := &lockedBuffer{}, &lockedBuffer{}
	cmd.SetOut(out)
	cmd.SetErr(log)
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "export APM_DOMAIN_ID='") }, waitFor, tick)
	assert.Contains(t, out.String(), "emulated OCI ready at http://127.0.0.1:")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE", "OCI_CONFIG_FILE"} {
		assert.Contains(t, out.String(), "export "+name+"='")
	}
	cancel()
	require.NoError(t, <-done)
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestBadOCIFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, taken.Close()) })
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"taken", []string{"--oci-listen", taken.Addr().String()}, "or choose another address with --oci-listen"},
		{"others could reach it", []string{"--oci-listen", "0.0.0.0:0"}, "is not a loopback host:port"},
		{"no region", []string{"--oci-region", "phoenix"}, "not the identifier of a region"},
		{"no directory", []string{"--oci-dir", filepath.Join(file, "below")}, "--oci-dir: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			cmd := newCommand()
			cmd.SetArgs(append([]string{"--listen", "127.0.0.1:0", "--oci", "--oci-listen", "127.0.0.1:0"}, test.args...))
			cmd.SetOut(&bytes.Buffer{})
			cmd.SetErr(&bytes.Buffer{})
			require.ErrorContains(t, cmd.ExecuteContext(t.Context()), test.want)
			left, err := os.ReadDir(os.Getenv("TMPDIR"))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// TestReadme runs the examples for the emulated OCI's API in README.md.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(readme), "<!-- test: oci api -->\n```sh\n")
	require.True(t, found)
	script, _, found := strings.Cut(section, "```\n<!-- test end -->")
	require.True(t, found)

	dir := t.TempDir()
	_, stop := serve(t, "--oci", "--oci-listen", "127.0.0.1:0", "--oci-dir", dir)
	envFile := filepath.Join(dir, "env")
	proxy := sourced(t, envFile)["HTTP_PROXY"]
	script = strings.ReplaceAll(script, "http://"+defaultOCIListen, proxy) + "curl -s " + proxy + "/api/v1\n"
	out, err := exec.CommandContext(t.Context(), "sh", "-ec", script).CombinedOutput() //nolint:gosec // the README's
	require.NoError(t, err, "%s", out)
	answers := string(out)
	assert.NotContains(t, answers, `"error"`)
	for _, want := range []string{
		`"operation":"ListDataKeys","status":404`, `"retry_after":"30","times":3`, `"service":"apm-cp","down":true`, `{"deleted":3}`,
		`"requests":[]`, `"clock_offset":"10m0s"`,
	} {
		assert.Contains(t, answers, want)
	}
	_, err = stop()
	require.NoError(t, err)
}
