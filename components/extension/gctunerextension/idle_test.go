// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension/internal/metadata"
)

// Memory is released after a load, once, and not while the load goes on or if little would
// be returned.
func TestIdleMemoryIsReleased(t *testing.T) {
	const mib = 1 << 20
	tests := []struct {
		name       string
		perSecond  uint64 // allocated
		returnable uint64
		want       int
	}{
		{"idle", mib / 2, 100 * mib, 1},
		{"under load", 2 * mib, 100 * mib, 0},
		{"little to return", mib / 2, 31 * mib, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, released := time.Now(), 0
				u := &tuner{config: &Config{ReleaseIdleMemoryAfter: 5 * time.Second}, logger: zap.NewNop()}
				held := 20*mib + tt.returnable
				u.memory = func() memory {
					return memory{allocated: uint64(time.Since(start).Seconds()) * tt.perSecond, held: held, live: 20 * mib}
				}
				u.release = func() error {
					released++
					held = 20 * mib
					return nil
				}
				require.NoError(t, u.Ready())
				time.Sleep(time.Minute)
				require.NoError(t, u.Shutdown(t.Context()))
				assert.Equal(t, tt.want, released)
			})
		})
	}
}

// The real runtime gives the memory back.
func TestLoadIsFollowedByRelease(t *testing.T) {
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), &Config{
		Percent: 400, LimitMiB: 512, ReleaseIdleMemoryAfter: 50 * time.Millisecond,
	})
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	load := make([][]byte, 200)
	for i := range load {
		load[i] = make([]byte, 1<<20)
	}
	before := readMemory()
	require.Greater(t, before.held, uint64(200<<20))
	runtime.KeepAlive(load)

	require.NoError(t, ext.(extensioncapabilities.PipelineWatcher).Ready())
	assert.Eventually(t, func() bool { return readMemory().held < before.held-150<<20 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, ext.Shutdown(t.Context()))
}
