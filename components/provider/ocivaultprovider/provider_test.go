// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

const (
	keys   = "ocid1.vaultsecret.oc1.eu-frankfurt-1.amaaaaaakeys"
	plain  = "ocid1.vaultsecret.oc1.iad.amaaaaaaplain"
	hidden = "s3cr3t" // a part of every secret
)

var (
	errAway    = &ociauth.Error{Kind: ociauth.KindUnreachable}
	errRefused = &ociauth.Error{Kind: ociauth.KindNotAllowed}
)

func TestScheme(t *testing.T) {
	assert.NoError(t, confmaptest.ValidateProviderScheme(NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()})))
}

func TestRetrieve(t *testing.T) {
	w := newWorld(t)
	w.vault.set(keys+"multi", "-----BEGIN KEY-----\ns3cr3t\n-----END KEY-----\n")
	w.vault.set(keys+"dollar", "s3cr3t$$1 ${env:HOME} $2")
	w.vault.set(keys+"yaml", "s3cr3t: {a: b}")
	for content, ocid := range map[string]string{"0123": keys + "zero", "true": keys + "true", "null": keys + "null", "": keys + "empty", "1e3": keys + "exponent"} {
		w.vault.set(ocid, content)
	}
	tests := []struct {
		uri  string
		raw  any
		text string // the value inside other text, if different
	}{
		{uri: plain, raw: "s3cr3t plain"},
		{uri: plain + ":-default", raw: "s3cr3t plain"},
		{uri: keys + "zero", raw: "0123"},
		{uri: keys + "true", raw: "true"},
		{uri: keys + "null", raw: "null"},
		{uri: keys + "empty", raw: ""},
		{uri: keys + "exponent", raw: "1e3"},
		{uri: keys + "yaml", raw: "s3cr3t: {a: b}"},
		{uri: keys + "multi", raw: "-----BEGIN KEY-----\ns3cr3t\n-----END KEY-----\n"},
		{uri: keys + "dollar", raw: "s3cr3t$$$$1 $${env:HOME} $$2"}, // escaped for the resolver
		{uri: keys + "#private", raw: "s3cr3t-1"},
		{uri: keys + "#0", raw: "s3cr3t-0123"},
		{uri: keys + "#empty", raw: ""},
		{uri: keys + "#number", raw: 8080, text: "8080"},
		{uri: keys + "#yes", raw: true, text: "true"},
		{uri: keys + "#private:-default", raw: "s3cr3t-1"},
		{uri: keys + "#missing:-default", raw: "default"},
		{uri: keys + "#missing:-", raw: ""},
		{uri: keys + "#missing:-a#b:-c", raw: "a#b:-c"},
		{uri: ":-default", raw: "default"},
		{uri: "#private:-default", raw: "default"},
	}
	for _, test := range tests {
		t.Run(test.uri, func(t *testing.T) {
			retrieved, err := w.provider.Retrieve(t.Context(), "ocivault:"+test.uri, nil)
			require.NoError(t, err)
			raw, err := retrieved.AsRaw()
			require.NoError(t, err)
			assert.Equal(t, test.raw, raw)
			if test.text == "" {
				test.text = test.raw.(string)
			}
			text, err := retrieved.AsString()
			require.NoError(t, err)
			assert.Equal(t, test.text, text)
			assert.NoError(t, retrieved.Close(t.Context()))
		})
	}
}

// The resolver passes secrets on unchanged, whatever they contain, and settings
// of other types get their type.
func TestResolve(t *testing.T) {
	w := newWorld(t)
	w.vault.set(plain, "s3cr3t$$1 ${env:HOME} $2\n")
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: []string{fmt.Sprintf(`yaml:
password: ${ocivault:%[1]s}
url: http://host:${ocivault:%[2]s#number}/${ocivault:%[1]s}
port: ${ocivault:%[2]s#number}
text: ${ocivault:%[2]s#number}
yes: ${ocivault:%[2]s#yes}
`, plain, keys)},
		ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory(), confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return w.provider })},
	})
	require.NoError(t, err)
	conf, err := resolver.Resolve(t.Context())
	require.NoError(t, err)
	var cfg struct {
		Password string `mapstructure:"password"`
		URL      string `mapstructure:"url"`
		Port     int    `mapstructure:"port"`
		Text     string `mapstructure:"text"`
		Yes      bool   `mapstructure:"yes"`
	}
	require.NoError(t, conf.Unmarshal(&cfg))
	assert.Equal(t, "s3cr3t$$1 ${env:HOME} $2\n", cfg.Password)
	assert.Equal(t, "http://host:8080/s3cr3t$$1 ${env:HOME} $2\n", cfg.URL)
	assert.Equal(t, 8080, cfg.Port)
	assert.Equal(t, "8080", cfg.Text)
	assert.True(t, cfg.Yes)
	assert.Len(t, w.vault.readsSince(0), 2, "each secret is read once")

	w.vault.set(plain, "s3cr3t-2")
	w.poll(t)
	select {
	case err = <-resolver.Watch():
		require.NoError(t, err)
	default:
		require.Fail(t, "the resolver does not know of the change")
	}
	conf, err = resolver.Resolve(t.Context())
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(&cfg))
	assert.Equal(t, "s3cr3t-2", cfg.Password)
	assert.NoError(t, resolver.Shutdown(t.Context()))
}

func TestRetrieveRefuses(t *testing.T) {
	const form = "ocid1.vaultsecret.<realm>.<region>.<unique id>"
	tests := []struct {
		name, uri, want string
	}{
		{name: "another scheme", uri: "env:s3cr3t", want: `scheme "env" is not supported by "ocivault" provider`},
		{name: "nothing", uri: "ocivault:", want: `ocivault: the OCID of the secret, "": it is empty; write the OCID, ` + form},
		{name: "a name", uri: "ocivault:apm-key", want: `ocivault: the OCID of the secret, "apm-key": it is not an OCID; write ` + form},
		{name: "a vault", uri: "ocivault:ocid1.vault.oc1.iad.aaaa.bbbb", want: `ocivault: the OCID of the secret, "ocid1.vault.oc1.iad.aaaa.bbbb": it is the OCID of another kind of resource (vault); write ` + form},
		{name: "a default is not shown", uri: "ocivault:apm-key:-s3cr3t", want: `ocivault: the OCID of the secret, "apm-key": it is not an OCID; write ` + form},
		{name: "no JSON key", uri: "ocivault:" + keys + "#", want: "ocivault: secret " + keys + ": no key after the #; write the key of a value in its JSON object, or remove the #"},
		{name: "no such JSON key", uri: "ocivault:" + keys + "#nothing", want: "ocivault: secret " + keys + `: no such key in its JSON object: "nothing"`},
		{name: "an object", uri: "ocivault:" + keys + "#object", want: "ocivault: secret " + keys + `: the value of "object" in its JSON object is not a string, a number, true or false`},
		{name: "a list", uri: "ocivault:" + keys + "#list:-a default is for what is missing", want: "ocivault: secret " + keys + `: the value of "list" in its JSON object is not a string, a number, true or false`},
		{name: "null", uri: "ocivault:" + keys + "#null", want: "ocivault: secret " + keys + `: the value of "null" in its JSON object is not a string, a number, true or false`},
		{name: "no JSON", uri: "ocivault:" + plain + "#key", want: "ocivault: secret " + plain + ": its content is not a JSON object, and #key chooses from one; remove #key, or store an object"},
	}
	w := newWorld(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.provider.Retrieve(t.Context(), test.uri, nil)
			assert.EqualError(t, err, test.want)
		})
	}
}

// On startup the provider retries while Vault is down. It does not retry if
// access is denied.
func TestStart(t *testing.T) {
	tests := []struct {
		name  string
		errs  []error
		reads int
		want  error
	}{
		{name: "there at once", errs: []error{nil}, reads: 1},
		{name: "away, then there", errs: []error{errAway, errAway, nil}, reads: 3},
		{name: "throttled, then there", errs: []error{&ociauth.Error{Kind: ociauth.KindThrottled}, nil}, reads: 2},
		{name: "away", errs: []error{errAway}, reads: 3, want: errAway},
		{name: "refused", errs: []error{errRefused}, reads: 1, want: errRefused},
		{name: "away, then refused", errs: []error{errAway, errRefused}, reads: 2, want: errRefused},
		{name: "no content", errs: []error{errNoContent}, reads: 1, want: errNoContent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.vault.fail(test.errs...)
			_, err := w.provider.Retrieve(t.Context(), "ocivault:"+plain+":-a default is no way around Vault", nil)
			require.ErrorIs(t, err, test.want)
			assert.Len(t, w.vault.readsSince(0), test.reads)
		})
	}

	t.Run("canceled", func(t *testing.T) {
		w := newWorld(t)
		w.provider.pauses = []time.Duration{time.Hour}
		w.vault.fail(errAway)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.provider.Retrieve(ctx, "ocivault:"+plain, nil)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestAuthConfig(t *testing.T) {
	tests := []struct {
		auth, profile, file string
		want                ociauth.Config
	}{
		{},
		{auth: "instance_principal", profile: "of no use", want: ociauth.Config{Type: ociauth.TypeInstancePrincipal}},
		{auth: "resource_principal", want: ociauth.Config{Type: ociauth.TypeResourcePrincipal}},
		{auth: "oke_workload_identity", want: ociauth.Config{Type: ociauth.TypeWorkloadIdentity}},
		{auth: "api_key", profile: "apm", file: "/etc/oci", want: ociauth.Config{Type: ociauth.TypeConfigFile, Profile: "apm", ConfigFile: "/etc/oci"}},
		{auth: "security_token", want: ociauth.Config{Type: ociauth.TypeSessionToken}},
		{profile: "apm", want: ociauth.Config{Profile: "apm"}},
	}
	for _, test := range tests {
		t.Setenv(authVariable, test.auth)
		t.Setenv(profileVariable, test.profile)
		t.Setenv(configFileVariable, test.file)
		cfg, err := authConfig()
		require.NoError(t, err)
		assert.Equal(t, test.want, cfg)
		require.NoError(t, cfg.Validate())
	}
	t.Setenv(authVariable, "instance-principal")
	_, err := newVault().read(t.Context(), plain)
	assert.EqualError(t, err, "secret "+plain+`: the environment variable OCI_CLI_AUTH is "instance-principal"; write instance_principal, oke_workload_identity, resource_principal, api_key or security_token, or leave it unset for the first that this machine has`)
}

func TestPasses(t *testing.T) {
	assert.True(t, passes(fmt.Errorf("secret: %w", errAway)))
	assert.False(t, passes(fmt.Errorf("secret: %w", errRefused)))
	assert.False(t, passes(errors.New("anything else")))
}
