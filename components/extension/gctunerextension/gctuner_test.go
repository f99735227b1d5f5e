// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension

import (
	"context"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension/internal/metadata"
)

// settings returns the settings in force.
func settings() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

func TestSettings(t *testing.T) {
	const percent, limit = 120, 1 << 40 // the settings before the test
	tests := []struct {
		name         string
		gogc, gomem  string
		config       Config
		wantPercent  int
		wantLimitMiB int64
	}{
		{"both", "", "", Config{Percent: 300, LimitMiB: 1000}, 300, 650},
		{"MiB before percent", "", "", Config{Percent: 300, LimitMiB: 1000, LimitPercentage: 1}, 300, 650},
		{"GOGC is kept", "120", "", Config{Percent: 300, LimitMiB: 1000}, percent, 650},
		{"GOMEMLIMIT is kept", "", "1TiB", Config{Percent: 300, LimitMiB: 1000}, 300, limit >> 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("GOGC", tt.gogc)
			t.Setenv("GOMEMLIMIT", tt.gomem)
			oldPercent, oldLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
			defer debug.SetGCPercent(oldPercent)
			defer debug.SetMemoryLimit(oldLimit)

			ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), &tt.config)
			require.NoError(t, err)
			require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
			gotPercent, gotLimit := settings()
			assert.Equal(t, tt.wantPercent, gotPercent)
			assert.InDelta(t, tt.wantLimitMiB<<20, gotLimit, 1<<20)

			require.NoError(t, ext.Shutdown(t.Context()))
			gotPercent, gotLimit = settings()
			assert.Equal(t, percent, gotPercent)
			assert.EqualValues(t, limit, gotLimit)
		})
	}
}

func TestPercentageIsOfTheContainerOrMachine(t *testing.T) {
	of := func(percentage uint64, cgroup memlimit.Provider) int64 {
		limit, err := (&tuner{config: &Config{LimitPercentage: percentage}, cgroup: cgroup}).memoryLimit()
		require.NoError(t, err)
		return limit
	}
	assert.EqualValues(t, 325, of(50, memlimit.Limit(1000<<20))>>20)
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	assert.Positive(t, of(50, none))
	assert.InDelta(t, of(100, none), 2*of(50, none), 1<<20)
}

func TestLimitAboveTheContainersIsWarnedOf(t *testing.T) {
	t.Setenv("GOGC", "100")
	t.Setenv("GOMEMLIMIT", "1TiB")
	tests := []struct {
		name     string
		limitMiB uint64
		cgroup   memlimit.Provider
		warnings int
	}{
		{"below", 716, memlimit.Limit(1 << 30), 0},
		{"above", 716, memlimit.Limit(512 << 20), 1},
		{"no limit", 716, func() (uint64, error) { return 0, memlimit.ErrNoLimit }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logger, logs := observer.New(zap.WarnLevel)
			u := &tuner{config: &Config{Percent: 100, LimitMiB: tt.limitMiB}, logger: zap.New(logger), cgroup: tt.cgroup}
			require.NoError(t, u.Start(t.Context(), componenttest.NewNopHost()))
			assert.Equal(t, tt.warnings, logs.Len())
		})
	}
}

// When a collector reloads, it starts the next gc_tuner as soon as Shutdown
// returns: by then the goroutine of this one must have ended.
func TestShutdownWaitsForTheRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish, down := make(chan struct{}), make(chan struct{})
		u := &tuner{config: &Config{ReleaseStartupMemoryAfter: time.Second}, logger: zap.NewNop(), release: func() error {
			<-finish
			return nil
		}}
		require.NoError(t, u.Ready())
		time.Sleep(2 * time.Second)
		go func() {
			defer close(down)
			assert.NoError(t, u.Shutdown(context.Background()))
		}()
		synctest.Wait()
		select {
		case <-down:
			t.Error("Shutdown has returned while memory is being released")
		default:
		}
		close(finish)
		<-down
	})
}

// A release that is not due yet does not delay Shutdown.
func TestShutdownDoesNotWaitForTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &tuner{config: &Config{ReleaseStartupMemoryAfter: time.Hour}, logger: zap.NewNop(), release: func() error {
			t.Error("memory is released after Shutdown")
			return nil
		}}
		require.NoError(t, u.Ready())
		start := time.Now()
		require.NoError(t, u.Shutdown(t.Context()))
		assert.Zero(t, time.Since(start))
		time.Sleep(2 * time.Hour)
	})
}
