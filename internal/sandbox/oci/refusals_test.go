// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

func TestFaults(t *testing.T) {
	s := start(t)
	provider := s.profile(ProfileDefault)
	add := func(f Fault) {
		t.Helper()
		_, err := s.server.AddFault(f)
		require.NoError(t, err)
	}

	t.Run("a permission is refused", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Operation: OperationListDataKeys, Status: http.StatusNotFound})
		_, err := sub.getDomain(provider)
		require.NoError(t, err)
		_, err = sub.listKeys(provider, "")
		requireFailure(t, err, http.StatusNotFound, CodeNotAuthorizedOrNotFound, textNotFound)
		assert.Equal(t, ReasonFault, sub.lastReason())
		assert.Equal(t, 1, sub.server.ClearFaults())
		_, err = sub.listKeys(provider, "")
		require.NoError(t, err)
	})
	t.Run("throttled", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Service: ServiceAPM, Status: http.StatusTooManyRequests, RetryAfter: "7", Times: 1})
		response, err := sub.getDomain(provider)
		requireFailure(t, err, http.StatusTooManyRequests, CodeTooManyRequests, "Too Many Requests")
		assert.Equal(t, "7", response.RawResponse.Header.Get("Retry-After"))
		_, err = sub.getDomain(provider)
		require.NoError(t, err)
	})
	t.Run("an internal error", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Status: http.StatusInternalServerError, Code: "InternalError", Message: "broken", Times: 1})
		_, err := sub.getDomain(provider)
		requireFailure(t, err, http.StatusInternalServerError, "InternalError", "broken")
	})
	t.Run("a bad signature comes first", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Status: http.StatusServiceUnavailable, Times: 1})
		_, err := sub.getDomain(sub.profile(ProfileUnknownKey))
		requireFailure(t, err, http.StatusUnauthorized, CodeNotAuthenticated, textBadSignature)
		assert.Empty(t, sub.server.Faults())
	})
	t.Run("reset", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Operation: OperationGetAPMDomain, Reset: true, Times: 1})
		before := sub.server.Count(OperationGetAPMDomain, 0)
		client := sub.apm(provider)
		// The client retries a GET if a connection that it has used before is
		// closed.
		client.HTTPClient = &http.Client{Transport: freshTransport(t, sub)}
		_, err := client.GetApmDomain(t.Context(), apmcontrolplane.GetApmDomainRequest{ApmDomainId: new(sub.server.DomainID())})
		require.Error(t, err)
		assert.True(t, common.IsNetworkError(err), "%v", err)
		assert.Equal(t, before+1, sub.server.Count(OperationGetAPMDomain, 0))
	})
	t.Run("down and up again", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Service: ServiceAPM, Down: true})
		_, err := sub.getDomain(provider)
		require.Error(t, err, "over the existing connection")
		_, isAnswer := common.IsServiceError(err)
		assert.False(t, isAnswer, "%v", err)
		_, err = sub.getDomain(provider)
		require.ErrorContains(t, err, "Bad Gateway")
		assert.Equal(t, http.StatusOK, sub.upload(sub.server.UploadEndpoint(), apm.DefaultPrivateKey))
		require.NotEmpty(t, sub.server.Faults())
		assert.Positive(t, sub.server.Faults()[0].Applied)
		sub.server.ClearFaults()
		_, err = sub.getDomain(provider)
		require.NoError(t, err)
	})
	t.Run("slow", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Service: ServiceMetadata, Delay: apm.Duration(10 * time.Minute), Times: 1})
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://169.254.169.254/opc/v2/instance/", http.NoBody)
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() {
			response, err := sub.client.Do(request)
			if err == nil {
				err = response.Body.Close()
			}
			done <- err
		}()
		require.Eventually(t, func() bool { return len(sub.server.Faults()) == 0 }, 10*time.Second, time.Millisecond)
		select {
		case err := <-done:
			require.Fail(t, "answered", "%v", err)
		default:
		}
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	t.Run("the metadata service is gone", func(t *testing.T) {
		sub := s.in(t)
		add(Fault{Service: ServiceMetadata, Status: http.StatusServiceUnavailable, Times: 1})
		status, body := sub.metadata("/opc/v2/instance/", http.Header{"Authorization": {"Bearer Oracle"}})
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Contains(t, body, CodeServiceUnavailable)
	})
	t.Run("deleted by id", func(t *testing.T) {
		state, err := s.server.AddFault(Fault{Status: 500})
		require.NoError(t, err)
		assert.False(t, s.server.RemoveFault(""))
		assert.True(t, s.server.RemoveFault(state.ID))
		assert.False(t, s.server.RemoveFault(state.ID))
	})
}

// freshTransport returns a transport without connections.
func freshTransport(t *testing.T, s *sandbox) *http.Transport {
	t.Helper()
	transport := s.server.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestFaultValidate(t *testing.T) {
	s := start(t)
	for name, fault := range map[string]Fault{
		"fault: set at least one":    {},
		"service: must be one of":    {Service: "none", Status: 500},
		"operation: must be one of":  {Operation: "None", Status: 500},
		"status: must be from 400":   {Status: 200},
		"need a status":              {Reset: true, RetryAfter: "1"},
		"retry_after: must be print": {Status: 500, RetryAfter: "1\n"},
		"delay: must be from 0":      {Delay: -1},
		"times: must not be":         {Status: 500, Times: -1},
		"down: goes only with":       {Down: true, Status: 500},
		"reset: cannot go with":      {Reset: true, Status: 500},
		"can only be down":           {Service: ServiceUpload, Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, fault.Validate(), name)
			_, err := s.server.AddFault(fault)
			require.ErrorContains(t, err, name)
			assert.Empty(t, s.server.Faults())
		})
	}
}

func TestUploadEndpointDown(t *testing.T) {
	s := start(t)
	_, err := s.server.AddFault(Fault{Service: ServiceUpload, Down: true, Times: 1})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.UploadEndpoint()+apm.TracesPath, http.NoBody)
	require.NoError(t, err)
	_, err = s.client.Do(request)
	require.ErrorContains(t, err, "Bad Gateway")
	assert.Equal(t, http.StatusOK, s.upload(s.server.UploadEndpoint(), apm.DefaultPrivateKey))
}

func TestFederationRefused(t *testing.T) {
	s := start(t)
	other := start(t)
	url := "https://auth." + DefaultRegion + ".oraclecloud.com/v1/x509"
	mine, theirs := s.server.instance, other.server.instance
	body := func(i, intermediate *instance, publicKey string) string {
		encoded, err := json.Marshal(federationRequest{
			Certificate: base64.StdEncoding.EncodeToString(i.certificate.Raw), PublicKey: publicKey,
			IntermediateCertificates: []string{base64.StdEncoding.EncodeToString(intermediate.intermediate.certificate.Raw)},
		})
		require.NoError(t, err)
		return string(encoded)
	}
	keyID := func(i *instance) string {
		return i.tenancy + "/" + certificateKeyID + "/" + fingerprintOf(i.certificate)
	}
	nothing := func(*http.Request) {}
	public, err := x509.MarshalPKIXPublicKey(mine.key.Public())
	require.NoError(t, err)
	publicKey := base64.StdEncoding.EncodeToString(public)
	python := mine.tenancy + "/" + oldCertificateKeyID + "/" + oldFingerprintOf(mine.certificate)
	for _, test := range []struct {
		name, body string
		keys       rawKeys
		status     int
		reason     Reason
	}{
		{"nothing is wrong", body(mine, mine, publicKey), rawKeys{keyID(mine), mine.key}, http.StatusOK, ""},
		{"the SDK for Python", body(mine, mine, publicKey), rawKeys{python, mine.key}, http.StatusOK, ""},
		{"another authority", body(theirs, theirs, ""), rawKeys{keyID(theirs), theirs.key}, http.StatusUnauthorized, ReasonCertificate},
		{"another intermediate", body(mine, theirs, ""), rawKeys{keyID(mine), mine.key}, http.StatusUnauthorized, ReasonCertificate},
		{"another key", body(mine, mine, ""), rawKeys{keyID(mine), theirs.key}, http.StatusUnauthorized, ReasonSignature},
		{"another key id", body(mine, mine, ""), rawKeys{keyID(theirs), mine.key}, http.StatusUnauthorized, ReasonCertificate},
		{"no JSON", "x", rawKeys{keyID(mine), mine.key}, http.StatusUnauthorized, ReasonCertificate},
		{"no certificate", "{}", rawKeys{keyID(mine), mine.key}, http.StatusUnauthorized, ReasonCertificate},
		{"no public key", body(mine, mine, "AAAA"), rawKeys{keyID(mine), mine.key}, http.StatusBadRequest, ReasonParameter},
	} {
		t.Run(test.name, func(t *testing.T) {
			sub := s.in(t)
			status, answer := sub.send(http.MethodPost, url, test.body, test.keys, nothing)
			assert.Equal(t, test.status, status, answer)
			assert.Equal(t, test.reason, sub.lastReason())
		})
	}
}
