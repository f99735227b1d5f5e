// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/rsa"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/common/auth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// discover does the same as the exporter: it finds endpoint and key by the
// domain's OCID, and makes an upload that is stored.
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
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, endpoint+apm.TracesPath, strings.NewReader("{}"))
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "dataKey "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode
}

// setenv sets the environment variables of credentials.
func setenv(t *testing.T, environment []string) {
	t.Helper()
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// instancePrincipal returns the SDK's provider on a compute instance.
func (s *sandbox) instancePrincipal() (common.ConfigurationProvider, error) {
	return auth.InstancePrincipalConfigurationProviderWithCustomClient(
		func(common.HTTPRequestDispatcher) (common.HTTPRequestDispatcher, error) { return s.client, nil })
}

// workload returns the SDK's provider in a pod, and the pod's cluster.
func (s *sandbox) workload() (common.ConfigurationProvider, Cluster) {
	s.t.Helper()
	cluster, err := s.server.StartCluster(s.t.Context(), s.t.TempDir())
	require.NoError(s.t, err)
	setenv(s.t, cluster.Environment)
	provider, err := auth.OkeWorkloadIdentityConfigurationProviderWithServiceAccountTokenProvider(
		auth.NewDefaultServiceAccountTokenProvider().WithSaTokenPath(cluster.TokenFile))
	require.NoError(s.t, err)
	return provider, cluster
}

func TestConfigFile(t *testing.T) {
	s := start(t)
	for _, profile := range []string{ProfileDefault, ProfileEncrypted, ProfileSession} {
		t.Run(profile, func(t *testing.T) {
			sub := s.in(t)
			sub.discover(sub.profile(profile))
			requests := sub.server.Requests()
			assert.Equal(t, PrincipalUser, requests[len(requests)-1].Principal.Type)
		})
	}
}

func TestEncryptedKeyNeedsItsPassPhrase(t *testing.T) {
	s := start(t)
	file, err := s.server.WriteConfigFile(t.TempDir())
	require.NoError(t, err)
	pem, err := os.ReadFile(file.Keys[1])
	require.NoError(t, err)
	_, err = common.PrivateKeyFromBytesWithPassword(pem, []byte(file.PassPhrase))
	require.NoError(t, err)
	_, err = common.PrivateKeyFromBytesWithPassword(pem, []byte("another"))
	require.Error(t, err)
	for _, path := range append([]string{file.Path, file.TokenFile}, file.Keys...) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
	}
}

func TestInstancePrincipal(t *testing.T) {
	s := start(t)
	provider, err := s.instancePrincipal()
	require.NoError(t, err)
	region, err := provider.Region()
	require.NoError(t, err)
	assert.Equal(t, DefaultRegion, region)
	s.discover(provider)
	assert.Equal(t, 1, s.server.Count(OperationX509, http.StatusOK))
	requests := s.server.Requests()
	assert.Equal(t, PrincipalInstance, requests[len(requests)-1].Principal.Type)
	assert.Equal(t, s.server.InstanceMetadata()["id"], requests[len(requests)-1].Principal.ID)
}

func TestResourcePrincipal(t *testing.T) {
	s := start(t)
	files, err := s.server.WriteResourcePrincipal(t.TempDir())
	require.NoError(t, err)
	setenv(t, files.Environment)
	provider, err := auth.ResourcePrincipalConfigurationProvider()
	require.NoError(t, err)
	s.discover(provider)
	requests := s.server.Requests()
	assert.Equal(t, PrincipalResource, requests[len(requests)-1].Principal.Type)
	tenancy, err := provider.TenancyOCID()
	require.NoError(t, err)
	assert.Equal(t, requests[len(requests)-1].Principal.Tenancy, tenancy)
}

func TestWorkloadIdentity(t *testing.T) {
	s := start(t)
	provider, _ := s.workload()
	s.discover(provider)
	assert.Equal(t, 1, s.server.Count(OperationWorkloadToken, http.StatusOK))
	requests := s.server.Requests()
	assert.Equal(t, PrincipalWorkload, requests[len(requests)-1].Principal.Type)
}

func TestWorkloadIdentityRefused(t *testing.T) {
	s := start(t)
	t.Run("another cluster's token", func(t *testing.T) {
		sub := s.in(t)
		_, other := sub.workload()
		_, mine := sub.workload()
		setenv(t, mine.Environment)
		provider, err := auth.OkeWorkloadIdentityConfigurationProviderWithServiceAccountTokenProvider(
			auth.NewDefaultServiceAccountTokenProvider().WithSaTokenPath(other.TokenFile))
		require.NoError(t, err)
		_, err = provider.KeyID()
		require.ErrorContains(t, err, "401")
		assert.Equal(t, ReasonToken, sub.lastReason())
	})
	t.Run("an expired token", func(t *testing.T) {
		sub := s.in(t)
		provider, _ := sub.workload()
		sub.server.SetClockOffset(2 * time.Hour)
		defer sub.server.SetClockOffset(0)
		_, err := provider.KeyID()
		require.ErrorContains(t, err, "401")
		assert.Equal(t, ReasonTokenExpired, sub.lastReason())
	})
	t.Run("a basic cluster", func(t *testing.T) {
		sub := s.in(t)
		provider, _ := sub.workload()
		_, err := sub.server.AddFault(Fault{Service: ServiceProxymux, Status: http.StatusForbidden, Times: 1})
		require.NoError(t, err)
		_, err = provider.KeyID()
		require.ErrorContains(t, err, "please ensure the cluster type is enhanced")
	})
}

func TestRevokedTokensAreRenewed(t *testing.T) {
	s := start(t)
	provider, err := s.instancePrincipal()
	require.NoError(t, err)
	s.discover(provider)
	s.server.ExpireTokens()
	// The SDK keeps a token that looks valid; only a new provider requests
	// another.
	_, err = s.getDomain(provider)
	requireFailure(t, err, http.StatusUnauthorized, CodeNotAuthenticated, textBadSignature)
	assert.Equal(t, ReasonTokenExpired, s.lastReason())
	provider, err = s.instancePrincipal()
	require.NoError(t, err)
	s.discover(provider)
	assert.Equal(t, 2, s.server.Count(OperationX509, http.StatusOK))
}

// TestTokenLifetime relies on the SDK, which renews a token five minutes before
// it expires.
func TestTokenLifetime(t *testing.T) {
	s := start(t, func(c *Config) { c.TokenLifetime = 4 * time.Minute })
	provider, err := s.instancePrincipal()
	require.NoError(t, err)
	for range 2 {
		_, err := provider.KeyID()
		require.NoError(t, err)
	}
	assert.Equal(t, 2, s.server.Count(OperationX509, http.StatusOK))
	s.server.SetTokenLifetime(time.Hour)
	for range 2 {
		_, err := provider.KeyID()
		require.NoError(t, err)
	}
	assert.Equal(t, 3, s.server.Count(OperationX509, http.StatusOK))
}

// rawKeys is a key provider whose key id and key may not belong together.
type rawKeys struct {
	id  string
	key *rsa.PrivateKey
}

func (k rawKeys) KeyID() (string, error)                  { return k.id, nil }
func (k rawKeys) PrivateRSAKey() (*rsa.PrivateKey, error) { return k.key, nil }

// send signs a request, changes it, and returns the answer's status and body.
func (s *sandbox) send(method, url, body string, keys common.KeyProvider, change func(*http.Request)) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Date", s.server.now().UTC().Format(http.TimeFormat))
	request.Header.Set("Content-Type", "application/json")
	generic := common.DefaultGenericHeaders()
	if _, ok := keys.(xDate); ok {
		request.Header.Set("X-Date", request.Header.Get("Date"))
		generic[0] = "x-date"
	}
	require.NoError(s.t, common.RequestSigner(keys, generic, common.DefaultBodyHeaders()).Sign(request))
	change(request)
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode, string(answer)
}

func TestRefusedSignatures(t *testing.T) {
	s := start(t)
	good := s.profile(ProfileDefault)
	session := s.profile(ProfileSession)
	unknown := s.profile(ProfileUnknownKey)
	goodKey, err := good.PrivateRSAKey()
	require.NoError(t, err)
	goodID, err := good.KeyID()
	require.NoError(t, err)
	unknownKey, err := unknown.PrivateRSAKey()
	require.NoError(t, err)
	sessionKey, err := session.PrivateRSAKey()
	require.NoError(t, err)
	sessionID, err := session.KeyID()
	require.NoError(t, err)
	s.server.SetTokenLifetime(time.Nanosecond)
	expired, err := s.server.sessionToken(&sessionKey.PublicKey)
	require.NoError(t, err)
	s.server.SetTokenLifetime(DefaultTokenLifetime)
	id, err := s.server.AddSecret("refused", []byte("content"))
	require.NoError(t, err)
	require.NotEmpty(t, id)

	const host = "https://apm-cp." + DefaultRegion + ".oci.oraclecloud.com"
	get := host + "/20200630/apmDomains/" + s.server.DomainID()
	post := "https://secrets.vaults." + DefaultRegion + ".oci.oraclecloud.com/20190301/secretbundles/actions/getByName?secretName=refused&vaultId=" + s.server.VaultID()
	nothing := func(*http.Request) {}
	replace := func(old, replacement string) func(*http.Request) {
		return func(r *http.Request) {
			header := r.Header.Get("Authorization")
			r.Header.Set("Authorization", strings.Replace(header, old, replacement, 1))
		}
	}
	for _, test := range []struct {
		name         string
		method, url  string
		keys         common.KeyProvider
		change       func(*http.Request)
		status       int
		reason       Reason
		code         string
		wantInAnswer string
	}{
		{"nothing is wrong", "GET", get, good, nothing, 200, "", "", s.server.DomainID()},
		{"nothing is wrong with a body", "POST", post, good, nothing, 200, "", "", id},
		{"x-date instead of date", "GET", get, xDate{keys: good}, func(r *http.Request) { r.Header.Del("Date") }, 200, "", "", s.server.DomainID()},
		{"not signed", "GET", get, good, func(r *http.Request) { r.Header.Del("Authorization") }, 401, ReasonNotSigned, CodeNotAuthenticated, textNoCredentials},
		{"another scheme", "GET", get, good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, ReasonMalformed, CodeNotAuthenticated, textBadSignature},
		{"two headers", "GET", get, good, func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 401, ReasonMalformed, CodeNotAuthenticated, textBadSignature},
		{"another algorithm", "GET", get, good, replace("rsa-sha256", "hmac-sha256"), 401, ReasonMalformed, CodeNotAuthenticated, textBadSignature},
		{"another version", "GET", get, good, replace(`version="1"`, `version="2"`), 401, ReasonMalformed, CodeNotAuthenticated, textBadSignature},
		{"the date is not signed", "GET", get, good, replace(`headers="date `, `headers="`), 401, ReasonHeaderUnsigned, CodeNotAuthenticated, textBadSignature},
		{"the host is not signed", "GET", get, good, replace(` host"`, `"`), 401, ReasonHeaderUnsigned, CodeNotAuthenticated, textBadSignature},
		{"the target is not signed", "GET", get, good, replace(` (request-target)`, ``), 401, ReasonHeaderUnsigned, CodeNotAuthenticated, textBadSignature},
		{"the digest is not signed", "POST", post, good, replace(` x-content-sha256`, ``), 401, ReasonHeaderUnsigned, CodeNotAuthenticated, textBadSignature},
		{"a signed header is gone", "POST", post, good, func(r *http.Request) { r.Header.Del("X-Content-Sha256") }, 401, ReasonHeaderUnsigned, CodeNotAuthenticated, textBadSignature},
		{"the date is no date", "GET", get, good, func(r *http.Request) { r.Header.Set("Date", "yesterday") }, 401, ReasonDate, CodeNotAuthenticated, textBadSignature},
		{"an old date", "GET", get, good, func(r *http.Request) {
			r.Header.Set("Date", time.Now().Add(-5*time.Minute-2*time.Second).UTC().Format(http.TimeFormat))
		}, 401, ReasonSkew, CodeNotAuthenticated, "is not within allowed clock skew. Current '"},
		{"a date to come", "GET", get, good, func(r *http.Request) {
			r.Header.Set("Date", time.Now().Add(6*time.Minute).UTC().Format(http.TimeFormat))
		}, 401, ReasonSkew, CodeNotAuthenticated, "valid datetime range: ['"},
		{"another date", "GET", get, good, func(r *http.Request) {
			r.Header.Set("Date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
		}, 401, ReasonSignature, CodeNotAuthenticated, textBadSignature},
		{"another target", "GET", get, good, func(r *http.Request) { r.URL.Path += "/dataKeys" }, 401, ReasonSignature, CodeNotAuthenticated, textBadSignature},
		{"another query", "GET", get, good, func(r *http.Request) { r.URL.RawQuery = "x=y" }, 401, ReasonSignature, CodeNotAuthenticated, textBadSignature},
		{"another host", "GET", get, good, func(r *http.Request) {
			r.URL.Host = strings.Replace(r.URL.Host, DefaultRegion, "eu-frankfurt-1", 1)
			r.Host = r.URL.Host
		}, 401, ReasonSignature, CodeNotAuthenticated, textBadSignature},
		{"another body", "POST", post, good, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, 401, ReasonDigest, CodeNotAuthenticated, textBadSignature},
		{"another key", "GET", get, rawKeys{id: goodID, key: unknownKey}, nothing, 401, ReasonSignature, CodeNotAuthenticated, textBadSignature},
		{"an unknown fingerprint", "GET", get, unknown, nothing, 401, ReasonUnknownKey, CodeNotAuthenticated, textBadSignature},
		{"a session", "GET", get, session, nothing, 200, "", "", s.server.DomainID()},
		{"a session with another key", "GET", get, rawKeys{id: sessionID, key: goodKey}, nothing, 401, ReasonSignature, CodeNotAuthenticated, textBadSignature},
		{"an expired session", "GET", get, rawKeys{id: tokenPrefix + expired, key: sessionKey}, nothing, 401, ReasonTokenExpired, CodeNotAuthenticated, textBadSignature},
		{"a changed token", "GET", get, rawKeys{id: sessionID[:len(sessionID)-8] + "AAAAAAAA", key: sessionKey}, nothing, 401, ReasonToken, CodeNotAuthenticated, textBadSignature},
		{"no token", "GET", get, rawKeys{id: tokenPrefix, key: sessionKey}, nothing, 401, ReasonToken, CodeNotAuthenticated, textBadSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			sub := s.in(t)
			body := ""
			if test.method == http.MethodPost {
				body = "{}"
			}
			status, answer := sub.send(test.method, test.url, body, test.keys, test.change)
			assert.Equal(t, test.status, status, answer)
			assert.Contains(t, answer, test.wantInAnswer)
			requests := sub.server.Requests()
			last := requests[len(requests)-1]
			assert.Equal(t, test.reason, last.Reason)
			assert.Equal(t, test.code, last.Code)
			assert.Equal(t, test.reason == "", last.Principal != Principal{})
		})
	}
}

func TestClockOffset(t *testing.T) {
	s := start(t)
	provider := s.profile(ProfileDefault)
	for _, offset := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		s.server.SetClockOffset(offset)
		_, err := s.getDomain(provider)
		requireFailure(t, err, http.StatusUnauthorized, CodeNotAuthenticated, "is not within allowed clock skew")
	}
	s.server.SetClockOffset(4 * time.Minute)
	_, err := s.getDomain(provider)
	require.NoError(t, err)
}

// TestNothingSecretIsLogged does everything that handles keys, with the log at
// debug level.
func TestNothingSecretIsLogged(t *testing.T) {
	s := start(t)
	dir := t.TempDir()
	file, err := s.server.WriteConfigFile(dir)
	require.NoError(t, err)
	secrets := []string{file.PassPhrase}
	for _, path := range append([]string{file.TokenFile}, file.Keys...) {
		content, failed := os.ReadFile(path) //nolint:gosec // files that the test has made
		require.NoError(t, failed)
		secrets = append(secrets, strings.Split(strings.TrimSpace(string(content)), "\n")...)
	}
	provider, err := common.ConfigurationProviderForSessionTokenWithProfile(file.Path, ProfileSession, "")
	require.NoError(t, err)
	s.discover(provider)
	require.NoError(t, s.server.RotateDataKeys(0))
	s.discover(provider)
	s.server.ExpireTokens()
	_, err = s.getDomain(provider)
	require.Error(t, err)
	for _, key := range s.uploads.Keys() {
		secrets = append(secrets, key.Value)
	}
	require.NotEmpty(t, s.logs.All())
	for _, entry := range s.logs.All() {
		words := []string{entry.Message}
		for _, field := range entry.Context {
			words = append(words, field.String)
		}
		line := strings.Join(words, " ")
		for _, secret := range secrets {
			assert.NotContains(t, line, secret)
		}
	}
}

// xDate signs x-date instead of date, as browsers must.
type xDate struct{ keys common.KeyProvider }

func (k xDate) KeyID() (string, error)                  { return k.keys.KeyID() }
func (k xDate) PrivateRSAKey() (*rsa.PrivateKey, error) { return k.keys.PrivateRSAKey() }
