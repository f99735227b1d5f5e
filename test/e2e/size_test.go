// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A growing dependency must not enlarge the binary unnoticed. builder-config.yaml lists
// what is left out.
func TestBinarySize(t *testing.T) {
	info, err := os.Stat(harness.Binary(t, "otelcol-ociapm"))
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(120_000_000))
}

// An idle collector must not use more memory than it needs. The ready configuration
// settles within 10 s.
func TestIdleMemory(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: "extensions: {gc_tuner: {release_startup_memory_after: 1s}}",
	})
	const limit = 70_000_000
	require.Eventually(t, func() bool {
		memory := collector.Memory()
		return memory > 0 && memory < limit
	}, 10*time.Second, 100*time.Millisecond, "more than %d bytes are resident", limit)
	t.Logf("%d bytes are resident of at most %d", collector.Memory(), collector.PeakMemory())
}
