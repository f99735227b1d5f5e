// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Values of a token's claims, as in the tokens of the real service.
const (
	tokenIssuer   = "authService.oracle.com" //nolint:gosec // a name, no secret
	tokenAudience = "oci"
	claimKey      = "jwk"
	claimTenant   = "tenant"
	claimType     = "ptype"
)

// PrincipalType is the kind of caller that signed a request.
type PrincipalType string

// The kinds of callers.
const (
	// PrincipalUser is a user with an API key or a session token.
	PrincipalUser PrincipalType = "user"
	// PrincipalInstance is a compute instance.
	PrincipalInstance PrincipalType = "instance"
	// PrincipalResource is a resource principal, such as a function.
	PrincipalResource PrincipalType = "resource"
	// PrincipalWorkload is a service account of a Kubernetes cluster (OKE).
	PrincipalWorkload PrincipalType = "workload"
)

// Principal is the signer of a request.
type Principal struct {
	Type    PrincipalType `json:"type"`
	ID      string        `json:"id"`
	Tenancy string        `json:"tenancy"`
}

// issuer issues and checks the tokens of the sandbox.
type issuer struct {
	key *rsa.PrivateKey

	mu     sync.Mutex
	issued map[string]struct{} // ids of the tokens that are still valid
}

func newIssuer() (*issuer, error) {
	key, err := newRSAKey()
	if err != nil {
		return nil, err
	}
	return &issuer{key: key, issued: map[string]struct{}{}}, nil
}

// issue returns a token for a principal who signs with the private key that
// belongs to public.
func (i *issuer) issue(p Principal, public *rsa.PublicKey, extra map[string]any, now time.Time, lifetime time.Duration) (string, error) {
	key, err := encodeKey(public)
	if err != nil {
		return "", err
	}
	id := rand.Text()
	claims := jwt.MapClaims{
		"iss": tokenIssuer, "aud": tokenAudience, "sub": p.ID, "jti": id,
		"iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
		claimType: string(p.Type), claimTenant: p.Tenancy, claimKey: key,
	}
	for name, value := range extra {
		claims[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "asw"
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued[id] = struct{}{}
	return signed, nil
}

// revoke expires all tokens that were issued so far.
func (i *issuer) revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.issued)
}

// check returns the owner of a token, and the key that the owner signs with.
func (i *issuer) check(text string, now time.Time) (Principal, *rsa.PublicKey, *failure) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return i.key.Public(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer(tokenIssuer), jwt.WithAudience(tokenAudience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	if errors.Is(err, jwt.ErrTokenExpired) {
		return Principal{}, nil, unauthenticated(ReasonTokenExpired, "the token has expired")
	}
	if err != nil {
		// The error may contain the token.
		return Principal{}, nil, unauthenticated(ReasonToken, "the token was not issued here, or has been changed")
	}
	id, _ := claims["jti"].(string)
	i.mu.Lock()
	_, good := i.issued[id]
	i.mu.Unlock()
	if !good {
		return Principal{}, nil, unauthenticated(ReasonTokenExpired, "the token has been revoked")
	}
	text, _ = claims[claimKey].(string)
	public, err := decodeKey(text)
	if err != nil {
		return Principal{}, nil, unauthenticated(ReasonToken, err.Error())
	}
	subject, _ := claims["sub"].(string)
	kind, _ := claims[claimType].(string)
	tenancy, _ := claims[claimTenant].(string)
	return Principal{Type: PrincipalType(kind), ID: subject, Tenancy: tenancy}, public, nil
}

// webKey is a public key in the format of a token (RFC 7517).
type webKey struct {
	ID        string `json:"kid"`
	Type      string `json:"kty"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

func encodeKey(public *rsa.PublicKey) (string, error) {
	encoded, err := json.Marshal(webKey{
		ID: "session", Type: "RSA", Algorithm: jwt.SigningMethodRS256.Alg(), Use: "sig",
		Modulus:  base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	})
	if err != nil {
		return "", fmt.Errorf("encode a public key: %w", err)
	}
	return string(encoded), nil
}

func decodeKey(text string) (*rsa.PublicKey, error) {
	var key webKey
	if err := json.Unmarshal([]byte(text), &key); err != nil {
		return nil, fmt.Errorf("the token's key is not JSON: %w", err)
	}
	modulus, err := base64.RawURLEncoding.DecodeString(key.Modulus)
	if err != nil {
		return nil, fmt.Errorf("the modulus of the token's key: %w", err)
	}
	exponent, err := base64.RawURLEncoding.DecodeString(key.Exponent)
	if err != nil {
		return nil, fmt.Errorf("the exponent of the token's key: %w", err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}, nil
}

// newOCID returns a unique identifier in OCI's format. The region is empty for
// a resource without one, such as a tenancy.
func newOCID(kind, region string) string {
	unique := strings.ToLower(rand.Text() + rand.Text() + rand.Text())
	return "ocid1." + kind + ".oc1." + regionKey(region) + "." + "aaaaaaaa" + unique[:52]
}

// regionKey returns the form of a region in OCIDs and instance metadata: the
// oldest regions have short names.
func regionKey(region string) string {
	switch region {
	case "us-phoenix-1":
		return "phx"
	case "us-ashburn-1":
		return "iad"
	}
	return region
}
