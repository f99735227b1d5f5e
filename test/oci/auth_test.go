// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

// From the domain's OCID to stored spans, with every type of credentials.
func TestEveryTypeOfCredentials(t *testing.T) {
	tests := []struct {
		name string
		// prepare creates the credentials and returns how to use them.
		prepare func(*testing.T, *cloud) setup
		want    oci.PrincipalType
		said    string
	}{
		{
			name: "instance principal",
			prepare: func(*testing.T, *cloud) setup {
				return setup{auth: "type: instance_principal"}
			},
			want: oci.PrincipalInstance, said: "instance_principal",
		},
		{
			name: "first credentials found",
			prepare: func(*testing.T, *cloud) setup {
				return setup{}
			},
			want: oci.PrincipalInstance, said: "instance_principal",
		},
		{
			name: "workload identity",
			prepare: func(t *testing.T, c *cloud) setup {
				return inPod(t, c, setup{auth: "type: workload_identity"})
			},
			want: oci.PrincipalWorkload, said: "workload_identity",
		},
		{
			name: "a pod with both",
			prepare: func(t *testing.T, c *cloud) setup {
				return inPod(t, c, setup{})
			},
			want: oci.PrincipalWorkload, said: "workload_identity",
		},
		{
			name: "resource principal",
			prepare: func(t *testing.T, c *cloud) setup {
				principal, err := c.WriteResourcePrincipal(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "type: resource_principal", environment: principal.Environment}
			},
			want: oci.PrincipalResource, said: "resource_principal",
		},
		{
			name: "configuration file",
			prepare: func(t *testing.T, c *cloud) setup {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "type: config_file, config_file: " + file.Path}
			},
			want: oci.PrincipalUser, said: "config_file",
		},
		{
			name: "configuration file with an encrypted key",
			prepare: func(t *testing.T, c *cloud) setup {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "profile: " + oci.ProfileEncrypted, environment: []string{"OCI_CONFIG_FILE=" + file.Path}}
			},
			want: oci.PrincipalUser, said: "config_file",
		},
		{
			name: "session token",
			prepare: func(t *testing.T, c *cloud) setup {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "type: session_token, profile: " + oci.ProfileSession + ", config_file: " + file.Path}
			},
			want: oci.PrincipalUser, said: "session_token",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The domain is in another region than the machine: its OCID names the
			// region.
			c := startCloud(t, oci.Config{Region: "us-phoenix-1", DomainRegion: "eu-frankfurt-1"})
			collector := c.startCollector(t, tt.prepare(t, c))
			collector.AwaitOutput(t, `Discovered the APM domain: .*"auth": "`+tt.said+`"`)
			c.requireFlow(t, collector)
			for _, request := range c.Requests() {
				if request.Service == oci.ServiceAPM {
					assert.Equal(t, tt.want, request.Principal.Type)
					assert.Equal(t, "eu-frankfurt-1", request.Region)
				}
			}
			// Three signals share one discovery.
			assert.Equal(t, 1, c.Count(oci.OperationGetAPMDomain, 200))
			assert.Equal(t, 1, c.Count(oci.OperationListDataKeys, 200))
			assert.Empty(t, c.Refused(), "the collector contacted hosts that are not OCI's")
			require.Zero(t, collector.Stop(t))
		})
	}
}

// serviceAccountFolder is where Kubernetes mounts the token of a pod's service
// account, and where the OCI SDK looks for it.
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// inPod makes the collector see a pod's service account, in a new mount namespace that
// leaves the machine unchanged.
func inPod(t *testing.T, c *cloud, s setup) setup {
	t.Helper()
	dir := t.TempDir()
	pod, err := c.StartCluster(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "token"), pod.TokenFile)
	s.environment = append(pod.Environment, s.environment...)
	s.wrapper = []string{"unshare", "--mount", "--map-root-user", "sh", "-ec", `
mount -t tmpfs tmpfs /var/run
mkdir -p "$1"
mount --bind "$0" "$1"
shift
exec "$@"`, dir, serviceAccountFolder}
	return s
}
