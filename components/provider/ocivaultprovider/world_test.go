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
	"go.uber.org/zap/zaptest/observer"
)

// fakeVault returns the secrets that the test puts into it.
type fakeVault struct {
	mu       sync.Mutex
	contents map[string]string
	errs     []error // errors of the next reads, the last one for all later reads
	reads    []string
	closed   bool
}

func (v *fakeVault) read(ctx context.Context, ocid string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads = append(v.reads, ocid)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if len(v.errs) > 0 {
		err := v.errs[0]
		if len(v.errs) > 1 {
			v.errs = v.errs[1:]
		}
		if err != nil {
			return "", err
		}
	}
	return v.contents[ocid], nil
}

func (v *fakeVault) close() { v.closed = true }

func (v *fakeVault) fail(errs ...error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.errs = errs
}

func (v *fakeVault) set(ocid, content string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.contents[ocid] = content
}

func (v *fakeVault) readsSince(n int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads[n:]
}

// world is a provider with a vault and a clock that the test controls.
type world struct {
	provider *provider
	vault    *fakeVault
	logs     *observer.ObservedLogs
	events   []*confmap.ChangeEvent
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Setenv(intervalVariable, "24h") // the tests call poll themselves
	core, logs := observer.New(zapcore.DebugLevel)
	w := &world{
		vault: &fakeVault{contents: map[string]string{
			keys:  `{"private": "s3cr3t-1", "number": 8080, "yes": true, "empty": "", "object": {"s3cr3t": 1}, "list": ["s3cr3t"], "null": null, "0": "s3cr3t-0123"}`,
			plain: "s3cr3t plain",
		}},
		logs: logs,
		now:  time.Now(),
	}
	w.provider = newProvider(confmap.ProviderSettings{Logger: zap.New(core)}, w.vault)
	w.provider.pauses = []time.Duration{time.Nanosecond, time.Nanosecond}
	w.provider.now = func() time.Time { return w.now }
	t.Cleanup(func() {
		assert.NoError(t, w.provider.Shutdown(context.Background()))
		assert.True(t, w.vault.closed)
		for _, entry := range logs.All() {
			assert.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), hidden)
		}
	})
	return w
}

// resolution is the result of reading a configuration once. The next one, on a
// reload, closes it and retrieves everything again.
type resolution []*confmap.Retrieved

func (w *world) resolve(t *testing.T, last resolution, uris ...string) (resolution, []any) {
	t.Helper()
	for _, retrieved := range last {
		require.NoError(t, retrieved.Close(t.Context()))
	}
	var next resolution
	var values []any
	for _, uri := range uris {
		retrieved, err := w.provider.Retrieve(t.Context(), uri, func(event *confmap.ChangeEvent) { w.events = append(w.events, event) })
		require.NoError(t, err)
		raw, err := retrieved.AsRaw()
		require.NoError(t, err)
		next = append(next, retrieved)
		values = append(values, raw)
	}
	return next, values
}

// poll lets time pass and checks for new versions.
func (w *world) poll(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(time.Minute)
	w.provider.poll(t.Context())
}
