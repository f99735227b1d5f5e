// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{"": defaultInterval, "0": 0, "0s": 0, "10s": minInterval, "90m": 90 * time.Minute, "24h": maxInterval} {
		t.Setenv(intervalVariable, text)
		got, err := pollInterval()
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"5", "often", "9s", "-1m", "25h"} {
		t.Setenv(intervalVariable, text)
		_, err := NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()}).Retrieve(t.Context(), "ocivault:"+plain, nil)
		require.EqualError(t, err, fmt.Sprintf("ocivault: the environment variable OTELCOL_OCIVAULT_INTERVAL is %q; write the interval between checks for new versions of secrets, from 10s to 24h0m0s, or 0 for no checks", text))
	}
	for range 1000 {
		got := jitter(time.Minute)
		require.GreaterOrEqual(t, got, 45*time.Second)
		require.Less(t, got, 75*time.Second)
	}
}

func TestNewVersion(t *testing.T) {
	w := newWorld(t)
	uris := []string{"ocivault:" + keys + "#private", "ocivault:" + keys + "#missing:-default", "ocivault:" + plain, "ocivault:" + plain}
	resolution, values := w.resolve(t, nil, uris...)
	require.Equal(t, []any{"s3cr3t-1", "default", "s3cr3t plain", "s3cr3t plain"}, values)
	require.Len(t, w.vault.readsSince(0), 2)

	w.poll(t)
	assert.Empty(t, w.events, "nothing has changed")
	assert.Len(t, w.vault.readsSince(2), 2, "one read a secret")

	w.vault.set(keys, `{"private": "s3cr3t-1", "number": 1}`)
	w.poll(t)
	assert.Empty(t, w.events, "nothing has changed that is in use")

	w.vault.set(keys, `{"private": "s3cr3t-2"}`)
	w.vault.set(plain, "s3cr3t plain 2")
	w.poll(t)
	w.poll(t)
	require.Equal(t, []*confmap.ChangeEvent{{}}, w.events, "one event, until the resolver has asked")

	resolution, values = w.resolve(t, resolution, uris...)
	assert.Equal(t, []any{"s3cr3t-2", "default", "s3cr3t plain 2", "s3cr3t plain 2"}, values)

	w.vault.set(keys, `{"private": "s3cr3t-2", "missing": "s3cr3t-3"}`)
	w.poll(t)
	require.Len(t, w.events, 2, "what was missing has come")
	resolution, values = w.resolve(t, resolution, uris...)
	assert.Equal(t, "s3cr3t-3", values[1])

	_, _ = w.resolve(t, resolution)
	w.vault.set(plain, "s3cr3t plain 3")
	reads := len(w.vault.readsSince(0))
	w.poll(t)
	assert.Len(t, w.events, 2)
	assert.Empty(t, w.vault.readsSince(reads), "no read of an unused secret")
}

// The resolver handles one event at a time. Right after it has called Retrieve,
// the last event may still be in delivery.
func TestSettles(t *testing.T) {
	w := newWorld(t)
	_, _ = w.resolve(t, nil, "ocivault:"+plain)
	w.vault.set(plain, "s3cr3t 2")
	w.now = w.now.Add(settle - 1)
	w.provider.poll(t.Context())
	assert.Empty(t, w.events)
	w.now = w.now.Add(1)
	w.provider.poll(t.Context())
	assert.Len(t, w.events, 1)
}

// Whatever happens to the secret, the collector keeps running with its current
// values: a reload finds the last value. Each problem is logged once.
func TestKeepsLastValue(t *testing.T) {
	tests := []struct {
		name    string
		trouble func(*fakeVault)
		reads   int // number of reads in a reload
	}{
		{name: "away", trouble: func(v *fakeVault) { v.fail(errAway) }, reads: 1},
		{name: "refused", trouble: func(v *fakeVault) { v.fail(errRefused) }, reads: 1},
		{name: "the key is gone", trouble: func(v *fakeVault) { v.set(keys, `{"other": "s3cr3t-2"}`) }},
		{name: "the value is empty", trouble: func(v *fakeVault) { v.set(keys, `{"private": ""}`) }},
		{name: "the value is an object", trouble: func(v *fakeVault) { v.set(keys, `{"private": {"s3cr3t": 1}}`) }},
		{name: "no JSON", trouble: func(v *fakeVault) { v.set(keys, "s3cr3t") }},
		{name: "empty", trouble: func(v *fakeVault) { v.set(keys, "") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			uris := []string{"ocivault:" + keys + "#private:-default", "ocivault:" + keys + "#private"}
			resolution, _ := w.resolve(t, nil, uris...)
			good := w.vault.contents[keys]

			test.trouble(w.vault)
			for range 3 {
				w.poll(t)
			}
			assert.Empty(t, w.events)

			w.now = w.now.Add(time.Minute)
			reads := len(w.vault.readsSince(0))
			resolution, values := w.resolve(t, resolution, uris...)
			assert.Equal(t, []any{"s3cr3t-1", "s3cr3t-1"}, values)
			assert.Len(t, w.vault.readsSince(reads), 1, "a reload tries once")
			assert.Equal(t, 1, w.logs.FilterLevelExact(zapcore.WarnLevel).Len(), "%v", w.logs.All())

			w.vault.fail(nil)
			w.vault.set(keys, good)
			w.poll(t)
			assert.Empty(t, w.events)
			assert.Equal(t, 1, w.logs.FilterMessage("The secret can be read again").Len())

			w.vault.set(keys, `{"private": "s3cr3t-2"}`)
			w.poll(t)
			assert.Len(t, w.events, 1)
			_, values = w.resolve(t, resolution, uris...)
			assert.Equal(t, []any{"s3cr3t-2", "s3cr3t-2"}, values)
		})
	}
}

// A poll that began before a reload must not bring back an older value.
func TestLateAnswer(t *testing.T) {
	w := newWorld(t)
	resolution, _ := w.resolve(t, nil, "ocivault:"+plain)
	number, content, err := w.provider.read(t.Context(), plain, nil, time.Minute)

	w.vault.set(plain, "s3cr3t 2")
	w.now = w.now.Add(time.Minute)
	_, values := w.resolve(t, resolution, "ocivault:"+plain)
	require.Equal(t, []any{"s3cr3t 2"}, values)

	w.now = w.now.Add(time.Minute)
	w.provider.consider(plain, number, content, err)
	assert.Empty(t, w.events)
}

// The watching goroutine polls by itself, and exits with the provider.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.provider.Retrieve(t.Context(), "ocivault:"+plain, nil)
	require.NoError(t, err)
	var watching sync.WaitGroup
	watching.Go(func() { w.provider.watch(ctx, 4*time.Millisecond) })
	require.Eventually(t, func() bool { return len(w.vault.readsSince(0)) > 3 }, 10*time.Second, time.Millisecond)
	cancel()
	watching.Wait()
}

// Without an interval nothing is watched, and a reload still reads new
// versions.
func TestNeverWatches(t *testing.T) {
	w := newWorld(t)
	t.Setenv(intervalVariable, "0")
	resolution, _ := w.resolve(t, nil, "ocivault:"+plain)
	assert.Nil(t, w.provider.stopWatching)
	w.vault.set(plain, "s3cr3t 2")
	w.now = w.now.Add(reuse)
	_, values := w.resolve(t, resolution, "ocivault:"+plain)
	assert.Equal(t, []any{"s3cr3t 2"}, values)
}
