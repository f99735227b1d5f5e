// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	domainEndpoint = "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"
	domainID       = "ocid1.apmdomain.oc1.eu-frankfurt-1.aaaabbbb"
)

// Each ready configuration needs only an endpoint and a key. Those that are given after
// another one have their own tests.
func TestReadyConfigurationsAreValid(t *testing.T) {
	files, err := filepath.Glob(harness.ConfigFile(t, "*.yaml"))
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(file string) bool {
		name := filepath.Base(file)
		return strings.HasPrefix(name, "oci-") || name == "red-metrics.yaml" || name == "budget.yaml"
	})
	require.Len(t, files, 3)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			env := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
			output, code := harness.RunCollector(t, env, "validate", "--config", file)
			assert.Zero(t, code)
			assert.Empty(t, output)

			output, code = harness.RunCollector(t, nil, "validate", "--config", file)
			assert.Equal(t, 1, code)
			assert.Contains(t, output, "endpoint: it is empty")
			assert.Contains(t, output, "data_key: no data key")
		})
	}
}

// red-metrics.yaml is for agents and gateways.
func TestREDMetricsAreValid(t *testing.T) {
	env := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
	for _, file := range []string{"agent.yaml", "gateway.yaml"} {
		output, code := harness.RunCollector(t, env, "validate", "--config", harness.ConfigFile(t, file), "--config", harness.ConfigFile(t, "red-metrics.yaml"))
		assert.Zero(t, code)
		assert.Empty(t, output)
	}
}

// budget.yaml is for agents, after red-metrics.yaml. It needs the number of spans.
func TestBudgetIsValid(t *testing.T) {
	args := []string{"validate", "--config", harness.ConfigFile(t, "agent.yaml"), "--config", harness.ConfigFile(t, "red-metrics.yaml"), "--config", harness.ConfigFile(t, "budget.yaml")}
	env := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
	for _, more := range [][]string{{"SPANS_PER_HOUR=1000"}, {"SPANS_PER_HOUR=100000", "SPAN_BUDGET_INSTANCES=3"}, {"SPANS_PER_HOUR=1000000", "SPAN_BUDGET_INSTANCES=dns:agents.shop.svc"}} {
		output, code := harness.RunCollector(t, append(slices.Clone(env), more...), args...)
		assert.Zero(t, code)
		assert.Empty(t, output)
	}
	output, code := harness.RunCollector(t, env, args...)
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "spans_per_hour: is not set; write how many spans an hour may be uploaded, such as 100000")
}

// On OCI the domain's OCID replaces both.
func TestPresetOfComputeIsValid(t *testing.T) {
	args := []string{"validate", "--config", harness.ConfigFile(t, "agent.yaml"), "--config", harness.ConfigFile(t, "oci-agent.yaml")}
	output, code := harness.RunCollector(t, []string{"APM_DOMAIN_ID=" + domainID}, args...)
	assert.Zero(t, code)
	assert.Empty(t, output)

	output, code = harness.RunCollector(t, nil, args...)
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "exporters::oci_apm: ")
	assert.Contains(t, output, "apm_domain_id")
}

// Mistakes that users make, and the errors that they get.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	const (
		keyFromFile = `{exporters: {oci_apm: {data_key: "", data_key_file: "${env:KEY_FILE}"}}}`
		askEndpoint = "write the Data Upload Endpoint of the APM domain, https://<prefix>.apm-agt.<region>.oci.oraclecloud.com"
	)

	tests := []struct {
		name     string
		endpoint string
		key      string
		keyFile  string
		override string
		want     string // "" means that the configuration is valid
	}{
		{name: "nothing wrong", endpoint: domainEndpoint, key: harness.PrivateKey},
		{name: "no endpoint", key: harness.PrivateKey, want: "exporters::oci_apm: endpoint: it is empty; " + askEndpoint},
		{
			name: "placeholders left unfilled", key: harness.PrivateKey,
			endpoint: "https://<apm-domain>.apm-agt.<region>.oci.oraclecloud.com",
			want:     "exporters::oci_apm: endpoint: it still has a <placeholder> in it; " + askEndpoint,
		},
		{name: "full upload URL", endpoint: domainEndpoint + "/20200101/opentelemetry/v1/traces", key: harness.PrivateKey},
		{
			name: "path of another product", endpoint: domainEndpoint + "/v1/traces", key: harness.PrivateKey,
			want: "endpoint: path /v1/traces is not one of OCI APM's upload paths; write " + domainEndpoint,
		},
		{
			name: "control plane", endpoint: "https://apm-trace.eu-frankfurt-1.oci.oraclecloud.com", key: harness.PrivateKey,
			want: "endpoint: apm-trace.eu-frankfurt-1.oci.oraclecloud.com is a management host of OCI, which accepts no uploads; " + askEndpoint,
		},
		{
			name: "plain http to another host", endpoint: "http://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com", key: harness.PrivateKey,
			want: "would send the data key unencrypted over the network; write https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com",
		},
		{name: "no key", endpoint: domainEndpoint, want: "exporters::oci_apm: data_key: no data key; set data_key: ${env:APM_DATA_KEY}"},
		{
			name: "both keys", endpoint: domainEndpoint, key: harness.PrivateKey, keyFile: file("both", harness.PrivateKey),
			override: `{exporters: {oci_apm: {data_key_file: "${env:KEY_FILE}"}}}`,
			want:     "exporters::oci_apm: data_key and data_key_file are both set; keep one of them",
		},
		{
			name: "key file is missing", endpoint: domainEndpoint, keyFile: filepath.Join(dir, "missing"), override: keyFromFile,
			want: "exporters::oci_apm: data_key_file: " + filepath.Join(dir, "missing") + " does not exist; write the domain's data key into it, or correct the path",
		},
		{
			name: "key file is empty", endpoint: domainEndpoint, keyFile: file("empty", ""), override: keyFromFile,
			want: "exporters::oci_apm: data_key_file: " + filepath.Join(dir, "empty") + ": it is empty; write the domain's data key",
		},
		{name: "key file ends in a newline", endpoint: domainEndpoint, keyFile: file("newline", harness.PrivateKey+"\n"), override: keyFromFile},
		{
			name: "key with a line end inside", endpoint: domainEndpoint, key: harness.PrivateKey + "\n" + harness.PrivateKey,
			want: "exporters::oci_apm: data_key: it contains a space or a line break; copy the key again, in one piece",
		},
		{name: "key of digits", endpoint: domainEndpoint, key: "0123456789012345678901234567890123"},
		{
			name: "unknown field", endpoint: domainEndpoint, key: harness.PrivateKey,
			override: "{exporters: {oci_apm: {datakey: x}}}",
			want:     `exporters::oci_apm has no setting "datakey": correct its name or its indentation`,
		},
		{
			name: "metrics with a public key", endpoint: domainEndpoint, key: harness.PublicKey,
			override: "{exporters: {oci_apm: {data_key_type: public}}}",
			want:     "data_key_type: OCI APM accepts metrics and logs with a private data key only; set data_key_type: private",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := []string{"APM_ENDPOINT=" + tt.endpoint, "APM_DATA_KEY=" + tt.key, "KEY_FILE=" + tt.keyFile}
			args := []string{"validate", "--config", harness.ConfigFile(t, "agent.yaml")}
			if tt.override != "" {
				args = append(args, "--config", "yaml:"+tt.override)
			}
			output, code := harness.RunCollector(t, env, args...)
			requireClean(t, "the output of validate", output)
			if tt.want == "" {
				assert.Zero(t, code, output)
				assert.Empty(t, output)
				return
			}
			assert.Equal(t, 1, code)
			assert.Contains(t, output, tt.want)

			// Starting the collector fails with the same error.
			output, code = harness.RunCollector(t, env, args[1:]...)
			requireClean(t, "the output of a start", output)
			assert.Equal(t, 1, code)
			assert.Contains(t, output, tt.want)
		})
	}
}

// The types of the three components and their shorter aliases.
func TestComponentTypesAndAliases(t *testing.T) {
	env := []string{"APM_ENDPOINT=" + domainEndpoint, "APM_DATA_KEY=" + harness.PrivateKey}
	for _, names := range [][3]string{
		{"db_span_enricher", "peer_service", "oci_apm"},
		{"dbspanenricher", "peerservice", "ociapm"},
	} {
		config := `
receivers: {otlp: {protocols: {grpc: }}}
processors: {` + names[0] + `: , ` + names[1] + `: }
exporters: {` + names[2] + `: {endpoint: "${env:APM_ENDPOINT}", data_key: "${env:APM_DATA_KEY}"}}
service: {pipelines: {traces: {receivers: [otlp], processors: [` + names[0] + `, ` + names[1] + `], exporters: [` + names[2] + `]}}}`
		output, code := harness.RunCollector(t, env, "validate", "--config", "yaml:"+config)
		assert.Zero(t, code, "%v: %s", names, output)
	}

	output, code := harness.RunCollector(t, nil, "components")
	require.Zero(t, code)
	for _, name := range []string{"db_span_enricher", "peer_service", "oci_apm"} {
		assert.Contains(t, output, "name: "+name+"\n")
	}
}

// The documented example of a user's own configuration.
func TestDocumentedConfiguration(t *testing.T) {
	blocks := harness.PageBlocks(t, "docs/configuration.md", "own configuration", "yaml")
	require.Len(t, blocks, 1)
	key := filepath.Join(t.TempDir(), "data_key")
	require.NoError(t, os.WriteFile(key, []byte(harness.PrivateKey), 0o600))
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Overrides: strings.ReplaceAll(blocks[0], "/etc/otelcol-ociapm/data_key", key),
		Endpoint:  sandbox.URL, DataKey: "replaced by the file",
	})
	td := databaseSpan(1)
	attributes := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	attributes.PutStr("db.system.name", "oracle.db")
	attributes.PutStr("db.namespace", "g1_orders_high.adb.oraclecloud.com")
	attributes.PutStr("db.query.text", "SELECT id FROM orders WHERE card = '4111'")
	newOTLPClient(t, collector.GRPC).send(t, td)
	sandbox.AwaitSpans(t, 1)
	span := sandbox.Spans(t)[0]
	assert.Equal(t, "oracle-adb", span.Attributes["peer.service"])
	assert.Equal(t, "SELECT id FROM orders WHERE card = ?", span.Attributes["db.statement"])
}

// SIGHUP reloads the configuration, as it does in any collector.
func TestReload(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	rule := func(name string) string {
		return "processors: {peer_service: {rules: [{match: {db.system: postgresql}, name: " + name + "}]}}"
	}
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Overrides: rule("before"),
	})
	newOTLPClient(t, collector.GRPC).send(t, databaseSpan(1))

	require.NoError(t, os.WriteFile(collector.OverridesFile, []byte(rule("after")), 0o600))
	collector.Signal(t, syscall.SIGHUP)
	collector.AwaitOutput(t, `(?s)Everything is ready.*Everything is ready`)
	newOTLPClient(t, collector.GRPC).send(t, databaseSpan(2))

	sandbox.AwaitSpans(t, 2)
	names := map[string]any{}
	for _, span := range sandbox.Spans(t) {
		names[span.SpanID] = span.Attributes["peer.service"]
	}
	assert.Equal(t, map[string]any{"0000000000000001": "before", "0000000000000002": "after"}, names)
	requireClean(t, "the log of a reload", collector.Output())
}
