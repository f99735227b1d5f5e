// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

const (
	testEndpoint = "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"
	testKey      = "SECRETKEY0123456789"
)

func TestLoadConfig(t *testing.T) {
	cm, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	load := func(id component.ID) *Config {
		cfg := createDefaultConfig()
		sub, err := cm.Sub(id.String())
		require.NoError(t, err)
		require.NoError(t, sub.Unmarshal(cfg))
		require.NoError(t, confmap.Validate(cfg))
		return cfg.(*Config)
	}

	t.Run("defaults", func(t *testing.T) {
		expected := createDefaultConfig().(*Config)
		expected.ClientConfig.Endpoint = testEndpoint
		expected.DataKey = testKey
		assert.Equal(t, expected, load(component.NewID(metadata.Type)))
	})

	t.Run("domain", func(t *testing.T) {
		expected := createDefaultConfig().(*Config)
		expected.APMDomainID = testDomainID
		expected.Auth = ociauth.Config{Type: ociauth.TypeSessionToken, Profile: "dev", ConfigFile: "/etc/oci/config"}
		expected.RefreshInterval = time.Hour
		expected.domainIDWritten = true
		assert.Equal(t, expected, load(component.NewIDWithName(metadata.Type, "domain")))
	})

	t.Run("all settings", func(t *testing.T) {
		expected := createDefaultConfig().(*Config)
		expected.ClientConfig.Endpoint = testEndpoint + "/20200101/opentelemetry/private/v1/traces/"
		expected.DataKeyFile = "testdata/data_key"
		expected.DataKeyType = DataKeyTypePrivate
		expected.ClientConfig.Compression = "none"
		expected.ClientConfig.Timeout = 10 * time.Second
		expected.ClientConfig.ProxyURL = "http://proxy.example.com:3128"
		expected.RetryConfig.InitialInterval = time.Second
		expected.RetryConfig.MaxElapsedTime = 10 * time.Minute
		queue := expected.QueueConfig.Get()
		queue.NumConsumers = 2
		queue.Sizer = exporterhelper.RequestSizerTypeBytes
		queue.QueueSize = 1_000_000
		queue.Batch.Get().Sizer = exporterhelper.RequestSizerTypeItems
		queue.Batch.Get().MinSize = 1000
		queue.Batch.Get().MaxSize = 2000
		assert.Equal(t, expected, load(component.NewIDWithName(metadata.Type, "all_settings")))
	})
}

func TestDefaultConfig(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	assert.Equal(t, configcompression.TypeGzip, cfg.ClientConfig.Compression)
	assert.Equal(t, configcompression.Level(1), cfg.ClientConfig.CompressionParams.Level)
	assert.True(t, cfg.RetryConfig.Enabled)
	assert.Zero(t, cfg.RetryConfig.MaxElapsedTime, "uploads are retried without a time limit")
	assert.True(t, cfg.QueueConfig.HasValue())
	assert.True(t, cfg.QueueConfig.Get().Batch.HasValue())
}

// The error for each mistake names the field, what is wrong and what to write instead.
// It does not show the key.
func TestValidate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}

	tests := []struct {
		name    string
		yaml    map[string]any
		wantErr []string // the error has all of them; nil is no error
	}{
		{
			name: "key",
			yaml: map[string]any{"endpoint": testEndpoint, "data_key": testKey},
		},
		{
			name: "key with white space around it",
			yaml: map[string]any{"endpoint": testEndpoint, "data_key": " " + testKey + "\n"},
		},
		{
			name: "key file that ends in a newline",
			yaml: map[string]any{"endpoint": testEndpoint, "data_key_file": file("newline", testKey+"\r\n")},
		},
		{
			name: "no endpoint",
			yaml: map[string]any{"data_key": testKey},
			wantErr: []string{
				"endpoint: it is empty; write the Data Upload Endpoint of the APM domain, https://<prefix>.apm-agt.<region>.oci.oraclecloud.com",
			},
		},
		{
			name:    "no key",
			yaml:    map[string]any{"endpoint": testEndpoint},
			wantErr: []string{"data_key: no data key; set data_key: ${env:APM_DATA_KEY}"},
		},
		{
			name:    "both keys",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey, "data_key_file": file("both", testKey)},
			wantErr: []string{"data_key and data_key_file are both set; keep one of them"},
		},
		{
			name:    "key file is missing",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key_file": filepath.Join(dir, "missing")},
			wantErr: []string{"data_key_file: " + filepath.Join(dir, "missing") + " does not exist; write the domain's data key into it"},
		},
		{
			name:    "key file is a folder",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key_file": dir},
			wantErr: []string{"data_key_file: ", "is a directory"},
		},
		{
			name:    "key file is empty",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key_file": file("empty", " \n")},
			wantErr: []string{"data_key_file: ", "it is empty; write the domain's data key"},
		},
		{
			name:    "key file is something else",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key_file": file("large", string(make([]byte, maxDataKeyFileBytes+1)))},
			wantErr: []string{"data_key_file: ", "is too large to be a data key"},
		},
		{
			name:    "key file with two lines",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key_file": file("lines", testKey+"\n"+testKey+"\n")},
			wantErr: []string{"data_key_file: ", "it contains a space or a line break"},
		},
		{
			name:    "key with a line end inside",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey + "\nX-Injected: " + testKey},
			wantErr: []string{"data_key: it contains a space or a line break; copy the key again, in one piece"},
		},
		{
			name:    "key with a space inside",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey + " " + testKey},
			wantErr: []string{"data_key: it contains a space or a line break"},
		},
		{
			name:    "key that is the header's value",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": "dataKey " + testKey},
			wantErr: []string{"data_key: it begins with dataKey, as the Authorization header does; write only the key"},
		},
		{
			name:    "key that is a placeholder",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": "<your-private-data-key>"},
			wantErr: []string{"data_key: it is still a <placeholder>"},
		},
		{
			name:    "key with a control character",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey + "\x00"},
			wantErr: []string{"data_key: it contains a character that is not allowed in a header"},
		},
		{
			name:    "unknown type of key",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey, "data_key_type": "secret"},
			wantErr: []string{`data_key_type: "secret" is not a type of data key; write private or public, or leave it out`},
		},
		{
			name:    "path and type of key disagree",
			yaml:    map[string]any{"endpoint": testEndpoint + "/20200101/opentelemetry/public/v1/traces", "data_key": testKey, "data_key_type": "private"},
			wantErr: []string{"endpoint: its path is the one for public data keys, but data_key_type is private; write endpoint: " + testEndpoint},
		},
		{
			name:    "Authorization header",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey, "headers": map[string]any{"authorization": "dataKey " + testKey}},
			wantErr: []string{"headers: the exporter sets Authorization from the data key; remove it here"},
		},
		{
			name:    "authenticator",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey, "auth": map[string]any{"authenticator": "basicauth"}},
			wantErr: []string{"auth: OCI APM authenticates uploads by their data key only; remove auth"},
		},
		{
			name: "domain",
			yaml: map[string]any{"apm_domain_id": testDomainID},
		},
		{
			name: "domain with credentials",
			yaml: map[string]any{"apm_domain_id": testDomainID, "auth": map[string]any{"type": "config_file", "profile": "prod", "config_file": "/etc/oci/config"}, "data_key_type": "public", "refresh_interval": "1h"},
		},
		{
			name:    "domain that is empty",
			yaml:    map[string]any{"apm_domain_id": "", "auth": map[string]any{"type": "instance_principal"}},
			wantErr: []string{"apm_domain_id: it is empty; write the OCID, ocid1.apmdomain.<realm>.<region>.<unique id>"},
		},
		{
			name:    "domain that is not an OCID",
			yaml:    map[string]any{"apm_domain_id": testEndpoint},
			wantErr: []string{"apm_domain_id: it is not an OCID; write ocid1.apmdomain."},
		},
		{
			name:    "OCID of something else",
			yaml:    map[string]any{"apm_domain_id": "ocid1.compartment.oc1..aaaaaaaaexample"},
			wantErr: []string{"apm_domain_id: it is the OCID of another kind of resource (compartment); write ocid1.apmdomain."},
		},
		{
			name:    "domain and endpoint",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "endpoint": testEndpoint},
			wantErr: []string{"endpoint and apm_domain_id are both set; keep apm_domain_id, which finds the endpoint"},
		},
		{
			name:    "domain and key",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "data_key": testKey},
			wantErr: []string{"apm_domain_id finds the data key; remove data_key and data_key_file"},
		},
		{
			name:    "domain and key file",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "data_key_file": "testdata/data_key"},
			wantErr: []string{"apm_domain_id finds the data key; remove data_key and data_key_file"},
		},
		{
			name:    "domain and unknown type of key",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "data_key_type": "secret"},
			wantErr: []string{`data_key_type: "secret" is not a type of data key`},
		},
		{
			name:    "interval that is too short",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "refresh_interval": "10ms"},
			wantErr: []string{"refresh_interval: it must be at least 1s"},
		},
		{
			name:    "credentials without a domain",
			yaml:    map[string]any{"endpoint": testEndpoint, "data_key": testKey, "auth": map[string]any{"type": "instance_principal"}},
			wantErr: []string{"auth: it chooses the credentials for apm_domain_id, which is not set; write apm_domain_id with the OCID of the APM domain"},
		},
		{
			name:    "unknown type of credentials",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "auth": map[string]any{"type": "api_key"}},
			wantErr: []string{`auth: type: "api_key" is not a type of credentials; write instance_principal, workload_identity`},
		},
		{
			name:    "credentials that contradict each other",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "auth": map[string]any{"type": "instance_principal", "profile": "prod"}},
			wantErr: []string{"profile and config_file are for the types config_file and session_token"},
		},
		{
			name:    "authenticator with a domain",
			yaml:    map[string]any{"apm_domain_id": testDomainID, "auth": map[string]any{"authenticator": "oauth2client"}},
			wantErr: []string{"auth: OCI APM authenticates uploads by their data key only; remove auth::authenticator and set data_key, data_key_file or apm_domain_id"},
		},
		{
			name: "every mistake is reported at once",
			yaml: map[string]any{"endpoint": "https://<apm-domain>.apm-agt.<region>.oci.oraclecloud.com", "data_key": "a b"},
			wantErr: []string{
				"endpoint: ", "still has a <placeholder> in it",
				"data_key: it contains a space or a line break",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig()
			require.NoError(t, confmap.NewFromStringMap(tt.yaml).Unmarshal(cfg))
			err := confmap.Validate(cfg)
			if len(tt.wantErr) == 0 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			for _, want := range tt.wantErr {
				require.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), testKey)
		})
	}
}

func TestUnknownField(t *testing.T) {
	cfg := createDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{"endpoint": testEndpoint, "data_keys": testKey}).Unmarshal(cfg)
	require.ErrorContains(t, err, "invalid keys: data_keys")
	assert.NotContains(t, err.Error(), testKey)
}

func TestUnknownFieldOfAuth(t *testing.T) {
	cfg := createDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{"apm_domain_id": testDomainID, "auth": map[string]any{"tpye": "config_file"}}).Unmarshal(cfg)
	require.ErrorContains(t, err, "auth: 'ociauth.Config' has")
	require.ErrorContains(t, err, "invalid keys: tpye")

	err = confmap.NewFromStringMap(map[string]any{"apm_domain_id": testDomainID, "auth": "config_file"}).Unmarshal(createDefaultConfig())
	require.ErrorContains(t, err, "auth: it must be a map of settings; write auth: {type: ")
}

// A printed configuration has the credentials for OCI under auth.
func TestMarshalAuth(t *testing.T) {
	written := map[string]any{"apm_domain_id": testDomainID, "auth": map[string]any{"type": "config_file", "profile": "prod", "config_file": ""}}
	cfg := createDefaultConfig()
	source := confmap.NewFromStringMap(written)
	require.NoError(t, source.Unmarshal(cfg))
	assert.True(t, source.IsSet("auth"), "Unmarshal does not modify its source")
	printed := confmap.New()
	require.NoError(t, printed.Marshal(cfg))
	assert.Equal(t, map[string]any{"type": ociauth.TypeConfigFile, "profile": "prod", "config_file": ""}, printed.Get("auth"))
	assert.Equal(t, testDomainID, printed.Get("apm_domain_id"))

	printed = confmap.New()
	require.NoError(t, printed.Marshal(createDefaultConfig()))
	assert.False(t, printed.IsSet("auth"))
}
