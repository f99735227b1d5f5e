// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocivaultprovider"

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// The type of resource in the OCID of a secret.
const secretKind = "vaultsecret"

var (
	errNoObject  = errors.New("its content is not a JSON object, and #key chooses from one; remove #key, or store an object")
	errNoSuchKey = errors.New("no such key in its JSON object")
	errEmptied   = errors.New("the value has become empty")
)

// reference is the part of a URI after the scheme: OCID#key:-default.
type reference struct {
	ocid        string
	key         string
	hasKey      bool
	fallback    string
	hasFallback bool
}

// parse parses a URI. No error contains the default, which may be a secret
// itself.
func parse(uri string) (reference, error) {
	spec, ok := strings.CutPrefix(uri, schemeName+":")
	if !ok {
		scheme, _, _ := strings.Cut(uri, ":")
		return reference{}, fmt.Errorf("scheme %q is not supported by %q provider", scheme, schemeName)
	}
	var ref reference
	selector, fallback, hasFallback := strings.Cut(spec, ":-")
	ref.fallback, ref.hasFallback = fallback, hasFallback
	ref.ocid, ref.key, ref.hasKey = strings.Cut(selector, "#")
	if ref.ocid == "" && ref.hasFallback {
		return ref, nil
	}
	if ref.hasKey && ref.key == "" {
		return reference{}, fmt.Errorf("%s: secret %s: no key after the #; write the key of a value in its JSON object, or remove the #", schemeName, ref.ocid)
	}
	if _, err := ociauth.RegionOf(ref.ocid, secretKind); err != nil {
		return reference{}, fmt.Errorf("%s: the OCID of the secret, %q: %w", schemeName, ref.ocid, err)
	}
	return ref, nil
}

// value is the value of a reference.
type value struct {
	text string
	// literal reports that the text is a JSON number, true or false, and not a
	// string.
	literal bool
}

// choose returns the part of a secret's content that the reference selects. No
// error contains any of the content.
func (ref reference) choose(content string) (value, error) {
	if !ref.hasKey {
		return value{text: content}, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(content), &object); err != nil || object == nil {
		return value{}, errNoObject
	}
	raw, ok := object[ref.key]
	if !ok {
		return value{}, fmt.Errorf("%w: %q", errNoSuchKey, ref.key)
	}
	if bytes.HasPrefix(raw, []byte(`"`)) {
		var text string
		err := json.Unmarshal(raw, &text)
		return value{text: text}, err
	}
	if bytes.ContainsAny(raw[:1], "[{n") {
		return value{}, fmt.Errorf("the value of %q in its JSON object is not a string, a number, true or false", ref.key)
	}
	return value{text: string(raw), literal: true}, nil
}
