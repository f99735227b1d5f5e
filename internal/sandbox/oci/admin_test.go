// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// admin sends a request to the API.
func (s *sandbox) admin(method, path, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.server.ProxyURL()+path, strings.NewReader(body))
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode, string(answer)
}

func TestAPI(t *testing.T) {
	s := start(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	id, err := s.server.AddSecret("given", []byte("first"))
	require.NoError(t, err)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"state", "GET", "/api/v1", "", 200, `"apm_domain_id":"` + s.server.DomainID()},
		{"no path", "GET", "/nothing", "", 404, "the API is listed at /api/v1"},
		{"another method", "PATCH", "/api/v1/faults", "", 405, "not allowed"},
		{"a fault", "POST", "/api/v1/faults", `{"operation":"ListDataKeys","status":429,"retry_after":"3"}`, 201, `{"id":"1","applied":0,"remaining":null,"fault":{"operation":"ListDataKeys","status":429,"retry_after":"3"}}`},
		{"a slow fault", "POST", "/api/v1/faults", `{"delay":"1s"}`, 201, `"delay":"1s"`},
		{"the faults", "GET", "/api/v1/faults", "", 200, `"id":"2"`},
		{"a bad fault", "POST", "/api/v1/faults", `{}`, 400, "set at least one of"},
		{"no fault", "POST", "/api/v1/faults", `x`, 400, "not the expected JSON object"},
		{"delete a fault", "DELETE", "/api/v1/faults/1", "", 200, `{"deleted":1}`},
		{"delete it again", "DELETE", "/api/v1/faults/1", "", 404, "used up"},
		{"delete all", "DELETE", "/api/v1/faults", "", 200, `{"deleted":1}`},
		{"the clock", "PUT", "/api/v1/clock", `{"offset":"10m"}`, 200, `{"ok":true}`},
		{"a bad clock", "PUT", "/api/v1/clock", `{"offset":"later"}`, 400, "invalid duration"},
		{"data keys", "POST", "/api/v1/data_keys", `{"grace":"1m"}`, 200, `{"ok":true}`},
		{"tokens", "PUT", "/api/v1/tokens", `{"lifetime":"6m"}`, 200, `{"ok":true}`},
		{"bad tokens", "PUT", "/api/v1/tokens", `{}`, 400, "lifetime: must be"},
		{"expire tokens", "DELETE", "/api/v1/tokens", "", 200, `{"ok":true}`},
		{"permissions", "PUT", "/api/v1/permissions", `{"denied":["APM_DOMAIN_READ"]}`, 200, `{"ok":true}`},
		{"bad permissions", "PUT", "/api/v1/permissions", `{"denied":["EVERYTHING"]}`, 400, "denied: must be of"},
		{"an empty domain", "DELETE", "/api/v1/domain", "", 200, `{"ok":true}`},
		{"the domain", "PUT", "/api/v1/domain", `{"state":"DELETED"}`, 200, `{"ok":true}`},
		{"a bad domain", "PUT", "/api/v1/domain", `{"state":"GONE"}`, 400, "state: must be"},
		{"a secret", "POST", "/api/v1/secrets", `{"name":"apm","content":"x"}`, 201, `{"id":"ocid1.vaultsecret.`},
		{"the same secret", "POST", "/api/v1/secrets", `{"name":"apm"}`, 400, "already"},
		{"no secret", "POST", "/api/v1/secrets", `{}`, 400, "name: must not be empty"},
		{"a version", "POST", "/api/v1/secrets/" + id + "/versions", `{"content":"second","stage":"PENDING"}`, 201, `{"version":2}`},
		{"a bad version", "POST", "/api/v1/secrets/" + id + "/versions", `{"stage":"LATEST"}`, 400, "stage: must be"},
		{"a version of nothing", "POST", "/api/v1/secrets/x/versions", `{}`, 404, "no such secret"},
		{"promote it", "PUT", "/api/v1/secrets/" + id + "/versions/2", `{"stage":"CURRENT"}`, 200, `{"ok":true}`},
		{"promote another", "PUT", "/api/v1/secrets/" + id + "/versions/3", `{"stage":"CURRENT"}`, 400, "no version 3"},
		{"promote badly", "PUT", "/api/v1/secrets/" + id + "/versions/x", `{"stage":"CURRENT"}`, 400, "a version is a number"},
		{"delete a secret", "PUT", "/api/v1/secrets/" + id, `{"state":"PENDING_DELETION"}`, 200, `{"ok":true}`},
		{"delete it badly", "PUT", "/api/v1/secrets/" + id, `{"state":"GONE"}`, 400, "state: must be"},
		{"the new state", "GET", "/api/v1", "", 200, `"domain_state":"DELETED"`},
		{"requests", "GET", "/api/v1/requests", "", 200, `"requests":[]`},
		{"counts", "GET", "/api/v1/counts", "", 200, `{"counts":[]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			sub := s.in(t)
			status, answer := sub.admin(test.method, test.path, test.body)
			assert.Equal(t, test.status, status)
			assert.Contains(t, answer, test.want)
		})
	}
	state := s.server.State()
	assert.Equal(t, "10m0s", state.ClockOffset)
	assert.Equal(t, "6m0s", state.TokenLifetime)
	assert.Len(t, s.uploads.Keys(), 4)
	current := s.server.vault.secrets[id]
	assert.Equal(t, int64(2), current.current)
	assert.Equal(t, SecretPendingDeletion, current.state)
	_, answer := s.admin(http.MethodGet, "/api/v1", "")
	for _, key := range s.uploads.Keys() {
		assert.NotContains(t, answer, key.Value)
	}
}

// TestGraceEnds checks the counts of the API, and a grace period that has
// passed.
func TestGraceEnds(t *testing.T) {
	s := start(t)
	require.NoError(t, s.server.RotateDataKeys(-time.Second))
	assert.Equal(t, http.StatusUnauthorized, s.upload(s.server.UploadEndpoint(), apm.DefaultPrivateKey))
	assert.Len(t, s.uploads.Keys(), 2)
}

func TestRequestsAreCounted(t *testing.T) {
	s := start(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for range maxRequests + 1 {
		s.server.requests.add(Request{Operation: OperationListDataKeys, Status: 200})
	}
	assert.Len(t, s.server.Requests(), maxRequests)
	assert.Equal(t, maxRequests+1, s.server.Count(OperationListDataKeys, 200))
	_, answer := s.admin(http.MethodGet, "/api/v1/counts", "")
	assert.JSONEq(t, `{"counts":[{"outcome":{"service":"","operation":"ListDataKeys","status":200},"requests":1001}]}`, answer)
}
