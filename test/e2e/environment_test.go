// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Malformed entries in variables that apps on the same machine also read must not keep a
// collector from starting: only the malformed entry is ignored.
func TestMalformedResourceAttributes(t *testing.T) {
	domain := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
	for _, tt := range []struct {
		name      string
		variable  string
		want      map[string]string
		complaint string
	}{
		{
			name: "no equals sign", variable: "OTEL_RESOURCE_ATTRIBUTES=beta,team=shop", want: map[string]string{"team": "shop"},
			complaint: `OTEL_RESOURCE_ATTRIBUTES: entry 1 is ignored, for it has no "="`,
		},
		{
			name: "not percent-encoded", variable: "OTEL_RESOURCE_ATTRIBUTES=discount=100%,team=C++", want: map[string]string{"discount": "100%", "team": "C++"},
			complaint: `"discount=100%" is taken as it is`,
		},
		{name: "not ASCII", variable: "OTEL_RESOURCE_ATTRIBUTES=team=Zürich", want: map[string]string{"team": "Zürich"}},
		{name: "the older name", variable: "OTEL_RESOURCE=team=shop,,beta", want: map[string]string{"team": "shop"}, complaint: `OTEL_RESOURCE: entry 3 is ignored`},
		{name: "empty", variable: "OTEL_RESOURCE_ATTRIBUTES="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, config := range []string{"agent.yaml", "sidecar.yaml"} {
				sandbox := harness.StartSandbox(t)
				collector := harness.StartCollector(t, harness.CollectorOptions{
					Config: config, Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Environment: []string{tt.variable},
				})
				newOTLPClient(t, collector.GRPC).send(t, databaseSpan(1))
				sandbox.AwaitSpans(t, 1)
				resource := sandbox.Spans(t)[0].Resource
				for key, value := range tt.want {
					assert.Equal(t, value, resource[key], "%s, %s", config, key)
				}
				assert.NotContains(t, resource, "beta")
				requireWarning(t, collector.Output(), tt.complaint)

				output, code := harness.RunCollector(t, append(domain, tt.variable), "validate", "--config", harness.ConfigFile(t, config))
				assert.Zero(t, code, output)
				requireWarning(t, output, tt.complaint)
			}

			// Commands that need no configuration do not fail either.
			output, code := harness.RunCollector(t, []string{tt.variable}, "components")
			assert.Zero(t, code)
			assert.Contains(t, output, "name: oci_apm\n")
		})
	}
}

// requireWarning requires that a complaint is logged as a warning, or that there is no
// such warning if complaint is empty.
func requireWarning(t *testing.T, output, complaint string) {
	t.Helper()
	if complaint == "" {
		assert.NotContains(t, output, "OTEL_RESOURCE")
		return
	}
	assert.Regexp(t, `(?m)^\S+\twarn\t.*`+regexp.QuoteMeta(complaint), output)
}

var defaultedVariable = regexp.MustCompile(`\$\{env:(\w+):-`)

// A variable that is set but blank, as in compose files and charts, counts as unset if a
// shipped configuration has a default for it.
func TestBlankVariableIsUnset(t *testing.T) {
	names := map[string]bool{}
	for _, folder := range []string{"config", "deploy"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(harness.Root(t), folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			for _, match := range defaultedVariable.FindAllStringSubmatch(string(content), -1) {
				names[match[1]] = true
			}
			return err
		}))
	}
	require.Subset(t, names, map[string]bool{"OTELCOL_MEMORY_LIMIT_MIB": true, "OTELCOL_QUEUE_DIRECTORY": true, "OCI_AUTH_TYPE": true})

	for name := range names {
		config := `{receivers: {otlp: {protocols: {http: }}}, exporters: {debug: }, extensions: {file_storage: {directory: "${env:` + name + `:-/the/default}"}}, service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}}`
		for value, want := range map[string]string{"": "directory: /the/default\n", " ": "directory: /the/default\n", "/set": "directory: /set\n"} {
			output, code := harness.RunCollector(t, []string{name + "=" + value}, "print-config", "--validate=false", "--config",
				"yaml:"+config)
			require.Zero(t, code, output)
			assert.Contains(t, output, want, "%s=%q", name, value)
		}
	}
}

// The ready configurations are the same with all optional variables blank and with none
// set.
func TestReadyConfigurationsWithBlankVariables(t *testing.T) {
	domain := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
	unset := slices.Concat(domain, []string{"OTELCOL_QUEUE_DIRECTORY=/var/lib/otelcol-ociapm/queue"}) // otherwise the harness sets it
	blank := slices.Concat(domain, []string{"OTELCOL_QUEUE_DIRECTORY=", "OTELCOL_MEMORY_LIMIT_MIB=", "OCI_AUTH_TYPE=", "APM_DOMAIN_ID="})
	for _, config := range []string{"agent.yaml", "sidecar.yaml", "gateway.yaml"} {
		t.Run(config, func(t *testing.T) {
			args := []string{"--config", harness.ConfigFile(t, config)}
			output, code := harness.RunCollector(t, blank, append([]string{"validate"}, args...)...)
			assert.Zero(t, code)
			assert.Empty(t, output)

			want, code := harness.RunCollector(t, unset, append([]string{"print-config"}, args...)...)
			require.Zero(t, code, want)
			got, code := harness.RunCollector(t, blank, append([]string{"print-config"}, args...)...)
			require.Zero(t, code, got)
			assert.Equal(t, want, got)

			// A blank required variable is reported as missing.
			output, code = harness.RunCollector(t, []string{"APM_ENDPOINT= ", "APM_DATA_KEY= "}, append([]string{"validate"}, args...)...)
			assert.Equal(t, 1, code)
			assert.Contains(t, output, "endpoint: it is empty")
			assert.Contains(t, output, "data_key: no data key")
		})
	}

	args := []string{"--config", harness.ConfigFile(t, "agent.yaml"), "--config", harness.ConfigFile(t, "oci-agent.yaml")}
	output, code := harness.RunCollector(t, []string{"APM_DOMAIN_ID=" + domainID, "OCI_AUTH_TYPE="}, append([]string{"print-config"}, args...)...)
	require.Zero(t, code, output)
	assert.Contains(t, output, "type: instance_principal\n")
}
