// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/rsa"
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	// tokenPrefix precedes a token in a signature's key id.
	tokenPrefix = "ST$"
	// certificateKeyID is part of the key id of a request that is signed with
	// the key of an instance's certificate.
	certificateKeyID    = "fed-x509-sha256"
	oldCertificateKeyID = "fed-x509"
)

// apiKey is the public half of a registered API key of a user.
type apiKey struct {
	principal Principal
	public    *rsa.PublicKey
}

// authenticate returns the signer of a request, or the reason to reject it. The
// body has already been read.
func (s *Server) authenticate(r *http.Request, body []byte, federation bool) (Principal, *failure) {
	if len(r.Header.Values("Authorization")) > 1 {
		return Principal{}, unauthenticated(ReasonMalformed, "several Authorization headers")
	}
	sig, err := parseSignature(r.Header.Get("Authorization"))
	if errors.Is(err, errNotSigned) {
		return Principal{}, unauthenticated(ReasonNotSigned, err.Error())
	}
	if err != nil {
		return Principal{}, unauthenticated(ReasonMalformed, err.Error())
	}
	if name := sig.missingHeader(r.Method, !federation); name != "" {
		return Principal{}, unauthenticated(ReasonHeaderUnsigned, "the signature does not cover "+name)
	}
	text, missing := sig.signedText(r)
	if missing != "" {
		return Principal{}, unauthenticated(ReasonHeaderUnsigned, "a signed header is not in the request")
	}
	now := s.now()
	date, err := sig.date(r)
	if err != nil {
		return Principal{}, unauthenticated(ReasonDate, err.Error())
	}
	// The Date header has no fractions of a second.
	if skew := date.Sub(now.Truncate(time.Second)); skew > maxSkew || skew < -maxSkew {
		return Principal{}, skewed(date, now)
	}
	if signsBody(r.Method) && !sameDigest(r.Header.Get(bodyDigest), body) {
		return Principal{}, unauthenticated(ReasonDigest, "the body is not the one whose digest was signed")
	}
	principal, public, f := s.ownerOf(sig.keyID, body, federation)
	if f != nil {
		return Principal{}, f
	}
	if !sig.verify(public, text) {
		return Principal{}, unauthenticated(ReasonSignature, "the signature was not made by the key over this request")
	}
	return principal, nil
}

// ownerOf returns the owner of the key with a key id.
func (s *Server) ownerOf(keyID string, body []byte, federation bool) (Principal, *rsa.PublicKey, *failure) {
	if federation {
		return s.ownerOfCertificate(keyID, body)
	}
	if token, ok := strings.CutPrefix(keyID, tokenPrefix); ok {
		return s.tokens.check(token, s.now())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.apiKeys[keyID]
	if !ok {
		return Principal{}, nil, unauthenticated(ReasonUnknownKey, "no user has this API key")
	}
	return key.principal, key.public, nil
}
