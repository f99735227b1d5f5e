// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/secrets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

func TestDomain(t *testing.T) {
	s := start(t, func(c *Config) { c.DomainRegion = "us-ashburn-1" })
	provider := s.profile(ProfileDefault)

	_, err := s.getDomain(provider)
	requireFailure(t, err, http.StatusNotFound, CodeNotAuthorizedOrNotFound, textNotFound)
	assert.Equal(t, ReasonWrongRegion, s.lastReason())

	client := s.apm(provider)
	client.SetRegion("us-ashburn-1")
	get := func(id string) (apmcontrolplane.GetApmDomainResponse, error) {
		return client.GetApmDomain(t.Context(), apmcontrolplane.GetApmDomainRequest{ApmDomainId: new(id)})
	}
	domain, err := get(s.server.DomainID())
	require.NoError(t, err)
	assert.Regexp(t, `^https://[a-z2-7]{26}\.apm-agt\.us-ashburn-1\.oci\.oraclecloud\.com$`, *domain.DataUploadEndpoint)
	assert.Regexp(t, `^ocid1\.apmdomain\.oc1\.iad\.a{8}[a-z2-7]{52}$`, *domain.Id)
	assert.NotEmpty(t, *domain.OpcRequestId)

	_, err = get(s.server.UnknownDomainID())
	requireFailure(t, err, http.StatusNotFound, CodeNotAuthorizedOrNotFound, textNotFound)
	assert.Equal(t, ReasonNotFound, s.lastReason())

	s.server.SetDomainState(DomainDeleting)
	domain, err = get(s.server.DomainID())
	require.NoError(t, err)
	assert.Equal(t, apmcontrolplane.LifecycleStatesDeleting, domain.LifecycleState)
	s.server.SetDomainState(DomainDeleted)
	_, err = get(s.server.DomainID())
	requireFailure(t, err, http.StatusNotFound, CodeNotAuthorizedOrNotFound, textNotFound)
}

func TestDataKeys(t *testing.T) {
	s := start(t)
	provider := s.profile(ProfileDefault)
	list := func(kind apmcontrolplane.ListDataKeysDataKeyTypeEnum) []string {
		t.Helper()
		keys, err := s.listKeys(provider, kind)
		require.NoError(t, err)
		var values []string
		for _, key := range keys {
			values = append(values, *key.Value)
		}
		return values
	}
	upload := func(key string) int { return s.upload(s.server.UploadEndpoint(), key) }

	assert.Equal(t, []string{apm.DefaultPrivateKey}, list(apmcontrolplane.ListDataKeysDataKeyTypePrivate))
	assert.Equal(t, []string{apm.DefaultPublicKey}, list(apmcontrolplane.ListDataKeysDataKeyTypePublic))
	assert.Equal(t, []string{apm.DefaultPrivateKey, apm.DefaultPublicKey}, list(""))
	keys, err := s.listKeys(provider, apmcontrolplane.ListDataKeysDataKeyTypePrivate)
	require.NoError(t, err)
	assert.Equal(t, "auto_generated_private_datakey", *keys[0].Name)

	require.NoError(t, s.server.RotateDataKeys(time.Hour))
	private := list(apmcontrolplane.ListDataKeysDataKeyTypePrivate)
	require.Len(t, private, 2)
	assert.Equal(t, apm.DefaultPrivateKey, private[0])
	assert.Equal(t, http.StatusOK, upload(private[0]))
	assert.Equal(t, http.StatusOK, upload(private[1]))

	require.NoError(t, s.server.RotateDataKeys(0))
	latest := list(apmcontrolplane.ListDataKeysDataKeyTypePrivate)
	require.Len(t, latest, 2, "the first key's hour has not passed")
	assert.Equal(t, http.StatusUnauthorized, upload(private[1]))
	assert.Equal(t, http.StatusOK, upload(latest[1]))
	assert.NotEqual(t, private[1], latest[1])
}

func TestVault(t *testing.T) {
	s := start(t)
	provider := s.profile(ProfileDefault)
	client := s.vault(provider)
	id, err := s.server.AddSecret("apm-key", []byte("first"))
	require.NoError(t, err)
	_, err = s.server.AddSecret("apm-key", nil)
	require.Error(t, err)
	get := func(request secrets.GetSecretBundleRequest) (secrets.SecretBundle, error) {
		if request.SecretId == nil {
			request.SecretId = new(id)
		}
		response, failed := client.GetSecretBundle(t.Context(), request)
		return response.SecretBundle, failed
	}
	want := func(request secrets.GetSecretBundleRequest, version int64, content string, stages ...secrets.SecretBundleStagesEnum) {
		t.Helper()
		bundle, failed := get(request)
		require.NoError(t, failed)
		assert.Equal(t, id, *bundle.SecretId)
		assert.Equal(t, version, *bundle.VersionNumber)
		assert.Equal(t, stages, bundle.Stages)
		inside, ok := bundle.SecretBundleContent.(secrets.Base64SecretBundleContentDetails)
		require.True(t, ok)
		decoded, failed := base64.StdEncoding.DecodeString(*inside.Content)
		require.NoError(t, failed)
		assert.Equal(t, content, string(decoded))
	}
	wantNotFound := func(request secrets.GetSecretBundleRequest, reason Reason) {
		t.Helper()
		_, failed := get(request)
		requireFailure(t, failed, http.StatusNotFound, CodeNotAuthorizedOrNotFound, textNotFound)
		assert.Equal(t, reason, s.lastReason())
	}
	const current, latest, pending, previous, deprecated = secrets.SecretBundleStagesCurrent, secrets.SecretBundleStagesLatest,
		secrets.SecretBundleStagesPending, secrets.SecretBundleStagesPrevious, secrets.SecretBundleStagesDeprecated
	var plain secrets.GetSecretBundleRequest
	want(plain, 1, "first", current, latest)

	number, err := s.server.RotateSecret(id, []byte("second"), StagePending)
	require.NoError(t, err)
	assert.Equal(t, int64(2), number)
	want(plain, 1, "first", current)
	want(secrets.GetSecretBundleRequest{Stage: secrets.GetSecretBundleStagePending}, 2, "second", latest, pending)
	require.NoError(t, s.server.PromoteSecret(id, 2))
	want(plain, 2, "second", current, latest)
	want(secrets.GetSecretBundleRequest{Stage: secrets.GetSecretBundleStagePrevious}, 1, "first", previous)

	_, err = s.server.RotateSecret(id, []byte("third"), StageCurrent)
	require.NoError(t, err)
	want(plain, 3, "third", current, latest)
	want(secrets.GetSecretBundleRequest{VersionNumber: new(int64(1))}, 1, "first", deprecated)
	versions, err := client.ListSecretBundleVersions(t.Context(), secrets.ListSecretBundleVersionsRequest{SecretId: new(id)})
	require.NoError(t, err)
	require.Len(t, versions.Items, 3)
	assert.Equal(t, int64(3), *versions.Items[0].VersionNumber)

	byName, err := client.GetSecretBundleByName(t.Context(), secrets.GetSecretBundleByNameRequest{SecretName: new("apm-key"), VaultId: new(s.server.VaultID())})
	require.NoError(t, err)
	assert.Equal(t, id, *byName.SecretId)
	_, err = client.GetSecretBundleByName(t.Context(), secrets.GetSecretBundleByNameRequest{SecretName: new("apm-key"), VaultId: new("ocid1.vault")})
	requireFailure(t, err, http.StatusNotFound, CodeNotAuthorizedOrNotFound, textNotFound)

	wantNotFound(secrets.GetSecretBundleRequest{VersionNumber: new(int64(9))}, ReasonNotFound)
	wantNotFound(secrets.GetSecretBundleRequest{SecretVersionName: new("blue")}, ReasonNotFound)
	wantNotFound(secrets.GetSecretBundleRequest{SecretId: new("ocid1.vaultsecret.oc1.phx.none")}, ReasonNotFound)
	require.NoError(t, s.server.SetSecretState(id, SecretPendingDeletion))
	wantNotFound(plain, ReasonInactive)
	require.NoError(t, s.server.SetSecretState(id, SecretActive))
	client.SetRegion(s.server.OtherRegion())
	wantNotFound(plain, ReasonWrongRegion)

	_, err = s.server.RotateSecret("none", nil, "")
	require.ErrorIs(t, err, errNoSecret)
	require.ErrorIs(t, s.server.PromoteSecret("none", 1), errNoSecret)
	require.Error(t, s.server.PromoteSecret(id, 9))
	require.ErrorIs(t, s.server.SetSecretState("none", SecretActive), errNoSecret)
}

// metadata sends a request to the instance metadata service.
func (s *sandbox) metadata(path string, header http.Header) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://169.254.169.254"+path, http.NoBody)
	require.NoError(s.t, err)
	request.Header = header
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response.StatusCode, string(body)
}

func TestMetadata(t *testing.T) {
	s := start(t)
	oracle := http.Header{"Authorization": {"Bearer Oracle"}}
	status, body := s.metadata("/opc/v2/instance/", oracle)
	require.Equal(t, http.StatusOK, status)
	var instance map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &instance))
	assert.Equal(t, s.server.InstanceMetadata(), instance)
	for _, name := range []string{
		"availabilityDomain", "canonicalRegionName", "compartmentId", "displayName", "faultDomain", "hostname", "id", "image", "metadata",
		"region", "regionInfo", "shape", "state", "timeCreated",
	} {
		assert.NotEmpty(t, instance[name], name)
	}
	for path, want := range map[string]string{
		"/opc/v2/instance/region":                            "phx",
		"/opc/v2/instance/canonicalRegionName":               DefaultRegion,
		"/opc/v2/instance/regionInfo/regionIdentifier":       DefaultRegion,
		"/opc/v2/instance/metadata/oke-cluster-display-name": "sandbox-cluster",
		"/opc/v2/instance/regionInfo/":                       `{"realmDomainComponent":"oraclecloud.com","realmKey":"oc1","regionIdentifier":"us-phoenix-1","regionKey":"PHX"}` + "\n",
		"/opc/v2/identity/tenancyId":                         s.server.tenancy,
		"/opc/v2/instance/shapeConfig/ocpus":                 "1\n",
		"/opc/v2/instance/metadata/oke-is-preemptible":       "false",
		"/opc/v2/instance/agentConfig/managementDisabled":    "false\n",
		"/opc/v2/instance/metadata/oke-cluster-id":           instance["metadata"].(map[string]any)["oke-cluster-id"].(string),
		"/opc/v2/instance/id":                                instance["id"].(string),
		"/opc/v2/instance/compartmentId":                     s.server.instance.compartment,
		"/opc/v2/identity/fingerprint":                       fingerprintOf(s.server.instance.certificate),
		"/opc/v2/identity/intermediate.pem":                  string(certificatePEM(s.server.instance.intermediate.certificate)),
	} {
		status, body = s.metadata(path, oracle)
		assert.Equal(t, http.StatusOK, status, path)
		assert.Equal(t, want, body, path)
	}
	for _, test := range []struct {
		name, path string
		header     http.Header
		status     int
		reason     Reason
	}{
		{"no header", "/opc/v2/instance/", http.Header{}, http.StatusUnauthorized, ReasonNotSigned},
		{"another header", "/opc/v2/instance/", http.Header{"Authorization": {"Bearer x"}}, http.StatusUnauthorized, ReasonNotSigned},
		{"forwarded", "/opc/v2/instance/", http.Header{"Authorization": {"Bearer Oracle"}, "X-Forwarded-For": {"10.0.0.1"}}, http.StatusForbidden, ReasonForwarded},
		{"version 1", "/opc/v1/instance/", oracle, http.StatusNotFound, ReasonNotFound},
		{"no such name", "/opc/v2/instance/nothing", oracle, http.StatusNotFound, ReasonNotFound},
		{"below a text", "/opc/v2/instance/region/nothing", oracle, http.StatusNotFound, ReasonNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			sub := s.in(t)
			got, _ := sub.metadata(test.path, test.header)
			assert.Equal(t, test.status, got)
			assert.Equal(t, test.reason, sub.lastReason())
		})
	}
	s.server.SetInstanceMetadata(nil)
	status, _ = s.metadata("/opc/v2/instance/metadata/oke-cluster-id", oracle)
	assert.Equal(t, http.StatusNotFound, status)
}

func TestRefusedTargets(t *testing.T) {
	s := start(t)
	for _, target := range []string{
		"https://example.com", "https://apm-cp.us-phoenix-1.oci.oraclecloud.com:8443", "https://apm-cp.nowhere.oci.oraclecloud.com",
		"https://other.apm-agt.us-phoenix-1.oci.oraclecloud.com", "https://127.0.0.1:1", "https://169.254.169.254",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		require.NoError(t, err)
		_, err = s.client.Do(request)
		require.ErrorContains(t, err, "Bad Gateway", target)
	}
	for _, target := range []string{"http://example.com/", "http://169.254.169.254:8080/", "http://apm-cp.us-phoenix-1.oci.oraclecloud.com/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		require.NoError(t, err)
		response, err := s.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusBadGateway, response.StatusCode, target)
	}
	refused := s.server.Refused()
	assert.Len(t, refused, 9)
	assert.Equal(t, 1, refused["example.com:443"])
}

func TestUnknownPaths(t *testing.T) {
	s := start(t)
	for _, target := range []string{
		"https://apm-cp.us-phoenix-1.oci.oraclecloud.com/", "https://apm-cp.us-phoenix-1.oci.oraclecloud.com/20200630/apmDomains",
		"https://auth.us-phoenix-1.oraclecloud.com/v1/x509", "https://secrets.vaults.us-phoenix-1.oci.oraclecloud.com/20190301/secrets",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		require.NoError(t, err)
		response, err := s.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusNotFound, response.StatusCode, target)
		assert.NotEmpty(t, response.Header.Get("opc-request-id"))
	}
	// The API and the console of the APM sandbox are not available at the
	// upload endpoint.
	for _, path := range []string{"/api/v1/counts", "/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.UploadEndpoint()+path, http.NoBody)
		require.NoError(t, err)
		response, err := s.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusForbidden, response.StatusCode, path)
	}
}

// TestTunnels checks that a tunnel leads to one host only.
func TestTunnels(t *testing.T) {
	s := start(t)
	const host = "apm-cp.us-phoenix-1.oci.oraclecloud.com"
	connect := func(greeting string) (*tls.Conn, error) {
		t.Helper()
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", s.server.address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "CONNECT "+host+":443 HTTP/1.1\r\nHost: "+host+":443\r\n\r\n")
		require.NoError(t, err)
		answer := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		_, err = io.ReadFull(conn, answer)
		require.NoError(t, err)
		config := s.server.tlsCA.clientConfig()
		config.ServerName = greeting
		secure := tls.Client(conn, config)
		err = secure.HandshakeContext(t.Context())
		return secure, err
	}
	_, err := connect("auth.us-phoenix-1.oraclecloud.com")
	require.Error(t, err, "the TLS handshake is for another host")

	secure, err := connect(host)
	require.NoError(t, err)
	_, err = io.WriteString(secure, "GET / HTTP/1.1\r\nHost: auth.us-phoenix-1.oraclecloud.com\r\n\r\n")
	require.NoError(t, err)
	answer := make([]byte, len("HTTP/1.1 421"))
	_, err = io.ReadFull(secure, answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 421", string(answer))
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, Config{}.Validate())
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{Listen: "0.0.0.0:0"}, "is not a loopback host:port"},
		{Config{Region: "phx"}, "not the identifier of a region"},
		{Config{DomainRegion: "x"}, "not the identifier of a region"},
		{Config{TokenLifetime: -1}, "token lifetime"},
	} {
		require.ErrorContains(t, test.config.Validate(), test.want)
		_, err := Start(t.Context(), test.config, nil, nil)
		require.ErrorContains(t, err, "invalid configuration")
	}
}

func TestClose(t *testing.T) {
	s := start(t)
	assert.FileExists(t, s.server.CAFile())
	require.NoError(t, s.server.Close())
	require.NoError(t, s.server.Close())
	assert.NoFileExists(t, s.server.CAFile())
	_, err := s.server.StartCluster(t.Context(), t.TempDir())
	require.ErrorContains(t, err, "closed")
}
