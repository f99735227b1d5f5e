// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // not this program's choice
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// x509Path is the path where oci-go-sdk exchanges an instance's certificate.
const x509Path = "/v1/x509"

// Values of the organizational units in an instance's certificate: oci-go-sdk
// reads the tenancy from them.
const (
	unitTenant      = "opc-tenant:"
	unitCompartment = "opc-compartment:"
	unitInstance    = "opc-instance:"
	unitType        = "opc-certtype:instance"
)

// instance is the compute instance whose identity and metadata the sandbox
// serves.
type instance struct {
	id          string
	tenancy     string
	compartment string
	created     time.Time

	root         *authority // the root that OCI trusts
	intermediate *authority
	key          *rsa.PrivateKey
	certificate  *x509.Certificate
}

func newInstance(region, tenancy string) (*instance, error) {
	i := &instance{
		id:          newOCID("instance", region),
		tenancy:     tenancy,
		compartment: newOCID("compartment", ""),
		created:     time.Now(),
	}
	var err error
	if i.root, err = newAuthority("PKISVC Identity Root", nil); err != nil {
		return nil, err
	}
	if i.intermediate, err = newAuthority("PKISVC Identity Intermediate "+region, i.root); err != nil {
		return nil, err
	}
	if i.key, err = newRSAKey(); err != nil {
		return nil, err
	}
	template := newTemplate(pkix.Name{
		CommonName: i.id,
		OrganizationalUnit: []string{
			unitType, unitCompartment + i.compartment, unitInstance + i.id, unitTenant + i.tenancy,
		},
	})
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	i.certificate, err = i.intermediate.sign(template, i.key.Public())
	return i, err
}

// federationRequest is the body of the exchange, as oci-go-sdk sends it. The
// certificates and the key are PEM without its first and last line.
type federationRequest struct {
	Certificate              string   `json:"certificate"`
	PublicKey                string   `json:"publicKey"`
	IntermediateCertificates []string `json:"intermediateCertificates"`
	FingerprintAlgorithm     string   `json:"fingerprintAlgorithm"`
}

// ownerOfCertificate returns the instance whose certificate is in the body, and
// the certificate's key. The key id is TENANCY/fed-x509-sha256/FINGERPRINT from
// oci-go-sdk, and TENANCY/fed-x509/FINGERPRINT, with SHA-1, from Oracle's SDK
// for Python.
func (s *Server) ownerOfCertificate(keyID string, body []byte) (Principal, *rsa.PublicKey, *failure) {
	fail := func(detail string) (Principal, *rsa.PublicKey, *failure) {
		return Principal{}, nil, unauthenticated(ReasonCertificate, detail)
	}
	var request federationRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return fail("the body is not JSON")
	}
	leaf, err := parseCertificate(request.Certificate)
	if err != nil {
		return fail("the certificate: " + err.Error())
	}
	intermediates := x509.NewCertPool()
	for _, encoded := range request.IntermediateCertificates {
		certificate, err := parseCertificate(encoded)
		if err != nil {
			return fail("an intermediate certificate: " + err.Error())
		}
		intermediates.AddCert(certificate)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.instance.root.pool(), Intermediates: intermediates, CurrentTime: s.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return fail(err.Error())
	}
	tenancy := unitOf(leaf, unitTenant)
	if !slices.Contains([]string{
		tenancy + "/" + certificateKeyID + "/" + fingerprintOf(leaf),
		tenancy + "/" + oldCertificateKeyID + "/" + oldFingerprintOf(leaf),
	}, keyID) {
		return fail("the key id is not that of the certificate")
	}
	public, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fail("the certificate's key is not RSA")
	}
	return Principal{Type: PrincipalInstance, ID: unitOf(leaf, unitInstance), Tenancy: tenancy}, public, nil
}

// exchangeCertificate issues a token for the key that an instance has generated
// for the session.
func (s *Server) exchangeCertificate(c *call) (any, *failure) {
	var request federationRequest
	if err := json.Unmarshal(c.body, &request); err != nil {
		return nil, invalidParameter("The body is not JSON.")
	}
	public, err := parsePublicKey(request.PublicKey)
	if err != nil {
		return nil, invalidParameter("publicKey: " + err.Error())
	}
	token, err := s.issueToken(c.principal, public, map[string]any{
		"ttype": "x509", "opc-certtype": "instance", "opc-instance": s.instance.id,
		"opc-tenant": s.instance.tenancy, "opc-compartment": s.instance.compartment,
	})
	if err != nil {
		return nil, s.internal(err)
	}
	return map[string]string{"token": token}, nil
}

// issueToken returns a token with the configured lifetime.
func (s *Server) issueToken(p Principal, public *rsa.PublicKey, extra map[string]any) (string, error) {
	s.mu.Lock()
	lifetime := s.config.TokenLifetime
	s.mu.Unlock()
	return s.tokens.issue(p, public, extra, s.now(), lifetime)
}

// SetTokenLifetime changes the lifetime of new tokens.
func (s *Server) SetTokenLifetime(lifetime time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.TokenLifetime = lifetime
}

func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return x509.ParseCertificate(der)
}

func parsePublicKey(text string) (*rsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("not a public key: %w", err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a %T is not an RSA key", key)
	}
	return public, nil
}

// fingerprintOf returns the SHA-256 of a certificate in oci-go-sdk's format.
func fingerprintOf(certificate *x509.Certificate) string {
	digest := sha256.Sum256(certificate.Raw)
	return colonSeparated(digest[:])
}

// oldFingerprintOf returns the SHA-1 of a certificate in the format of the SDK
// for Python.
func oldFingerprintOf(certificate *x509.Certificate) string {
	digest := sha1.Sum(certificate.Raw) //nolint:gosec // not this program's choice
	return strings.ToUpper(colonSeparated(digest[:]))
}

func colonSeparated(digest []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", digest), " ", ":")
}

func unitOf(certificate *x509.Certificate, prefix string) string {
	for _, unit := range certificate.Subject.OrganizationalUnit {
		if value, ok := strings.CutPrefix(unit, prefix); ok {
			return value
		}
	}
	return ""
}
