// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The rules of OCI's request signatures:
// https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm
const (
	signatureScheme    = "Signature"
	signatureVersion   = "1"
	signatureAlgorithm = "rsa-sha256"
	requestTarget      = "(request-target)"
	bodyDigest         = "x-content-sha256"
	// maxSkew is the maximum difference between the date of a request and the
	// server's clock.
	maxSkew = 5 * time.Minute
)

// bodyHeaders must be signed if the method has a body.
var bodyHeaders = []string{"content-length", "content-type", bodyDigest}

// signature holds the fields of an Authorization header.
type signature struct {
	keyID   string
	headers []string // in the order in which they were signed, lower case
	value   []byte
}

var errNotSigned = errors.New("no Authorization header")

// parseSignature parses an Authorization header. No error quotes a part of it,
// since a key id may be a token.
func parseSignature(header string) (signature, error) {
	if header == "" {
		return signature{}, errNotSigned
	}
	if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
		return signature{}, errors.New("the header is not printable ASCII")
	}
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, signatureScheme) {
		return signature{}, errors.New("the scheme is not Signature")
	}
	fields, err := parseFields(rest)
	if err != nil {
		return signature{}, err
	}
	for _, name := range []string{"keyId", "algorithm", "signature", "headers"} {
		if fields[name] == "" {
			return signature{}, fmt.Errorf("the field %s is missing", name)
		}
	}
	if version, ok := fields["version"]; ok && version != signatureVersion {
		return signature{}, errors.New("the version is not " + signatureVersion)
	}
	if fields["algorithm"] != signatureAlgorithm {
		return signature{}, errors.New("the algorithm is not " + signatureAlgorithm)
	}
	value, err := base64.StdEncoding.DecodeString(fields["signature"])
	if err != nil {
		return signature{}, errors.New("the signature is not base64")
	}
	headers := strings.Split(strings.ToLower(fields["headers"]), " ")
	for i, name := range headers {
		if name == "" || slices.Contains(headers[:i], name) {
			return signature{}, errors.New("the list of headers has an empty or a repeated name")
		}
	}
	return signature{keyID: fields["keyId"], headers: headers, value: value}, nil
}

// parseFields reads name="value" pairs with commas between them. OCI's values
// have no quotation marks inside, so there is no escaping.
func parseFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	for {
		name, rest, ok := strings.Cut(strings.TrimLeft(text, " "), `="`)
		if !ok || name == "" || strings.ContainsAny(name, ` ",`) {
			return nil, errors.New(`a field is not name="value"`)
		}
		value, rest, ok := strings.Cut(rest, `"`)
		if !ok {
			return nil, errors.New("a value has no closing quotation mark")
		}
		if _, repeated := fields[name]; repeated {
			return nil, errors.New("a field is repeated")
		}
		fields[name] = value
		if rest == "" {
			return fields, nil
		}
		if text, ok = strings.CutPrefix(rest, ","); !ok {
			return nil, errors.New("fields are not separated by commas")
		}
	}
}

// signsBody reports whether OCI requires the body of such a request to be
// signed.
func signsBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// missingHeader returns a header that should have been signed and was not, or
// "". The endpoint for certificates does not require the host, since oci-go-sdk
// does not sign it there.
func (s signature) missingHeader(method string, wantHost bool) string {
	wanted := []string{requestTarget}
	if wantHost {
		wanted = append(wanted, "host")
	}
	if signsBody(method) {
		wanted = append(wanted, bodyHeaders...)
	}
	if !slices.Contains(s.headers, "date") && !slices.Contains(s.headers, "x-date") {
		return "date"
	}
	for _, name := range wanted {
		if !slices.Contains(s.headers, name) {
			return name
		}
	}
	return ""
}

// date returns the time when the request was signed.
func (s signature) date(r *http.Request) (time.Time, error) {
	name := "date"
	if slices.Contains(s.headers, "x-date") {
		name = "x-date"
	}
	date, err := http.ParseTime(r.Header.Get(name))
	if err != nil {
		return time.Time{}, errors.New(name + " is not an HTTP date")
	}
	return date, nil
}

// signedText returns the text that the caller has signed. missing is a header
// that the request does not have.
func (s signature) signedText(r *http.Request) (text, missing string) {
	lines := make([]string, 0, len(s.headers))
	for _, name := range s.headers {
		var value string
		switch name {
		case requestTarget:
			value = strings.ToLower(r.Method) + " " + r.URL.RequestURI()
		case "host":
			value = r.Host
		case "content-length":
			// net/http keeps this value outside of the headers.
			value = strconv.FormatInt(max(r.ContentLength, 0), 10)
		default:
			values := r.Header.Values(name)
			if len(values) == 0 {
				return "", name
			}
			value = strings.Join(values, ", ")
		}
		lines = append(lines, name+": "+value)
	}
	return strings.Join(lines, "\n"), ""
}

// verify reports whether the owner of the key has signed text.
func (s signature) verify(key *rsa.PublicKey, text string) bool {
	digest := sha256.Sum256([]byte(text))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], s.value) == nil
}

// sameDigest reports whether header is the digest of body.
func sameDigest(header string, body []byte) bool {
	digest := sha256.Sum256(body)
	want := base64.StdEncoding.EncodeToString(digest[:])
	return subtle.ConstantTimeCompare([]byte(header), []byte(want)) == 1
}
