// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
)

const secret = "SECRET0123456789"

// makeKey returns a private key and its PEM, which a pass phrase encrypts if it
// is not empty.
func makeKey(t *testing.T, phrase string) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	if phrase != "" {
		der, err := pkcs8.MarshalPrivateKey(key, []byte(phrase), nil)
		require.NoError(t, err)
		return key, string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}))
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func makeToken(t *testing.T, key *rsa.PrivateKey, end time.Time) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(end)}).SignedString(key)
	require.NoError(t, err)
	return token
}

func requireKind(t *testing.T, err error, want Kind) {
	t.Helper()
	var known *Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, want, known.Kind)
}

// Files are read anew each time: a key that is replaced is used at once, and what
// is wrong with them is said without their content.
func TestConfigFile(t *testing.T) {
	key, plain := makeKey(t, "")
	_, encrypted := makeKey(t, "correct horse battery staple")
	fresh := makeToken(t, key, time.Now().Add(time.Hour))
	stale := makeToken(t, key, time.Now().Add(-time.Hour))
	const whole = "[DEFAULT]\nuser=ocid1.user.oc1..u\ntenancy=ocid1.tenancy.oc1..t\nfingerprint=aa:bb\nkey_file=DIR/key.pem\nsecurity_token_file=DIR/token\n"

	tests := []struct {
		name     string
		typ      Type
		files    map[string]string
		want     string // key id
		wantErr  string
		wantKind Kind
	}{
		{name: "API key", typ: TypeConfigFile, files: map[string]string{"config": whole, "key.pem": plain}, want: "ocid1.tenancy.oc1..t/ocid1.user.oc1..u/aa:bb"},
		{name: "encrypted API key", typ: TypeConfigFile, files: map[string]string{"config": whole + "pass_phrase=correct horse battery staple\n", "key.pem": encrypted}, want: "ocid1.tenancy.oc1..t/ocid1.user.oc1..u/aa:bb"},
		{name: "old name of the pass phrase", typ: TypeConfigFile, files: map[string]string{"config": whole + "passphrase=correct horse battery staple\n", "key.pem": encrypted}, want: "ocid1.tenancy.oc1..t/ocid1.user.oc1..u/aa:bb"},
		{name: "session", typ: TypeSessionToken, files: map[string]string{"config": whole, "key.pem": plain, "token": fresh + "\n"}, want: "ST$" + fresh},
		{name: "no file", typ: TypeConfigFile, wantErr: "/config does not exist: write it with oci setup config", wantKind: KindConfigFile},
		{name: "no profile", typ: TypeConfigFile, files: map[string]string{"config": "[OTHER]\n"}, wantErr: "has no profile [DEFAULT]", wantKind: KindConfigFile},
		{name: "no key_file", typ: TypeConfigFile, files: map[string]string{"config": "[DEFAULT]\nuser=u\n"}, wantErr: "profile [DEFAULT] of DIR/config has no key_file: see https://docs.oracle.com/", wantKind: KindConfigFile},
		{name: "no user", typ: TypeConfigFile, files: map[string]string{"config": strings.Replace(whole, "user=", "usr=", 1), "key.pem": plain}, wantErr: "has no user", wantKind: KindConfigFile},
		{name: "no key", typ: TypeConfigFile, files: map[string]string{"config": whole}, wantErr: "the key file DIR/key.pem does not exist: correct key_file", wantKind: KindConfigFile},
		{name: "a key that is none", typ: TypeConfigFile, files: map[string]string{"config": whole, "key.pem": secret}, wantErr: "holds no RSA private key in PEM form", wantKind: KindConfigFile},
		{name: "no pass phrase", typ: TypeConfigFile, files: map[string]string{"config": whole, "key.pem": encrypted}, wantErr: "is encrypted: write its pass_phrase into the profile", wantKind: KindConfigFile},
		{name: "wrong pass phrase", typ: TypeConfigFile, files: map[string]string{"config": whole + "pass_phrase=" + secret + "\n", "key.pem": encrypted}, wantErr: "does not open with the pass_phrase of the profile", wantKind: KindConfigFile},
		{name: "no session", typ: TypeSessionToken, files: map[string]string{"config": whole, "key.pem": plain}, wantErr: "the security token file DIR/token does not exist: run oci session authenticate --profile-name DEFAULT", wantKind: KindConfigFile},
		{name: "empty session", typ: TypeSessionToken, files: map[string]string{"config": whole, "key.pem": plain, "token": "\n"}, wantErr: "is empty: run oci session authenticate", wantKind: KindConfigFile},
		{name: "session that has ended", typ: TypeSessionToken, files: map[string]string{"config": whole, "key.pem": plain, "token": stale}, wantErr: "the session of profile [DEFAULT] expired at ", wantKind: KindTokenExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(content, "DIR", dir)), 0o600))
			}
			id := New(Config{Type: tt.typ, ConfigFile: filepath.Join(dir, "config")}, "test/1.0")
			defer id.Close()
			err := id.Prepare(t.Context())
			if tt.wantErr != "" {
				require.ErrorContains(t, err, strings.ReplaceAll(tt.wantErr, "DIR", dir))
				requireKind(t, err, tt.wantKind)
				assert.NotContains(t, err.Error(), secret)
				assert.NotContains(t, err.Error(), stale)
				return
			}
			require.NoError(t, err)
			got, err := id.KeyID()
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			private, err := id.PrivateRSAKey()
			require.NoError(t, err)
			assert.NotNil(t, private)
			valid, err := common.IsConfigurationProviderValid(id)
			require.NoError(t, err)
			assert.True(t, valid)
		})
	}

	t.Run("a key that is replaced", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte(strings.ReplaceAll(whole, "DIR", dir)), 0o600))
		id := New(Config{Type: TypeConfigFile, ConfigFile: filepath.Join(dir, "config")}, "test/1.0")
		defer id.Close()
		for range 2 {
			key, text := makeKey(t, "")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "key.pem"), []byte(text), 0o600))
			require.NoError(t, id.Prepare(t.Context()))
			got, err := id.PrivateRSAKey()
			require.NoError(t, err)
			assert.True(t, key.Equal(got))
		}
	})
}

func TestNothingIsPrinted(t *testing.T) {
	id := New(Config{Type: TypeConfigFile}, "test/1.0")
	defer id.Close()
	key, _ := makeKey(t, "")
	current := credentials{keyID: "ST$" + secret, key: key}
	id.current.Store(&current)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.Equal(t, redacted, fmt.Sprintf(verb, current))
		assert.Equal(t, redacted, fmt.Sprintf(verb, &current))
		assert.Equal(t, "identity of type config_file", fmt.Sprintf(verb, id))
	}
}

// The clients of the SDK ask for a key when they are made.
func TestUnpreparedIdentity(t *testing.T) {
	id := New(Config{Type: TypeInstancePrincipal}, "test/1.0")
	_, err := id.KeyID()
	require.ErrorIs(t, err, errNotPrepared)
	_, err = id.PrivateRSAKey()
	require.ErrorIs(t, err, errNotPrepared)
}

// sourceFunc is a source of credentials of a test.
type sourceFunc func(context.Context) (credentials, error)

func (f sourceFunc) credentials(ctx context.Context) (credentials, error) { return f(ctx) }
func (sourceFunc) forget()                                                {}

// Whatever the SDK does, Prepare returns.
func TestPrepareIsBounded(t *testing.T) {
	t.Run("panic", func(t *testing.T) {
		id := &Identity{config: Config{Type: TypeWorkloadIdentity}, source: sourceFunc(func(context.Context) (credentials, error) { panic(secret) })}
		err := id.Prepare(t.Context())
		require.ErrorContains(t, err, "the credentials for auth type workload_identity are not in the form that the OCI SDK expects")
		assert.NotContains(t, err.Error(), secret)
	})
	t.Run("hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			id := &Identity{config: Config{Type: TypeResourcePrincipal}, source: sourceFunc(func(context.Context) (credentials, error) {
				time.Sleep(time.Hour) // without a look at the context, as the SDK does
				return credentials{}, nil
			})}
			begin := time.Now()
			err := id.Prepare(t.Context())
			require.ErrorContains(t, err, "getting credentials of auth type resource_principal took too long")
			requireKind(t, err, KindUnreachable)
			assert.Equal(t, callTimeout, time.Since(begin))
			time.Sleep(2 * time.Hour)
		})
	})
}

// Where the metadata service or the token service fails, the SDK neither sleeps
// nor repeats, and the error is of what failed.
func TestInstancePrincipalFails(t *testing.T) {
	_, keyPEM := makeKey(t, "")
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		{
			name:   "no such service",
			answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusNotFound) },
			want:   "answered /opc/v2/instance/region with 404; auth type instance_principal works on Compute instances of OCI only",
		},
		{
			name: "no certificate",
			answer: func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/region") {
					w.WriteHeader(http.StatusInternalServerError)
				}
			},
			want: "answered /opc/v2/identity/cert.pem with 500",
		},
		{
			name: "a certificate that is none",
			answer: func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/key.pem") {
					_, _ = w.Write([]byte(keyPEM))
					return
				}
				_, _ = w.Write([]byte(secret))
			},
			want: "is not in the form that the OCI SDK expects",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "Bearer Oracle", r.Header.Get("Authorization"))
				requests++
				tt.answer(w, r)
			}))
			defer server.Close()
			t.Setenv("OCI_METADATA_BASE_URL", server.URL+"/opc/v2")
			id := New(Config{Type: TypeInstancePrincipal}, "test/1.0")
			defer id.Close()
			err := id.Prepare(t.Context())
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), secret)
			assert.LessOrEqual(t, requests, 3)
		})
	}
}

// The environment's proxy is asked for the metadata service only where it is on
// this machine.
func TestLocalProxy(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/opc/v2/instance/region", http.NoBody)
	for proxy, want := range map[string]bool{
		"http://127.0.0.1:3128": true, "http://[::1]:3128": true,
		"http://10.0.0.7:3128": false, "http://proxy.example.com:3128": false,
	} {
		t.Run(proxy, func(t *testing.T) {
			parsed, err := url.Parse(proxy)
			require.NoError(t, err)
			got, err := localProxy(http.ProxyURL(parsed))(req)
			require.NoError(t, err)
			assert.Equal(t, want, got != nil)
		})
	}
	got, err := localProxy(http.ProxyURL(nil))(req)
	require.NoError(t, err)
	assert.Nil(t, got)
}

func TestRefusedExchange(t *testing.T) {
	tests := []struct {
		status int
		date   time.Time
		kind   Kind
		want   string
	}{
		{status: 401, date: time.Now(), kind: KindFederation, want: "the token service auth refused the certificate of this instance with 401: check that its dynamic group matches this instance"},
		{status: 401, date: time.Now().Add(10 * time.Minute), kind: KindClockSkew, want: "the clock of this machine is 10m0s behind OCI's"},
		{status: 429, date: time.Now(), kind: KindThrottled, want: "throttles this machine (429)"},
		{status: 503, date: time.Now(), kind: KindUnreachable, want: "answered with 503; it is asked again later"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			got := refusedExchange("auth", &http.Response{StatusCode: tt.status, Header: http.Header{
				"Date": {tt.date.UTC().Format(http.TimeFormat)}, "Opc-Request-Id": {"an-id"},
			}})
			require.ErrorContains(t, got, tt.want)
			assert.Equal(t, tt.kind, got.Kind)
			if tt.kind != KindThrottled {
				require.ErrorContains(t, got, "(opc-request-id an-id)")
			}
		})
	}
}

// What the SDK says of a workload can hold the token of the service account: the
// texts are those of version 65.129.0.
func TestWorkloadError(t *testing.T) {
	tests := []struct {
		text string
		kind Kind
		want string
	}{
		{text: "please ensure the cluster type is enhanced: Status: 403 Forbidden, Message: " + secret, kind: KindFederation, want: "it needs an enhanced cluster"},
		{text: "failed to get a Workload Identity token. Status: 401 Unauthorized, Message: " + secret, kind: KindFederation, want: "OKE refuses the service account token of this pod (401)"},
		{text: "failed to get a Workload Identity token. Status: 429 Too Many Requests, Message: " + secret, kind: KindThrottled, want: "(429)"},
		{text: "failed to get a Workload Identity token. Status: 502 Bad Gateway, Message: " + secret, kind: KindUnreachable, want: "OKE gave no token for this pod (502)"},
		{text: `error getting service account token error validating service account token: failed to parse the default service token string "` + secret + `"`, kind: KindEnvironment, want: "cannot be used, or has expired"},
		{text: "tls: failed to verify certificate: x509: certificate signed by unknown authority", kind: KindUnreachable, want: "ca.crt does not know"},
		{text: "dial tcp 10.96.0.1:12250: connect: connection refused", kind: KindUnreachable, want: "port 12250 of the cluster's API server does not answer"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			got := workloadError(errors.New(tt.text))
			assert.Equal(t, tt.kind, got.Kind)
			require.ErrorContains(t, got, tt.want)
			assert.NotContains(t, got.Error(), secret)
		})
	}
}

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

// What a service answers becomes one sentence. The body of an answer that is not
// OCI's is not repeated.
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

// answered is an answer of a service.
type answered struct{ status int }

func (a answered) Error() string          { return secret }
func (a answered) GetHTTPStatusCode() int { return a.status }
func (answered) GetMessage() string       { return secret }
func (answered) GetCode() string          { return "NotAuthenticated" }
func (answered) GetOpcRequestID() string  { return "an-id" }

// The environment of a resource principal that is not whole.
func TestResourcePrincipalEnvironment(t *testing.T) {
	key, keyPEM := makeKey(t, "")
	dir := t.TempDir()
	path := func(name, content string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	whole := map[string]string{
		"OCI_RESOURCE_PRINCIPAL_VERSION":     "2.2",
		"OCI_RESOURCE_PRINCIPAL_REGION":      "eu-frankfurt-1",
		"OCI_RESOURCE_PRINCIPAL_RPST":        path("rpst", makeToken(t, key, time.Now().Add(time.Hour))),
		"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": path("key.pem", keyPEM),
	}
	tests := []struct {
		name    string
		change  map[string]string
		wantErr string
	}{
		{name: "files"},
		{name: "contents", change: map[string]string{"OCI_RESOURCE_PRINCIPAL_RPST": makeToken(t, key, time.Now().Add(time.Hour)), "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": keyPEM}},
		{name: "no version", change: map[string]string{"OCI_RESOURCE_PRINCIPAL_VERSION": ""}, wantErr: "the environment has no OCI_RESOURCE_PRINCIPAL_VERSION"},
		{name: "no token", change: map[string]string{"OCI_RESOURCE_PRINCIPAL_RPST": ""}, wantErr: "the environment has no OCI_RESOURCE_PRINCIPAL_RPST: OCI sets them"},
		{name: "a token that is none", change: map[string]string{"OCI_RESOURCE_PRINCIPAL_RPST": path("none", secret)}, wantErr: "cannot be used: check that both are paths"},
		{name: "a token that has expired", change: map[string]string{"OCI_RESOURCE_PRINCIPAL_RPST": path("old", makeToken(t, key, time.Now().Add(-time.Hour)))}, wantErr: "the token in OCI_RESOURCE_PRINCIPAL_RPST expired at "},
		{name: "no key", change: map[string]string{"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": filepath.Join(dir, "missing")}, wantErr: "cannot be used: check that both are paths"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range whole {
				if changed, ok := tt.change[name]; ok {
					value = changed
				}
				t.Setenv(name, value)
			}
			id := New(Config{Type: TypeResourcePrincipal}, "test/1.0")
			defer id.Close()
			err := id.Prepare(t.Context())
			if tt.wantErr == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.wantErr)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}
