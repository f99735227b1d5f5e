// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChooseKey(t *testing.T) {
	tests := []struct {
		name     string
		before   []string // listed before; the first is in use
		rejected []string
		keys     []string
		want     string
	}{
		{name: "the first one", keys: []string{"a", "b"}, want: "a"},
		{name: "the one in use", before: []string{"b", "a"}, keys: []string{"a", "b"}, want: "b"},
		{name: "the successor", before: []string{"a"}, keys: []string{"a", "b"}, want: "b"},
		{name: "the replacement", before: []string{"a"}, keys: []string{"b"}, want: "b"},
		{name: "one that is not rejected", before: []string{"a", "b"}, rejected: []string{"a"}, keys: []string{"a", "b"}, want: "b"},
		{name: "not a successor that is rejected", before: []string{"a"}, rejected: []string{"b"}, keys: []string{"a", "b"}, want: "a"},
		{name: "the next one if all are rejected", before: []string{"b", "a", "c"}, rejected: []string{"a", "b", "c"}, keys: []string{"a", "b", "c"}, want: "c"},
		{name: "the only one, though rejected", before: []string{"a"}, rejected: []string{"a"}, keys: []string{"a"}, want: "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &Discoverer{rejectedKeys: tt.rejected}
			var old *discovered
			if len(tt.before) > 0 {
				old = &discovered{key: tt.before[0], keys: tt.before}
			}
			assert.Equal(t, tt.want, d.chooseKey(tt.keys, old))
		})
	}
}

// Uploads whose key is rejected at the same time cause one request to OCI, and all get
// the new key.
func TestRefusedKeyIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "first-key")
		d, _, _ := startDomain(t, c)
		require.NoError(t, d.WaitReady(t.Context()))
		time.Sleep(time.Minute)
		c.set(nil, "second-key")

		var uploads sync.WaitGroup
		for range 10 {
			uploads.Go(func() {
				key, err := d.OnRejectedKey(t.Context(), "first-key")
				assert.Equal(t, "second-key", key, err)
			})
		}
		uploads.Wait()
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, c.times(), 2, "questions")
		_, key, err := d.Resolve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "second-key", key)
	})
}

// If the domain has several keys, the next one is tried before OCI answers.
func TestNextKeyIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "first-key", "second-key")
		d, logs, _ := startDomain(t, c)
		require.NoError(t, d.WaitReady(t.Context()))
		c.set(errors.New("away"))

		begin := time.Now()
		key, err := d.OnRejectedKey(t.Context(), "first-key")
		require.NoError(t, err)
		assert.Equal(t, "second-key", key)
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, 1, logs.FilterMessageSnippet("uploads use the next one").Len())
	})
}

// A key that APM rejects for hours does not cause a flood of requests to OCI.
func TestKeyThatStaysRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "only-key")
		d, _, _ := startDomain(t, c)
		require.NoError(t, d.WaitReady(t.Context()))
		begin := time.Now()
		for time.Since(begin) < time.Hour {
			key, err := d.OnRejectedKey(t.Context(), "only-key")
			require.NoError(t, err)
			require.Equal(t, "only-key", key)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		assert.InDelta(t, 65, len(c.times()), 30, "requests in an hour: one a minute, and some more at the beginning")
	})
}

// Neither does a key that is rejected while OCI is down.
func TestKeyIsRefusedWhileOCIIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(nil, "only-key")
		d, _, _ := startDomain(t, c)
		require.NoError(t, d.WaitReady(t.Context()))
		c.set(&queryError{kind: "unreachable", err: errors.New("away")})
		begin := time.Now()
		for time.Since(begin) < time.Hour {
			_, err := d.OnRejectedKey(t.Context(), "only-key")
			require.NoError(t, err)
		}
		synctest.Wait()
		assert.InDelta(t, 90, len(c.times()), 50, "requests in an hour: two a minute at most")
		c.set(nil, "next-key")
		time.Sleep(2 * maxRetry)
		_, key, err := d.Resolve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "next-key", key)
	})
}

// No verb of fmt prints a key.
func TestKeysAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{domainInfo{keys: []string{testKey}}, &domainInfo{keys: []string{testKey}}, &discovered{key: testKey, keys: []string{testKey}}} {
			assert.Equal(t, "[redacted]", fmt.Sprintf(verb, value))
		}
	}
}
