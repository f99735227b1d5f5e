// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// A dependency that grows must not grow the binary unseen. builder-config.yaml
// says what was left out of it.
func TestBinarySize(t *testing.T) {
	info, err := os.Stat(harness.Binary(t, "otelcol-ociapm"))
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(120_000_000))
}
