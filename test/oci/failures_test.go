// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Whatever prevents the discovery of the domain, the collector starts, accepts and
// queues spans, and logs in one sentence what to do. Once that is done, every span
// arrives, without a restart.
func TestDiscoveryFailures(t *testing.T) {
	const held = `The APM domain cannot be discovered: uploads are queued and retried`
	instance := func() setup { return setup{auth: "type: instance_principal"} }
	tests := []struct {
		name string
		// prepare returns how to start the collector, and a function that fixes the
		// problem; nil if it cannot be fixed while the collector runs.
		prepare func(*testing.T, *cloud) (s setup, mend func())
		want    string
		readme  string // the part of the message that the exporter's README.md lists
	}{
		{
			name: "no policy for the keys",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Operation: oci.OperationListDataKeys, Status: 404})
			},
			readme: `OCI refuses ListDataKeys`,
			want:   `OCI refuses ListDataKeys in us-phoenix-1 (404 NotAuthorizedOrNotFound): write the policy statement \"Allow dynamic-group <group of the machine> to use apm-domains in compartment <compartment of the APM domain>\" (opc-request-id `,
		},
		{
			name: "no policy at all",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAPM, Status: 404})
			},
			readme: `OCI refuses GetApmDomain`,
			want:   `OCI refuses GetApmDomain in us-phoenix-1 (404 NotAuthorizedOrNotFound): write the policy statement \"Allow dynamic-group <group of the machine> to read apm-domains in compartment <compartment of the APM domain>\", or correct the OCID if us-phoenix-1 has no APM domain ocid1.apmdomain.`,
		},
		{
			name: "no policy for a pod",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return inPod(t, c, setup{}), c.fault(t, oci.Fault{Operation: oci.OperationListDataKeys, Status: 404})
			},
			readme: `Allow any-user to use apm-domains in compartment`,
			want:   `\"Allow any-user to use apm-domains in compartment <compartment of the APM domain> where all {request.principal.type = 'workload', request.principal.namespace = '<namespace>', request.principal.service_account = '<service account>', request.principal.cluster_id = '<OCID of the cluster>'}\"`,
		},
		{
			name: "no policy for a user",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "config_file: " + file.Path}, c.fault(t, oci.Fault{Operation: oci.OperationListDataKeys, Status: 404})
			},
			readme: `Allow group <group of the user> to use apm-domains`,
			want:   `\"Allow group <group of the user> to use apm-domains in compartment <compartment of the APM domain>\"`,
		},
		{
			name: "domain that does not exist",
			prepare: func(_ *testing.T, c *cloud) (setup, func()) {
				return setup{domain: c.UnknownDomainID()}, nil
			},
			readme: `or correct the OCID if`,
			want:   `or correct the OCID if us-phoenix-1 has no APM domain ocid1.apmdomain.`,
		},
		{
			name: "wrong region",
			prepare: func(_ *testing.T, c *cloud) (setup, func()) {
				return setup{domain: strings.Replace(c.DomainID(), ".phx.", ".fra.", 1)}, nil
			},
			readme: `or correct the OCID if`,
			want:   `or correct the OCID if eu-frankfurt-1 has no APM domain ocid1.apmdomain.oc1.fra.`,
		},
		{
			name: "domain that is being created",
			prepare: func(_ *testing.T, c *cloud) (setup, func()) {
				c.SetDomainState("CREATING")
				return instance(), func() { c.SetDomainState(oci.DomainActive) }
			},
			readme: `is still CREATING`,
			want:   `is still CREATING: the exporter retries until it is ACTIVE`,
		},
		{
			name: "domain that is being deleted",
			prepare: func(_ *testing.T, c *cloud) (setup, func()) {
				c.SetDomainState(oci.DomainDeleting)
				return instance(), nil
			},
			readme: `set apm_domain_id to the OCID of another domain`,
			want:   `is DELETING: set apm_domain_id to the OCID of another domain`,
		},
		{
			name: "clock ten minutes slow",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				c.SetClockOffset(10 * time.Minute)
				return setup{auth: "config_file: " + file.Path}, func() { c.SetClockOffset(0) }
			},
			readme: `the clock of this machine is`,
			want:   `the clock of this machine is 10m0s behind OCI's, and OCI accepts 5m0s: set it, with chrony or NTP`,
		},
		{
			name: "clock of an instance ten minutes fast",
			prepare: func(_ *testing.T, c *cloud) (setup, func()) {
				c.SetClockOffset(-10 * time.Minute)
				return instance(), func() { c.SetClockOffset(0) }
			},
			readme: `the clock of this machine is`,
			want:   `the clock of this machine is 10m0s ahead of OCI's, and OCI accepts 5m0s: set it, with chrony or NTP`,
		},
		{
			name: "session that has expired",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				dir := t.TempDir()
				c.SetTokenLifetime(time.Second)
				file, err := c.WriteConfigFile(dir)
				require.NoError(t, err)
				time.Sleep(1100 * time.Millisecond) // until it has
				c.SetTokenLifetime(time.Hour)
				return setup{auth: "type: session_token, profile: " + oci.ProfileSession + ", config_file: " + file.Path}, func() {
					_, err := c.WriteConfigFile(dir)
					require.NoError(t, err)
				}
			},
			readme: `run oci session authenticate --profile-name`,
			want:   `run oci session authenticate --profile-name ` + oci.ProfileSession + `; before it expires, oci session refresh --profile ` + oci.ProfileSession + ` renews it`,
		},
		{
			name: "session revoked by OCI",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				dir := t.TempDir()
				file, err := c.WriteConfigFile(dir)
				require.NoError(t, err)
				c.ExpireTokens()
				return setup{auth: "type: session_token, profile: " + oci.ProfileSession + ", config_file: " + file.Path}, func() {
					_, err := c.WriteConfigFile(dir)
					require.NoError(t, err)
				}
			},
			readme: `run oci session authenticate --profile-name`,
			want:   `OCI does not accept the signature of GetApmDomain in us-phoenix-1 (401 NotAuthenticated): run oci session authenticate --profile-name ` + oci.ProfileSession,
		},
		{
			name: "token of a function that has expired",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				dir := t.TempDir()
				c.SetTokenLifetime(time.Second)
				principal, err := c.WriteResourcePrincipal(dir)
				require.NoError(t, err)
				time.Sleep(1100 * time.Millisecond) // until it has
				c.SetTokenLifetime(time.Hour)
				return setup{auth: "type: resource_principal", environment: principal.Environment}, func() {
					_, err := c.WriteResourcePrincipal(dir)
					require.NoError(t, err)
				}
			},
			readme: `the token in OCI_RESOURCE_PRINCIPAL_RPST expired at`,
			want:   `the token in OCI_RESOURCE_PRINCIPAL_RPST expired at `,
		},
		{
			name: "API key that OCI does not know",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "profile: " + oci.ProfileUnknownKey + ", config_file: " + file.Path}, nil
			},
			readme: `check tenancy, user, fingerprint and key_file of profile`,
			want:   `OCI does not accept the signature of GetApmDomain in us-phoenix-1 (401 NotAuthenticated): check tenancy, user, fingerprint and key_file of profile [` + oci.ProfileUnknownKey + `] in `,
		},
		{
			name: "throttled control plane",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAPM, Status: 429, RetryAfter: "2"})
			},
			readme: `OCI throttles GetApmDomain`,
			want:   `OCI throttles GetApmDomain in us-phoenix-1 (429 TooManyRequests); it is asked again later, ever less often`,
		},
		{
			name: "control plane returns 503",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAPM, Status: 503})
			},
			readme: `with 503 ServiceUnavailable; it is asked again later`,
			want:   `OCI answered GetApmDomain in us-phoenix-1 with 503 ServiceUnavailable; it is asked again later`,
		},
		{
			name: "control plane down",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAPM, Down: true})
			},
			readme: `the OCI service for GetApmDomain in`,
			want:   `the OCI service for GetApmDomain in us-phoenix-1 does not answer (the proxy answers 502 Bad Gateway); allow outbound HTTPS to it, or set HTTPS_PROXY; it is asked again later`,
		},
		{
			name: "control plane resets connections",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAPM, Reset: true})
			},
			readme: `the OCI service for GetApmDomain in`,
			want:   `the OCI service for GetApmDomain in us-phoenix-1 does not answer (the connection broke off)`,
		},
		{
			name: "token service down",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAuth, Down: true})
			},
			readme: `does not answer (`,
			want:   `the token service auth.us-phoenix-1.oraclecloud.com does not answer (the proxy answers 502 Bad Gateway)`,
		},
		{
			name: "token service returns 401",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceAuth, Status: 401})
			},
			readme: `refused the certificate of this instance with 401`,
			want:   `the token service auth.us-phoenix-1.oraclecloud.com refused the certificate of this instance with 401`,
		},
		{
			name: "machine without a metadata service",
			prepare: func(*testing.T, *cloud) (setup, func()) {
				s := instance()
				s.environment = []string{"OCI_METADATA_BASE_URL=http://127.0.0.1:1/opc/v2"} // nothing listens there
				return s, nil
			},
			readme: `no instance metadata service answers at`,
			want:   `no instance metadata service answers at 127.0.0.1:1 (connection refused); auth type instance_principal works on Compute instances of OCI only: elsewhere set auth::type to config_file, or endpoint and data_key instead of apm_domain_id`,
		},
		{
			name: "metadata service not of OCI",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return instance(), c.fault(t, oci.Fault{Service: oci.ServiceMetadata, Status: 404})
			},
			readme: `answered /opc/v2/instance/region with 404`,
			want:   `the instance metadata service at 169.254.169.254 answered /opc/v2/instance/region with 404`,
		},
		{
			name: "workload identity outside of a cluster",
			prepare: func(*testing.T, *cloud) (setup, func()) {
				return setup{auth: "type: workload_identity"}, nil
			},
			readme: `auth type workload_identity works in pods of an enhanced OKE cluster`,
			want:   `auth type workload_identity works in pods of an enhanced OKE cluster, with automountServiceAccountToken: true; elsewhere set another auth::type`,
		},
		{
			name: "pod without the variables",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				s := inPod(t, c, setup{auth: "type: workload_identity"})
				s.environment = append(s.environment, "OCI_RESOURCE_PRINCIPAL_REGION=")
				return s, nil
			},
			readme: `and OCI_RESOURCE_PRINCIPAL_REGION to the region of the cluster`,
			want:   `set OCI_RESOURCE_PRINCIPAL_VERSION to \"2.2\" and OCI_RESOURCE_PRINCIPAL_REGION to the region of the cluster`,
		},
		{
			name: "basic cluster",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				return inPod(t, c, setup{}), c.fault(t, oci.Fault{Service: oci.ServiceProxymux, Status: 403})
			},
			readme: `OKE refuses workload identity to this pod (403)`,
			want:   `OKE refuses workload identity to this pod (403): it needs an enhanced cluster; upgrade the cluster, or set another auth::type`,
		},
		{
			name: "resource principal outside of OCI",
			prepare: func(*testing.T, *cloud) (setup, func()) {
				return setup{auth: "type: resource_principal"}, nil
			},
			readme: `the environment has no OCI_RESOURCE_PRINCIPAL_VERSION`,
			want:   `the environment has no OCI_RESOURCE_PRINCIPAL_VERSION: auth type resource_principal works where OCI sets it`,
		},
		{
			name: "no configuration file",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				dir := t.TempDir()
				return setup{auth: "type: config_file, config_file: " + filepath.Join(dir, "config")}, func() {
					_, err := c.WriteConfigFile(dir)
					require.NoError(t, err)
				}
			},
			readme: `does not exist: write it with oci setup config`,
			want:   `/config does not exist: write it with oci setup config, or name another in auth::config_file`,
		},
		{
			name: "no such profile",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				return setup{auth: "profile: nobody, config_file: " + file.Path}, nil
			},
			readme: `has no profile [`,
			want:   ` has no profile [nobody]: add it with oci setup config, or write auth::profile`,
		},
		{
			name: "no key file",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				dir := t.TempDir()
				file, err := c.WriteConfigFile(dir)
				require.NoError(t, err)
				require.NoError(t, os.Remove(file.Keys[0]))
				return setup{auth: "config_file: " + file.Path}, func() {
					_, err := c.WriteConfigFile(dir)
					require.NoError(t, err)
				}
			},
			readme: `does not exist: correct key_file in the OCI configuration file`,
			want:   `.pem does not exist: correct key_file in the OCI configuration file`,
		},
		{
			name: "wrong pass phrase",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				dir := t.TempDir()
				file, err := c.WriteConfigFile(dir)
				require.NoError(t, err)
				content, err := os.ReadFile(file.Path)
				require.NoError(t, err)
				wrong := strings.Replace(string(content), file.PassPhrase, "not-the-phrase", 1)
				require.NoError(t, os.WriteFile(file.Path, []byte(wrong), 0o600))
				return setup{auth: "profile: " + oci.ProfileEncrypted + ", config_file: " + file.Path}, func() {
					require.NoError(t, os.WriteFile(file.Path, content, 0o600))
				}
			},
			readme: `does not open with the pass_phrase of the profile`,
			want:   `does not open with the pass_phrase of the profile: correct pass_phrase in the OCI configuration file`,
		},
		{
			name: "no pass phrase",
			prepare: func(t *testing.T, c *cloud) (setup, func()) {
				file, err := c.WriteConfigFile(t.TempDir())
				require.NoError(t, err)
				content, err := os.ReadFile(file.Path)
				require.NoError(t, err)
				without := strings.Replace(string(content), "pass_phrase=", "no_phrase=", 1)
				require.NoError(t, os.WriteFile(file.Path, []byte(without), 0o600))
				return setup{auth: "profile: " + oci.ProfileEncrypted + ", config_file: " + file.Path}, func() {
					require.NoError(t, os.WriteFile(file.Path, content, 0o600))
				}
			},
			readme: `is encrypted: write its pass_phrase into the profile`,
			want:   `is encrypted: write its pass_phrase into the profile of the OCI configuration file`,
		},
	}
	readme, err := os.ReadFile(filepath.Join(harness.Root(t), "ociapmexporter", "README.md"))
	require.NoError(t, err)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, tt.want, tt.readme)
			assert.Contains(t, string(readme), tt.readme)
			c := startCloud(t, oci.Config{})
			s, mend := tt.prepare(t, c)
			collector := c.startCollector(t, s)
			load := startLoad(t, collector)
			collector.AwaitOutput(t, held+`.*`+regexp.QuoteMeta(tt.want))
			require.Equal(t, 1, strings.Count(collector.Output(), held), "one line for three signals")
			if mend == nil {
				load.Finish()
				require.Empty(t, load.Refused())
				return
			}
			mend()
			c.awaitStored(t, 1)
			c.requireAllStored(t, load)
		})
	}
}
