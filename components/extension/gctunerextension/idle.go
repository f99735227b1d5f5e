// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"

import (
	"context"
	"runtime/metrics"
	"time"
)

const (
	// idleRate is the allocation rate below which the collector counts as idle, in bytes
	// a second. Scrapes of its own metrics allocate a tenth of it.
	idleRate = 1 << 20
	// leastRelease is the minimum that a release must return to the system, in bytes. A
	// release is a garbage collection, so it must not run all the time.
	leastRelease = 32 << 20
)

// memory is the use of memory by the Go runtime, in bytes.
type memory struct {
	allocated uint64 // since the start of the process
	held      uint64 // mapped and not returned to the system
	live      uint64 // in use at the last garbage collection
}

// returnable is what a release would return to the system, if what was in use at the last
// collection still is.
func (m memory) returnable() uint64 { return m.held - min(m.held, m.live) }

func readMemory() memory {
	samples := [...]metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples[:])
	return memory{
		allocated: samples[0].Value.Uint64(),
		held:      samples[1].Value.Uint64() - samples[2].Value.Uint64(),
		live:      samples[3].Value.Uint64(),
	}
}

// releaseWhenIdle calls free whenever the collector was idle for the interval and holds
// memory that it does not use, until the context ends. Go itself collects the garbage of
// a load only when as much was allocated again, or after two minutes.
func (u *tuner) releaseWhenIdle(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := u.memory()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := u.memory()
		idle := float64(now.allocated-last.allocated) < idleRate*interval.Seconds()
		if idle && now.returnable() >= leastRelease {
			u.free()
			now = u.memory()
		}
		last = now
	}
}
