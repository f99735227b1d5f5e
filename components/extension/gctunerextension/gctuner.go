// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"

import (
	"context"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/memorylimit"
)

// heapShare is the percentage of the limit above which the collector runs as
// often as necessary. memory_limiter counts garbage as memory in use and, in
// the shipped configurations, refuses data from 75 % of the limit on. Garbage
// alone must not reach that.
const heapShare = 65

// tuner makes the settings of GOGC and GOMEMLIMIT. An environment variable that
// is set takes precedence.
type tuner struct {
	config  *Config
	logger  *zap.Logger
	cgroup  memlimit.Provider // memory limit of the container or systemd unit
	restore []func()

	memory    func() memory
	release   func() error       // returns memory to the system
	stop      context.CancelFunc // stops the goroutines that call release
	releasing sync.WaitGroup
}

var _ extensioncapabilities.PipelineWatcher = (*tuner)(nil)

// Start applies the settings to the process.
func (u *tuner) Start(context.Context, component.Host) error {
	limit, err := u.memoryLimit()
	if err != nil {
		return err
	}
	if allowed, err := u.cgroup(); err == nil && u.config.LimitMiB > allowed>>20 {
		u.logger.Warn("limit_mib is more than the container or unit may use, so the system kills the collector before the limit is reached; lower limit_mib or raise the limit of the container or unit",
			zap.Uint64("limit_mib", u.config.LimitMiB), zap.Uint64("allowed_mib", allowed>>20))
	}
	if os.Getenv("GOGC") == "" {
		percent := debug.SetGCPercent(u.config.Percent)
		u.restore = append(u.restore, func() { debug.SetGCPercent(percent) })
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		before := debug.SetMemoryLimit(limit)
		u.restore = append(u.restore, func() { debug.SetMemoryLimit(before) })
	}
	u.logger.Debug("GC tuned: collections are rare until the heap reaches often_from_mib",
		zap.Int("percent", u.config.Percent), zap.Int64("often_from_mib", limit>>20))
	return nil
}

// Ready implements extensioncapabilities.PipelineWatcher. A startup leaves
// garbage behind, and most of the program's file in memory, of which an idle
// collector needs a twentieth.
func (u *tuner) Ready() error {
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	if after := u.config.ReleaseStartupMemoryAfter; after > 0 {
		u.releasing.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(after):
				u.free()
			}
		})
	}
	if after := u.config.ReleaseIdleMemoryAfter; after > 0 {
		u.releasing.Go(func() { u.releaseWhenIdle(ctx, after) })
	}
	return nil
}

func (u *tuner) free() {
	if err := u.release(); err != nil {
		u.logger.Debug("The pages of the program's file stay in memory", zap.Error(err))
	}
}

// releaseMemory returns memory that is not in use to the system.
func releaseMemory() error {
	debug.FreeOSMemory()
	return releaseProgramFile()
}

// NotReady implements extensioncapabilities.PipelineWatcher.
func (u *tuner) NotReady() error { return nil }

// Shutdown restores the previous settings, since another configuration may
// follow in this process. It waits for a release that is under way.
func (u *tuner) Shutdown(context.Context) error {
	u.stop()
	u.releasing.Wait()
	for _, restore := range u.restore {
		restore()
	}
	u.restore = nil
	return nil
}

// memoryLimit returns the heap size above which garbage is collected often, in
// bytes.
func (u *tuner) memoryLimit() (int64, error) {
	limit, err := memorylimit.Bytes(u.config.LimitMiB, u.config.LimitPercentage, u.cgroup)
	return limit / 100 * heapShare, err
}
