// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

const (
	keys   = "ocid1.vaultsecret.oc1.eu-frankfurt-1.amaaaaaakeys"
	plain  = "ocid1.vaultsecret.oc1.iad.amaaaaaaplain"
	hidden = "s3cr3t" // is part of every secret
)

var (
	errAway    = &ociauth.Error{Kind: ociauth.KindUnreachable}
	errRefused = &ociauth.Error{Kind: ociauth.KindNotAllowed}
)

// fakeVault gives what the test puts into it.
type fakeVault struct {
	mu       sync.Mutex
	contents map[string]string
	errs     []error // of the next reads, the last for all that follow
	reads    []string
	closed   bool
}

func (v *fakeVault) read(ctx context.Context, ocid string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads = append(v.reads, ocid)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if len(v.errs) > 0 {
		err := v.errs[0]
		if len(v.errs) > 1 {
			v.errs = v.errs[1:]
		}
		if err != nil {
			return "", err
		}
	}
	return v.contents[ocid], nil
}

func (v *fakeVault) close() { v.closed = true }

func (v *fakeVault) fail(errs ...error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.errs = errs
}

func (v *fakeVault) set(ocid, content string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.contents[ocid] = content
}

func (v *fakeVault) readsSince(n int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads[n:]
}

// world is a provider with a vault and a clock of the test's.
type world struct {
	provider *provider
	vault    *fakeVault
	logs     *observer.ObservedLogs
	events   []*confmap.ChangeEvent
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Setenv(intervalVariable, "24h") // the tests poll
	core, logs := observer.New(zapcore.DebugLevel)
	w := &world{
		vault: &fakeVault{contents: map[string]string{
			keys:  `{"private": "s3cr3t-1", "number": 8080, "yes": true, "empty": "", "object": {"s3cr3t": 1}, "list": ["s3cr3t"], "null": null, "0": "s3cr3t-0123"}`,
			plain: "s3cr3t plain",
		}},
		logs: logs,
		now:  time.Now(),
	}
	w.provider = newProvider(confmap.ProviderSettings{Logger: zap.New(core)}, w.vault)
	w.provider.pauses = []time.Duration{time.Nanosecond, time.Nanosecond}
	w.provider.now = func() time.Time { return w.now }
	t.Cleanup(func() {
		assert.NoError(t, w.provider.Shutdown(context.Background()))
		assert.True(t, w.vault.closed)
		for _, entry := range logs.All() {
			assert.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), hidden)
		}
	})
	return w
}

// resolve is what the collector does at its start and at a reload: it closes what
// it has and retrieves everything anew.
type resolution []*confmap.Retrieved

func (w *world) resolve(t *testing.T, last resolution, uris ...string) (resolution, []any) {
	t.Helper()
	for _, retrieved := range last {
		require.NoError(t, retrieved.Close(t.Context()))
	}
	var next resolution
	var values []any
	for _, uri := range uris {
		retrieved, err := w.provider.Retrieve(t.Context(), uri, func(event *confmap.ChangeEvent) { w.events = append(w.events, event) })
		require.NoError(t, err)
		raw, err := retrieved.AsRaw()
		require.NoError(t, err)
		next = append(next, retrieved)
		values = append(values, raw)
	}
	return next, values
}

// poll lets time pass and looks for new versions.
func (w *world) poll(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(time.Minute)
	w.provider.poll(t.Context())
}

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
		text string // what it is inside of other text, if not the same
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
		{uri: keys + "dollar", raw: "s3cr3t$$$$1 $${env:HOME} $$2"}, // as the resolver wants it
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

// What the resolver makes of secrets: text as it is, whatever is in it, and
// settings of other types.
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
		{name: "no JSON key", uri: "ocivault:" + keys + "#", want: "ocivault: secret " + keys + ": no key after the #; write the key of one value of its JSON object, or remove the #"},
		{name: "no such JSON key", uri: "ocivault:" + keys + "#nothing", want: "ocivault: secret " + keys + `: no such key in its JSON object: "nothing"`},
		{name: "an object", uri: "ocivault:" + keys + "#object", want: "ocivault: secret " + keys + `: the value of "object" in its JSON object is not a text, a number, true or false`},
		{name: "a list", uri: "ocivault:" + keys + "#list:-a default is for what is missing", want: "ocivault: secret " + keys + `: the value of "list" in its JSON object is not a text, a number, true or false`},
		{name: "null", uri: "ocivault:" + keys + "#null", want: "ocivault: secret " + keys + `: the value of "null" in its JSON object is not a text, a number, true or false`},
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

func TestInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{"": defaultInterval, "0": 0, "0s": 0, "10s": minInterval, "90m": 90 * time.Minute, "24h": maxInterval} {
		t.Setenv(intervalVariable, text)
		got, err := pollInterval()
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"5", "often", "9s", "-1m", "25h"} {
		t.Setenv(intervalVariable, text)
		_, err := NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()}).Retrieve(t.Context(), "ocivault:"+plain, nil)
		require.EqualError(t, err, fmt.Sprintf("ocivault: the environment variable OTELCOL_OCIVAULT_INTERVAL is %q; write how often to look for new versions of secrets, from 10s to 24h0m0s, or 0 for never", text))
	}
	for range 1000 {
		got := jitter(time.Minute)
		require.GreaterOrEqual(t, got, 45*time.Second)
		require.Less(t, got, 75*time.Second)
	}
}

// At the start it asks again while Vault is away, and not where it is refused.
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

func TestNewVersion(t *testing.T) {
	w := newWorld(t)
	uris := []string{"ocivault:" + keys + "#private", "ocivault:" + keys + "#missing:-default", "ocivault:" + plain, "ocivault:" + plain}
	resolution, values := w.resolve(t, nil, uris...)
	require.Equal(t, []any{"s3cr3t-1", "default", "s3cr3t plain", "s3cr3t plain"}, values)
	require.Len(t, w.vault.readsSince(0), 2)

	w.poll(t)
	assert.Empty(t, w.events, "nothing has changed")
	assert.Len(t, w.vault.readsSince(2), 2, "one read a secret")

	w.vault.set(keys, `{"private": "s3cr3t-1", "number": 1}`)
	w.poll(t)
	assert.Empty(t, w.events, "nothing has changed that is in use")

	w.vault.set(keys, `{"private": "s3cr3t-2"}`)
	w.vault.set(plain, "s3cr3t plain 2")
	w.poll(t)
	w.poll(t)
	require.Equal(t, []*confmap.ChangeEvent{{}}, w.events, "one event, until the resolver has asked")

	resolution, values = w.resolve(t, resolution, uris...)
	assert.Equal(t, []any{"s3cr3t-2", "default", "s3cr3t plain 2", "s3cr3t plain 2"}, values)

	w.vault.set(keys, `{"private": "s3cr3t-2", "missing": "s3cr3t-3"}`)
	w.poll(t)
	require.Len(t, w.events, 2, "what was missing has come")
	resolution, values = w.resolve(t, resolution, uris...)
	assert.Equal(t, "s3cr3t-3", values[1])

	_, _ = w.resolve(t, resolution)
	w.vault.set(plain, "s3cr3t plain 3")
	reads := len(w.vault.readsSince(0))
	w.poll(t)
	assert.Len(t, w.events, 2)
	assert.Empty(t, w.vault.readsSince(reads), "no read of what nobody uses")
}

// The resolver takes one event at a time; right after it has asked, the last may
// still be on its way.
func TestSettles(t *testing.T) {
	w := newWorld(t)
	_, _ = w.resolve(t, nil, "ocivault:"+plain)
	w.vault.set(plain, "s3cr3t 2")
	w.now = w.now.Add(settle - 1)
	w.provider.poll(t.Context())
	assert.Empty(t, w.events)
	w.now = w.now.Add(1)
	w.provider.poll(t.Context())
	assert.Len(t, w.events, 1)
}

// What the collector runs with stays, whatever becomes of the secret, and so does
// the collector: a reload finds what there was. Each trouble is in the log once.
func TestKeepsLastValue(t *testing.T) {
	tests := []struct {
		name    string
		trouble func(*fakeVault)
		reads   int // of a reload
	}{
		{name: "away", trouble: func(v *fakeVault) { v.fail(errAway) }, reads: 1},
		{name: "refused", trouble: func(v *fakeVault) { v.fail(errRefused) }, reads: 1},
		{name: "the key is gone", trouble: func(v *fakeVault) { v.set(keys, `{"other": "s3cr3t-2"}`) }},
		{name: "the value is empty", trouble: func(v *fakeVault) { v.set(keys, `{"private": ""}`) }},
		{name: "the value is an object", trouble: func(v *fakeVault) { v.set(keys, `{"private": {"s3cr3t": 1}}`) }},
		{name: "no JSON", trouble: func(v *fakeVault) { v.set(keys, "s3cr3t") }},
		{name: "empty", trouble: func(v *fakeVault) { v.set(keys, "") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			uris := []string{"ocivault:" + keys + "#private:-default", "ocivault:" + keys + "#private"}
			resolution, _ := w.resolve(t, nil, uris...)
			good := w.vault.contents[keys]

			test.trouble(w.vault)
			for range 3 {
				w.poll(t)
			}
			assert.Empty(t, w.events)

			w.now = w.now.Add(time.Minute)
			reads := len(w.vault.readsSince(0))
			resolution, values := w.resolve(t, resolution, uris...)
			assert.Equal(t, []any{"s3cr3t-1", "s3cr3t-1"}, values)
			assert.Len(t, w.vault.readsSince(reads), 1, "a reload tries once")
			assert.Equal(t, 1, w.logs.FilterLevelExact(zapcore.WarnLevel).Len(), "%v", w.logs.All())

			w.vault.fail(nil)
			w.vault.set(keys, good)
			w.poll(t)
			assert.Empty(t, w.events)
			assert.Equal(t, 1, w.logs.FilterMessage("The secret can be read again").Len())

			w.vault.set(keys, `{"private": "s3cr3t-2"}`)
			w.poll(t)
			assert.Len(t, w.events, 1)
			_, values = w.resolve(t, resolution, uris...)
			assert.Equal(t, []any{"s3cr3t-2", "s3cr3t-2"}, values)
		})
	}
}

// A poll that began before a reload must not bring back what the reload replaced.
func TestLateAnswer(t *testing.T) {
	w := newWorld(t)
	resolution, _ := w.resolve(t, nil, "ocivault:"+plain)
	number, content, err := w.provider.read(t.Context(), plain, nil, time.Minute)

	w.vault.set(plain, "s3cr3t 2")
	w.now = w.now.Add(time.Minute)
	_, values := w.resolve(t, resolution, "ocivault:"+plain)
	require.Equal(t, []any{"s3cr3t 2"}, values)

	w.now = w.now.Add(time.Minute)
	w.provider.consider(plain, number, content, err)
	assert.Empty(t, w.events)
}

// The goroutine that watches polls by itself, and ends with the provider.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.provider.Retrieve(t.Context(), "ocivault:"+plain, nil)
	require.NoError(t, err)
	var watching sync.WaitGroup
	watching.Go(func() { w.provider.watch(ctx, 4*time.Millisecond) })
	require.Eventually(t, func() bool { return len(w.vault.readsSince(0)) > 3 }, 10*time.Second, time.Millisecond)
	cancel()
	watching.Wait()
}

// Without an interval nothing watches, and a reload still reads what is new.
func TestNeverWatches(t *testing.T) {
	w := newWorld(t)
	t.Setenv(intervalVariable, "0")
	resolution, _ := w.resolve(t, nil, "ocivault:"+plain)
	assert.Nil(t, w.provider.stopWatching)
	w.vault.set(plain, "s3cr3t 2")
	w.now = w.now.Add(reuse)
	_, values := w.resolve(t, resolution, "ocivault:"+plain)
	assert.Equal(t, []any{"s3cr3t 2"}, values)
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
