// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

func TestFallbackToPrivatePath(t *testing.T) {
	paths := func(sandbox *apm.Server) []string {
		var paths []string
		for _, upload := range sandbox.Uploads() {
			paths = append(paths, upload.Path)
		}
		slices.Reverse(paths) // the oldest first
		return paths
	}

	t.Run("works and is used", func(t *testing.T) {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: 404, Times: 1})
		require.NoError(t, err)
		core, logs := observer.New(zap.WarnLevel)
		exp := newTraces(t, directConfig(sandbox.URL()), zap.New(core))
		for range 3 {
			require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
		}
		assert.Equal(t, []string{
			apm.TracesPath, apm.PrivateTracesPath, apm.PrivateTracesPath, apm.PrivateTracesPath,
		}, paths(sandbox))
		require.Equal(t, 1, logs.Len(), "one warning")
		assert.Contains(t, logs.All()[0].Message, "write data_key_type: private")
	})

	t.Run("is tried again and again if both answer 404", func(t *testing.T) {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: 404})
		require.NoError(t, err)
		core, logs := observer.New(zap.WarnLevel)
		exp := newTraces(t, directConfig(sandbox.URL()), zap.New(core))
		for range 2 {
			err := exp.ConsumeTraces(t.Context(), traces(1))
			require.ErrorContains(t, err, "the upload to "+sandbox.URL()+apm.TracesPath+" with 404 Not Found")
			assert.False(t, consumererror.IsPermanent(err))
		}
		assert.Equal(t, []string{apm.TracesPath, apm.PrivateTracesPath, apm.TracesPath, apm.PrivateTracesPath}, paths(sandbox))
		sandbox.ClearFaults()
		require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
		assert.Equal(t, 1, logs.FilterMessage("Upload to OCI APM failed, will retry").Len())
	})

	t.Run("is no longer used when it answers 404", func(t *testing.T) {
		sandbox := startSandbox(t)
		exp := newTraces(t, directConfig(sandbox.URL()), zap.NewNop())
		for range 4 {
			_, err := sandbox.AddFault(apm.Fault{Status: 404, Times: 1})
			require.NoError(t, err)
			require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
			require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
		}
		there, back := []string{apm.TracesPath, apm.PrivateTracesPath, apm.PrivateTracesPath}, []string{apm.PrivateTracesPath, apm.TracesPath, apm.TracesPath}
		assert.Equal(t, slices.Concat(there, back, there, back), paths(sandbox))
	})

	t.Run("is found after an early 404 on both", func(t *testing.T) {
		var paths sync.Map
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, up := paths.Load(req.URL.Path); !up {
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		defer server.Close()
		exp := newTraces(t, directConfig(server.URL), zap.NewNop())
		require.Error(t, exp.ConsumeTraces(t.Context(), traces(1)))
		paths.Store(apm.PrivateTracesPath, true)
		require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
		paths.Store(apm.TracesPath, true)
		paths.Delete(apm.PrivateTracesPath)
		require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
	})

	t.Run("decides nothing when it fails for now", func(t *testing.T) {
		sandbox := startSandbox(t)
		for _, fault := range []apm.Fault{{Status: 404, Times: 1}, {Status: 503, Times: 1}, {Status: 404, Times: 1}, {Down: true, Times: 1}, {Status: 404, Times: 1}} {
			_, err := sandbox.AddFault(fault)
			require.NoError(t, err)
		}
		exp := newTraces(t, directConfig(sandbox.URL()), zap.NewNop())
		for range 2 {
			err := exp.ConsumeTraces(t.Context(), traces(1))
			require.Error(t, err)
			assert.False(t, consumererror.IsPermanent(err))
		}
		require.NoError(t, exp.ConsumeTraces(t.Context(), traces(1)))
	})

	t.Run("is for the unset type only", func(t *testing.T) {
		sandbox := startSandbox(t)
		_, err := sandbox.AddFault(apm.Fault{Status: 404, Times: 1})
		require.NoError(t, err)
		cfg := directConfig(sandbox.URL())
		cfg.DataKeyType = DataKeyTypePrivate
		err = newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(1))
		require.ErrorContains(t, err, apm.PrivateTracesPath+" with 404 Not Found")
		assert.Equal(t, []string{apm.PrivateTracesPath}, paths(sandbox))
	})

	// Many requests get the first 404 at the same time. All of them find the other path.
	t.Run("concurrently", func(t *testing.T) {
		var stored atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path != apm.PrivateTracesPath {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			stored.Add(1)
		}))
		defer server.Close()
		exp := newTraces(t, directConfig(server.URL), zap.NewNop())
		var senders sync.WaitGroup
		for range 50 {
			senders.Go(func() { assert.NoError(t, exp.ConsumeTraces(t.Context(), traces(1))) })
		}
		senders.Wait()
		assert.EqualValues(t, 50, stored.Load())
	})
}
