// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// If the metadata service or the token service fails, the SDK neither sleeps
// nor retries, and the error is the original one.
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

// Credentials that OCI has rejected are not used again: the next Prepare starts anew.
func TestForgetDropsTheProvider(t *testing.T) {
	stale := New(Config{Type: TypeConfigFile}, "test/1.0")
	defer stale.Close()
	instance, resource := &instancePrincipal{provider: stale}, &resourcePrincipal{provider: stale}
	(&Identity{source: instance}).Forget()
	(&Identity{source: resource}).Forget()
	assert.Nil(t, instance.provider)
	assert.Nil(t, resource.provider)
}

// The environment's proxy is used for the metadata service only if it runs on
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

// The SDK's errors about a workload can contain the token of the service
// account: the texts are those of version 65.129.0.
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

// An incomplete environment for a resource principal.
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
