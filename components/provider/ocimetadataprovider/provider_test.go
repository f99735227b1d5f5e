// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocimetadataprovider

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
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
)

// service is an instance metadata service that answers according to its fields.
type service struct {
	status   atomic.Int32 // 200 if zero
	body     atomic.Pointer[string]
	requests atomic.Int32
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/opc/v2/instance/":
		http.Error(w, "no such page", http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer Oracle":
		http.Error(w, "version 2 requires its header", http.StatusUnauthorized)
	case s.status.Load() == http.StatusFound:
		http.Redirect(w, r, "/opc/v2/instance/", http.StatusFound)
	case s.status.Load() != 0:
		http.Error(w, "secret-user-data", int(s.status.Load()))
	default:
		_, _ = w.Write([]byte(*s.body.Load()))
	}
}

// startService starts a service with the metadata of an instance in testdata,
// and makes new providers use it.
func startService(t *testing.T, file string) *service {
	t.Helper()
	body, err := fs.ReadFile(os.DirFS("testdata"), file)
	require.NoError(t, err)
	s := &service{}
	text := string(body)
	s.body.Store(&text)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Setenv(baseURLVariable, server.URL+"/opc/v2/")
	return s
}

// newTestProvider returns a provider with a clock that the test controls.
func newTestProvider(t *testing.T) (*provider, *time.Time, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	p := newProvider(confmap.ProviderSettings{Logger: zap.New(core)}).(*provider)
	now := time.Now()
	p.now = func() time.Time { return now }
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.Background())) })
	return p, &now, logs
}

func retrieve(t *testing.T, p confmap.Provider, uri string) (string, error) {
	t.Helper()
	retrieved, err := p.Retrieve(t.Context(), uri, nil)
	if err != nil {
		assert.Nil(t, retrieved)
		return "", err
	}
	raw, err := retrieved.AsRaw()
	require.NoError(t, err)
	require.IsType(t, "", raw)
	text, err := retrieved.AsString()
	require.NoError(t, err)
	assert.Equal(t, raw, text)
	require.NoError(t, retrieved.Close(t.Context()))
	return text, nil
}

func TestScheme(t *testing.T) {
	assert.NoError(t, confmaptest.ValidateProviderScheme(NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()})))
}

func TestRetrieve(t *testing.T) {
	startService(t, "oke.json")
	p, _, _ := newTestProvider(t)
	for uri, want := range map[string]string{
		"ocimetadata:compartmentId":                                     "ocid1.compartment.oc1..aaaaexamplecompartment",
		"ocimetadata:canonicalRegionName":                               "us-phoenix-1",
		"ocimetadata:regionInfo.realmKey":                               "oc1",
		"ocimetadata:metadata.oke-cluster-id":                           "ocid1.cluster.oc1.phx.aaaaexamplecluster",
		"ocimetadata:metadata.oke-cluster-id:-none":                     "ocid1.cluster.oc1.phx.aaaaexamplecluster",
		"ocimetadata:definedTags.Operations.CostCenter":                 "042",
		"ocimetadata:freeformTags.team.example.com":                     "shop",
		"ocimetadata:shapeConfig.ocpus":                                 "2.0",
		"ocimetadata:timeCreated":                                       "1695383700000",
		"ocimetadata:agentConfig.monitoringDisabled":                    "false",
		"ocimetadata:metadata.oke-cluster-display-name":                 "price $$$${env:HOME} cluster", // escaped for the resolver
		"ocimetadata:nothing:-":                                         "",
		"ocimetadata:nothing:-a:-b":                                     "a:-b",
		"ocimetadata:metadata.nothing:-none":                            "none",
		"ocimetadata:compartmentId.nothing:-a string has no values":     "a string has no values",
		"ocimetadata:metadata:-an object is no value":                   "an object is no value",
		"ocimetadata:agentConfig.pluginsConfig:-neither is a list":      "neither is a list",
		"ocimetadata:dedicatedVmHostId:-null is the same as no value":   "null is the same as no value",
		"ocimetadata:freeformTags.team.:-a dot at the end":              "a dot at the end",
		"ocimetadata:.compartmentId:-and at the beginning find nothing": "and at the beginning find nothing",
	} {
		t.Run(uri, func(t *testing.T) {
			got, err := retrieve(t, p, uri)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestRetrieveRefuses(t *testing.T) {
	startService(t, "compute.json")
	p, _, _ := newTestProvider(t)
	for uri, want := range map[string]string{
		"env:HOME":                            `"env:HOME" uri is not supported by "ocimetadata" provider`,
		"ocimetadata:":                        "ocimetadata: the path of a value is missing; write for example ${ocimetadata:compartmentId}",
		"ocimetadata::-default":               "ocimetadata: the path of a value is missing; write for example ${ocimetadata:compartmentId}",
		"ocimetadata:metadata.oke-cluster-id": `ocimetadata: this instance has no "metadata.oke-cluster-id"; write ${ocimetadata:metadata.oke-cluster-id:-default} if the value may be missing`,
		"ocimetadata:metadata":                `ocimetadata: "metadata" of this instance is not a single value; write ${ocimetadata:metadata:-default} if the value may be missing`,
	} {
		t.Run(uri, func(t *testing.T) {
			_, err := retrieve(t, p, uri)
			assert.EqualError(t, err, want)
		})
	}
}

// The resolver passes values on unchanged, whatever they contain.
func TestResolve(t *testing.T) {
	startService(t, "oke.json")
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: []string{`yaml:
name: ${ocimetadata:metadata.oke-cluster-display-name}
inline: "name: ${ocimetadata:metadata.oke-cluster-display-name}"
center: ${ocimetadata:definedTags.Operations.CostCenter}
`},
		ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory(), NewFactory()},
	})
	require.NoError(t, err)
	conf, err := resolver.Resolve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"name":   "price $${env:HOME} cluster",
		"inline": "name: price $${env:HOME} cluster",
		"center": "042",
	}, conf.ToStringMap())
	assert.NoError(t, resolver.Shutdown(t.Context()))
}

// All values of one configuration come from the same answer; a reload asks
// again.
func TestLooksOnce(t *testing.T) {
	imds := startService(t, "compute.json")
	p, now, _ := newTestProvider(t)
	for _, uri := range []string{"ocimetadata:compartmentId", "ocimetadata:id", "ocimetadata:nothing:-"} {
		_, err := retrieve(t, p, uri)
		require.NoError(t, err)
	}
	assert.EqualValues(t, 1, imds.requests.Load())

	moved := `{"compartmentId": "elsewhere"}`
	imds.body.Store(&moved)
	*now = now.Add(reuse)
	got, err := retrieve(t, p, "ocimetadata:compartmentId")
	require.NoError(t, err)
	assert.Equal(t, "elsewhere", got)
	assert.EqualValues(t, 2, imds.requests.Load())
}

// A reload while the service is down must not stop a running collector.
func TestKeepsWhatItKnows(t *testing.T) {
	imds := startService(t, "compute.json")
	p, now, logs := newTestProvider(t)
	want, err := retrieve(t, p, "ocimetadata:compartmentId")
	require.NoError(t, err)

	imds.status.Store(http.StatusServiceUnavailable)
	*now = now.Add(reuse)
	for range 2 {
		got, err := retrieve(t, p, "ocimetadata:compartmentId")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.EqualValues(t, 1+attempts, imds.requests.Load())
	assert.Equal(t, 1, logs.FilterLevelExact(zapcore.WarnLevel).Len())
}

func TestServiceFails(t *testing.T) {
	imds := startService(t, "compute.json")
	for name, test := range map[string]struct {
		status   int32
		body     string
		requests int32
		want     string
	}{
		"too many requests": {status: 429, requests: attempts, want: "the service answers 429 Too Many Requests"},
		"out of order":      {status: 500, requests: attempts, want: "the service answers 500 Internal Server Error"},
		"another cloud":     {status: 404, requests: 1, want: "the answer is not from the OCI instance metadata service (404 Not Found)"},
		"a redirect":        {status: 302, requests: 1, want: "the answer is not from the OCI instance metadata service (302 Found)"},
		"a web page":        {body: "<html>secret-user-data", requests: 1, want: "the answer is not from the OCI instance metadata service (it is not a JSON object)"},
		"a list":            {body: `["secret-user-data"]`, requests: 1, want: "the answer is not from the OCI instance metadata service (it is not a JSON object)"},
		"null":              {body: "null", requests: 1, want: "the answer is not from the OCI instance metadata service (it is not a JSON object)"},
	} {
		t.Run(name, func(t *testing.T) {
			imds.status.Store(test.status)
			imds.body.Store(&test.body)
			imds.requests.Store(0)
			p, _, logs := newTestProvider(t)

			_, err := retrieve(t, p, "ocimetadata:id")
			require.EqualError(t, err, fmt.Sprintf("ocimetadata: read the metadata of this instance at %s: %s; is this machine an OCI instance, or a pod that may reach the address?; write ${ocimetadata:id:-default} if the value may be missing", p.client.url, test.want))
			assert.Equal(t, test.requests, imds.requests.Load())

			got, err := retrieve(t, p, "ocimetadata:id:-elsewhere")
			require.NoError(t, err)
			assert.Equal(t, "elsewhere", got)
			assert.Equal(t, test.requests, imds.requests.Load(), "the failure is remembered, too")
			for _, entry := range logs.All() {
				assert.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), "secret-user-data")
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	t.Setenv(baseURLVariable, server.URL)
	p, _, logs := newTestProvider(t)
	_, err := retrieve(t, p, "ocimetadata:id")
	require.ErrorContains(t, err, "connection refused; is this machine an OCI instance")
	assert.Equal(t, 1, logs.FilterLevelExact(zapcore.InfoLevel).Len())
}

func TestCanceled(t *testing.T) {
	imds := startService(t, "compute.json")
	imds.status.Store(http.StatusServiceUnavailable)
	p, _, _ := newTestProvider(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Retrieve(ctx, "ocimetadata:id:-default", nil)
	require.ErrorIs(t, err, context.Canceled)

	// A canceled request is not an answer, so the next one asks again.
	imds.status.Store(0)
	_, err = retrieve(t, p, "ocimetadata:id")
	assert.NoError(t, err)
}

// The address is the default of OCI, unless the environment overrides it.
func TestAddress(t *testing.T) {
	t.Setenv(baseURLVariable, "")
	assert.Equal(t, "http://169.254.169.254/opc/v2/instance/", newClient().url)
}
