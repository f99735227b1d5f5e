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

// heapShare is the percentage of the limit from which garbage is collected as
// often as it takes. memory_limiter counts garbage as used memory and, in the
// ready configurations, refuses data from 75 % of the limit on. Garbage alone
// must not get it there.
const heapShare = 65

// tuner sets what GOGC and GOMEMLIMIT would set. A variable that is set wins.
type tuner struct {
	config  *Config
	logger  *zap.Logger
	cgroup  memlimit.Provider // of the memory that the container or unit may use
	restore []func()

	release   func() error       // gives memory back to the system
	stop      context.CancelFunc // of the goroutine that calls it
	releasing sync.WaitGroup
}

var _ extensioncapabilities.PipelineWatcher = (*tuner)(nil)

// Start changes the settings of the process.
func (u *tuner) Start(context.Context, component.Host) error {
	limit, err := u.memoryLimit()
	if err != nil {
		return err
	}
	if allowed, err := u.cgroup(); err == nil && u.config.LimitMiB > allowed>>20 {
		u.logger.Warn("limit_mib is more than the container or unit may use, so the system ends the collector before the limit is reached; lower limit_mib or raise the limit of the container or unit",
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
	u.logger.Info("Garbage is collected seldom while memory is free",
		zap.Int("percent", u.config.Percent), zap.Int64("often_from_mib", limit>>20))
	return nil
}

// Ready implements extensioncapabilities.PipelineWatcher. What a start leaves behind
// is garbage, and in memory most of the program's file, of which an idle collector
// needs a twentieth.
func (u *tuner) Ready() error {
	if u.config.ReleaseStartupMemoryAfter == 0 {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	u.stop = stop
	u.releasing.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(u.config.ReleaseStartupMemoryAfter):
			if err := u.release(); err != nil {
				u.logger.Debug("The pages of the program's file stay in memory", zap.Error(err))
			}
		}
	})
	return nil
}

// releaseMemory gives back what only the start needed.
func releaseMemory() error {
	debug.FreeOSMemory()
	return releaseProgramFile()
}

// NotReady implements extensioncapabilities.PipelineWatcher.
func (u *tuner) NotReady() error { return nil }

// Shutdown restores the settings of before, since another configuration may follow
// in this process. It waits for memory that is being released.
func (u *tuner) Shutdown(context.Context) error {
	u.stop()
	u.releasing.Wait()
	for _, restore := range u.restore {
		restore()
	}
	u.restore = nil
	return nil
}

// memoryLimit returns the memory from which garbage is collected often, in bytes.
func (u *tuner) memoryLimit() (int64, error) {
	limit, err := memorylimit.Bytes(u.config.LimitMiB, u.config.LimitPercentage, u.cgroup)
	return limit / 100 * heapShare, err
}
