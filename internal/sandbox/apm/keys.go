// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// KeyKind is the kind of the data key in an upload.
type KeyKind string

// The kinds of data key.
const (
	KeyPrivate KeyKind = "private"
	KeyPublic  KeyKind = "public"
	// KeyUnknown is a key that the sandbox does not accept.
	KeyUnknown KeyKind = "unknown"
	// KeyNone is an upload without a readable key.
	KeyNone KeyKind = "none"
)

// authScheme is the scheme before the key in the Authorization header.
const authScheme = "dataKey"

// DataKey is a data key that the sandbox accepts.
type DataKey struct {
	Kind  KeyKind
	Value string
	// Generation counts the replacements of a kind of key; the first key has 0.
	Generation int
}

// keyring holds the accepted data keys.
type keyring struct {
	mu      sync.RWMutex
	private string
	public  string
	// generations is the number of replacements of each kind.
	generations map[KeyKind]int
	// retired contains replaced keys that are still accepted for a while.
	retired []retiredKey
}

// retiredKey is a key that was replaced.
type retiredKey struct {
	key   DataKey
	until time.Time
}

// rotate replaces the keys; an empty one is generated. The old ones are
// accepted until grace has passed.
func (k *keyring) rotate(private, public string, grace time.Duration) error {
	if private == "" {
		private = "sandbox-" + rand.Text()
	}
	if public == "" {
		public = "sandbox-" + rand.Text()
	}
	return k.replace(private, public, grace)
}

// list returns the accepted keys, starting with those that expire soon.
func (k *keyring) list() []DataKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var keys []DataKey
	for _, retired := range k.retired {
		if time.Now().Before(retired.until) {
			keys = append(keys, retired.key)
		}
	}
	return append(keys,
		DataKey{Kind: KeyPrivate, Value: k.private, Generation: k.generations[KeyPrivate]},
		DataKey{Kind: KeyPublic, Value: k.public, Generation: k.generations[KeyPublic]})
}

// validateKeys returns an error if the keys are equal or not valid in a header.
// The error does not contain the keys.
func validateKeys(private, public string) error {
	var errs []error
	for _, key := range []struct{ name, value string }{{"private", private}, {"public", public}} {
		if key.value == "" {
			errs = append(errs, fmt.Errorf("%s key must not be empty", key.name))
		}
		if strings.ContainsFunc(key.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			errs = append(errs, fmt.Errorf("%s key must be printable ASCII without spaces", key.name))
		}
	}
	if private == public {
		errs = append(errs, errors.New("private key and public key must differ"))
	}
	return errors.Join(errs...)
}

// replace replaces the accepted keys; an empty one means no change of that key.
// Replaced keys are accepted until grace has passed.
func (k *keyring) replace(private, public string, grace time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if private == "" {
		private = k.private
	}
	if public == "" {
		public = k.public
	}
	if err := validateKeys(private, public); err != nil {
		return err
	}
	now := time.Now()
	k.retired = slices.DeleteFunc(k.retired, func(r retiredKey) bool { return !now.Before(r.until) })
	k.retire(KeyPrivate, k.private, private, now.Add(grace))
	k.retire(KeyPublic, k.public, public, now.Add(grace))
	k.private, k.public = private, public
	return nil
}

// retire keeps a replaced key.
func (k *keyring) retire(kind KeyKind, old, replacement string, until time.Time) {
	if old == replacement {
		return
	}
	if k.generations == nil {
		k.generations = map[KeyKind]int{}
	}
	k.retired = append(k.retired, retiredKey{key: DataKey{Kind: kind, Value: old, Generation: k.generations[kind]}, until: until})
	k.generations[kind]++
}

// classify reads the values of a request's Authorization header. The problem is
// nil if and only if the kind is private or public.
func (k *keyring) classify(headers []string) (KeyKind, *problem) {
	if len(headers) == 0 {
		return KeyNone, &problem{
			status: 401, reason: "key_missing",
			message: "no Authorization header: send \"Authorization: dataKey <your data key>\"",
		}
	}
	key, ok := strings.CutPrefix(headers[0], authScheme+" ")
	if len(headers) > 1 || !ok || key == "" || strings.ContainsAny(key, " \t") {
		message := "the Authorization header is not \"dataKey <key>\": one header, the word dataKey, one space, the key"
		// Only a known scheme is quoted: an unknown word may be the key.
		switch scheme, _, _ := strings.Cut(strings.ToLower(headers[0]), " "); scheme {
		case "bearer", "basic", "apikey":
			message += "; the scheme sent is " + scheme
		case "datakey":
			if !ok {
				message += "; dataKey is written with a capital K and nothing else"
			}
		}
		return KeyNone, &problem{status: 401, reason: "key_malformed", message: message}
	}
	return k.kindOf(key)
}

// kindOf returns the kind of a key. The problem is nil if and only if the kind is
// private or public.
func (k *keyring) kindOf(key string) (KeyKind, *problem) {
	// All comparisons are always made, on digests, so that neither the time nor
	// the length reveals anything about a key.
	kind := KeyUnknown
	for _, accepted := range k.list() {
		if sameKey(key, accepted.Value) {
			kind = accepted.Kind
		}
	}
	if kind != KeyUnknown {
		return kind, nil
	}
	return KeyUnknown, &problem{
		status: 401, reason: "key_unknown",
		message: "this data key is not one of the domain's: check --private-key and --public-key of the sandbox, or the sender's key",
	}
}

func sameKey(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// redact removes the accepted keys from text that comes from a client.
func (k *keyring) redact(text string) string {
	var pairs []string
	for _, key := range k.list() {
		pairs = append(pairs, key.Value, "[key]")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
