// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExplainNetwork(t *testing.T) {
	id := New(Config{Type: TypeInstancePrincipal}, "test/1.0")
	defer id.Close()
	wrap := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://user:" + secret + "@host/", Err: err}
	}
	tests := []struct {
		err  error
		want string
	}{
		{err: wrap(&net.DNSError{IsNotFound: true}), want: "(no such host)"},
		{err: wrap(&net.DNSError{IsTimeout: true}), want: "(the DNS does not answer)"},
		{err: wrap(&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}), want: "(the proxy does not answer)"},
		{err: wrap(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), want: "(connection refused)"},
		{err: wrap(&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}), want: "(no route to it)"},
		{err: wrap(context.DeadlineExceeded), want: "(timeout)"},
		{err: wrap(context.Canceled), want: "(stopped)"},
		{err: wrap(x509.UnknownAuthorityError{}), want: "(its certificate is not of a known authority)"},
		{err: wrap(errors.New("Proxy Authentication Required")), want: "(the proxy answers 407 Proxy Authentication Required)"},
		{err: wrap(errors.New("EOF")), want: "(the connection broke off)"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			err := id.Explain(Call{Operation: "GetApmDomain", Region: "eu-frankfurt-1"}, tt.err)
			require.ErrorContains(t, err, "the OCI service for GetApmDomain in eu-frankfurt-1 does not answer "+tt.want+"; allow outbound HTTPS to it")
			requireKind(t, err, KindUnreachable)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

// The answer of a service becomes one sentence. The body of an answer that is
// not from OCI is not quoted.
func TestExplainAnswers(t *testing.T) {
	call := Call{Operation: "GetSecretBundle", Resource: "ocid1.vaultsecret.oc1.fra.x", Noun: "secret", Region: "eu-frankfurt-1", Permission: "read secret-bundles"}
	tests := []struct {
		name   string
		typ    Type
		exists bool
		status int
		body   string
		want   string
		kind   Kind
	}{
		{
			name: "nothing found", typ: TypeInstancePrincipal, status: 404, body: `{"code": "NotAuthorizedOrNotFound", "message": "x"}`, kind: KindNotAllowed,
			want: `OCI refuses GetSecretBundle in eu-frankfurt-1 (404 NotAuthorizedOrNotFound): write the policy statement "Allow dynamic-group <group of the machine> to read secret-bundles in compartment <compartment of the secret>", or correct the OCID if eu-frankfurt-1 has no secret ocid1.vaultsecret.oc1.fra.x (opc-request-id an-id)`,
		},
		{
			name: "known to exist", typ: TypeSessionToken, exists: true, status: 404, body: `{"code": "NotAuthorizedOrNotFound", "message": "x"}`, kind: KindNotAllowed,
			want: `write the policy statement "Allow group <group of the user> to read secret-bundles in compartment <compartment of the secret>" (opc-request-id an-id)`,
		},
		{
			name: "a session", typ: TypeSessionToken, status: 401, body: `{"code": "NotAuthenticated", "message": "x"}`, kind: KindNotAuthenticated,
			want: "OCI does not accept the signature of GetSecretBundle in eu-frankfurt-1 (401 NotAuthenticated): run oci session authenticate --profile-name DEFAULT",
		},
		{
			name: "an instance", typ: TypeInstancePrincipal, status: 401, body: `{"code": "NotAuthenticated", "message": "x"}`, kind: KindNotAuthenticated,
			want: "(401 NotAuthenticated): new credentials are asked for; check the clock of this machine",
		},
		{name: "throttled", typ: TypeInstancePrincipal, status: 429, body: `{"code": "TooManyRequests", "message": "x"}`, kind: KindThrottled, want: "OCI throttles GetSecretBundle in eu-frankfurt-1 (429 TooManyRequests)"},
		{name: "broken", typ: TypeInstancePrincipal, status: 500, body: `{"code": "InternalServerError", "message": "x"}`, kind: KindUnreachable, want: "OCI answered GetSecretBundle in eu-frankfurt-1 with 500 InternalServerError; it is asked again later"},
		{name: "no parameter", typ: TypeInstancePrincipal, status: 400, body: `{"code": "InvalidParameter", "message": "x"}`, kind: KindRejected, want: "with 400 InvalidParameter: check the OCID of the secret"},
		{name: "a proxy's page", typ: TypeInstancePrincipal, status: 503, body: "<html>" + secret, kind: KindUnreachable, want: "with 503 Service Unavailable; it is asked again later"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("opc-request-id", "an-id")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			id := New(Config{Type: tt.typ, ConfigFile: ""}, "test/1.0")
			defer id.Close()
			key, _ := makeKey(t, "")
			id.current.Store(&credentials{keyID: "a/b/c", key: key})
			client := common.DefaultBaseClientWithSigner(common.DefaultRequestSigner(id))
			id.Configure(&client)
			client.Host = server.URL
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
			require.NoError(t, err)
			resp, err := client.Call(t.Context(), req)
			common.CloseBodyIfValid(resp)
			require.Error(t, err)

			asked := call
			asked.Exists = tt.exists
			err = id.Explain(asked, err)
			require.ErrorContains(t, err, tt.want)
			requireKind(t, err, tt.kind)
			assert.NotContains(t, err.Error(), secret)
		})
	}

	t.Run("a token that has ended", func(t *testing.T) {
		key, _ := makeKey(t, "")
		id := &Identity{config: Config{Type: TypeResourcePrincipal}}
		id.current.Store(&credentials{keyID: "ST$" + makeToken(t, key, time.Now().Add(-time.Minute)), key: key})
		err := id.Explain(call, answered{status: 401})
		require.ErrorContains(t, err, "the security token of auth type resource_principal expired at ")
		requireKind(t, err, KindTokenExpired)
	})
}

// answered is the answer of a service.
type answered struct{ status int }

func (a answered) Error() string { return secret }

func (a answered) GetHTTPStatusCode() int { return a.status }

func (answered) GetMessage() string { return secret }

func (answered) GetCode() string { return "NotAuthenticated" }

func (answered) GetOpcRequestID() string { return "an-id" }
