// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package memorylimit

import (
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBytes(t *testing.T) {
	unlimited := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	of := func(mib, percentage uint64, cgroup memlimit.Provider) int64 {
		limit, err := Bytes(mib, percentage, cgroup)
		require.NoError(t, err)
		return limit >> 20
	}
	assert.EqualValues(t, 512, of(512, 70, memlimit.Limit(1000<<20)), "the MiB count where both are set")
	assert.EqualValues(t, 700, of(0, 70, memlimit.Limit(1000<<20)))
	assert.InDelta(t, of(0, 100, unlimited), 2*of(0, 50, unlimited), 1)
}
