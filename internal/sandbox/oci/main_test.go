// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/secrets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// sandbox is an emulated OCI under test, with clients for it.
type sandbox struct {
	t       *testing.T
	server  *Server
	uploads *apm.Server
	client  *http.Client
	logs    *observer.ObservedLogs
}

func start(t *testing.T, options ...func(*Config)) *sandbox {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	uploads, err := apm.New(apm.DefaultConfig(), zap.New(core))
	require.NoError(t, err)
	var config Config
	for _, option := range options {
		option(&config)
	}
	server, err := Start(t.Context(), config, uploads, zap.New(core))
	require.NoError(t, err)
	transport := server.NewTransport()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
	})
	return &sandbox{t: t, server: server, uploads: uploads, client: &http.Client{Transport: transport}, logs: logs}
}

// apm returns the SDK's client of the control plane.
func (s *sandbox) apm(provider common.ConfigurationProvider) apmcontrolplane.ApmDomainClient {
	s.t.Helper()
	client, err := apmcontrolplane.NewApmDomainClientWithConfigurationProvider(provider)
	require.NoError(s.t, err)
	client.HTTPClient = s.client
	client.SetCustomClientConfiguration(common.CustomClientConfiguration{RetryPolicy: new(common.NoRetryPolicy())})
	return client
}

// vault returns the SDK's client of Vault.
func (s *sandbox) vault(provider common.ConfigurationProvider) secrets.SecretsClient {
	s.t.Helper()
	client, err := secrets.NewSecretsClientWithConfigurationProvider(provider)
	require.NoError(s.t, err)
	client.HTTPClient = s.client
	client.SetCustomClientConfiguration(common.CustomClientConfiguration{RetryPolicy: new(common.NoRetryPolicy())})
	return client
}

// profile returns the SDK's provider for a profile of a new configuration file.
func (s *sandbox) profile(name string) common.ConfigurationProvider {
	s.t.Helper()
	file, err := s.server.WriteConfigFile(s.t.TempDir())
	require.NoError(s.t, err)
	open := common.ConfigurationProviderFromFileWithProfile
	if name == ProfileSession {
		open = common.ConfigurationProviderForSessionTokenWithProfile
	}
	provider, err := open(file.Path, name, "")
	require.NoError(s.t, err)
	return provider
}

// getDomain requests the sandbox's domain from the control plane.
func (s *sandbox) getDomain(provider common.ConfigurationProvider) (apmcontrolplane.GetApmDomainResponse, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	return s.apm(provider).GetApmDomain(ctx, apmcontrolplane.GetApmDomainRequest{ApmDomainId: new(s.server.DomainID())})
}

// listKeys requests data keys from the control plane.
func (s *sandbox) listKeys(provider common.ConfigurationProvider, kind apmcontrolplane.ListDataKeysDataKeyTypeEnum) ([]apmcontrolplane.DataKeySummary, error) {
	s.t.Helper()
	response, err := s.apm(provider).ListDataKeys(s.t.Context(), apmcontrolplane.ListDataKeysRequest{
		ApmDomainId: new(s.server.DomainID()), DataKeyType: kind,
	})
	return response.Items, err
}

// requireFailure requires that the SDK returned an error in OCI's format.
func requireFailure(t *testing.T, err error, status int, code, message string) {
	t.Helper()
	failure, ok := common.IsServiceError(err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, status, failure.GetHTTPStatusCode())
	assert.Equal(t, code, failure.GetCode())
	assert.Contains(t, failure.GetMessage(), message)
	assert.NotEmpty(t, failure.GetOpcRequestID())
}

// lastReason returns the reason why the latest request was rejected.
func (s *sandbox) lastReason() Reason {
	s.t.Helper()
	requests := s.server.Requests()
	require.NotEmpty(s.t, requests)
	return requests[len(requests)-1].Reason
}

// in returns the sandbox for a subtest.
func (s *sandbox) in(t *testing.T) *sandbox {
	c := *s
	c.t = t
	return &c
}
