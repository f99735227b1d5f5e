// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package memorylimit computes the memory limit of a configuration in the same
// way as the memory_limiter processor.
package memorylimit // import "github.com/ociapm/otelcol-ociapm/internal/memorylimit"

import (
	"fmt"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// MaxMiB is more than any machine has.
const MaxMiB = 1 << 34

// Bytes returns the memory that the collector may use: mib MiB or, if mib is 0,
// a percentage of the container's memory limit, or of the machine's memory if
// the container has none. It returns an error if that memory is unknown.
func Bytes(mib, percentage uint64, cgroup memlimit.Provider) (int64, error) {
	if mib > 0 {
		return int64(mib << 20), nil //nolint:gosec // at most MaxMiB
	}
	total, err := memlimit.ApplyFallback(cgroup, memlimit.FromSystem)()
	if err != nil {
		return 0, fmt.Errorf("limit_percentage: the memory of the container or machine is unknown; write limit_mib: %w", err)
	}
	return int64(total / 100 * percentage), nil //nolint:gosec // no machine has as much
}
