// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocisandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/apmsandbox"
)

// discover goes the way of the exporter: from the domain's OCID to an upload
// that is stored.
func (s *sandbox) discover(provider common.ConfigurationProvider) {
	s.t.Helper()
	domain, err := s.getDomain(provider)
	require.NoError(s.t, err)
	assert.Equal(s.t, s.server.DomainID(), *domain.Id)
	assert.Equal(s.t, apmcontrolplane.LifecycleStatesActive, domain.LifecycleState)
	assert.Equal(s.t, s.server.UploadEndpoint(), *domain.DataUploadEndpoint)
	keys, err := s.listKeys(provider, apmcontrolplane.ListDataKeysDataKeyTypePrivate)
	require.NoError(s.t, err)
	require.Len(s.t, keys, 1)
	assert.Equal(s.t, apmcontrolplane.DataKeyTypesPrivate, keys[0].Type)
	assert.Equal(s.t, http.StatusOK, s.upload(*domain.DataUploadEndpoint, *keys[0].Value))
}

// upload sends an empty request and returns the HTTP status.
func (s *sandbox) upload(endpoint, key string) int {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, endpoint+apmsandbox.TracesPath, strings.NewReader("{}"))
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "dataKey "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode
}

func TestConfigFile(t *testing.T) {
	s := start(t)
	for _, profile := range []string{ProfileDefault, ProfileEncrypted, ProfileSession} {
		t.Run(profile, func(t *testing.T) {
			s.t = t
			s.discover(s.profile(profile))
		})
	}
}
