// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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

// makeKey returns a private key and its PEM, which is encrypted if the pass
// phrase is not empty.
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

// Files are read on each use: a replaced key takes effect at once. Errors do
// not quote the content of the files.
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

// A call to a service that accepts the connection and never answers times out.
func TestCallsAreBounded(t *testing.T) {
	id := New(Config{Type: TypeConfigFile}, "test/1.0")
	defer id.Close()
	var client common.BaseClient
	id.Configure(&client)
	used, ok := client.HTTPClient.(*http.Client)
	require.True(t, ok)
	assert.Equal(t, callTimeout, used.Timeout)
	assert.LessOrEqual(t, callTimeout, time.Minute)
}

// The SDK's clients ask for a key when they are created.
func TestUnpreparedIdentity(t *testing.T) {
	id := New(Config{Type: TypeInstancePrincipal}, "test/1.0")
	_, err := id.KeyID()
	require.ErrorIs(t, err, errNotPrepared)
	_, err = id.PrivateRSAKey()
	require.ErrorIs(t, err, errNotPrepared)
}

// sourceFunc is a source of credentials for a test.
type sourceFunc func(context.Context) (credentials, error)

func (f sourceFunc) credentials(ctx context.Context) (credentials, error) { return f(ctx) }
func (sourceFunc) forget()                                                {}

// Prepare returns, whatever the SDK does.
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
				time.Sleep(time.Hour) // ignores the context, as the SDK does
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
