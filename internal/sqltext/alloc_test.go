// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestAllocations checks that a text with nothing to replace needs no allocation.
func TestAllocations(t *testing.T) {
	for _, text := range []string{binds, "", "COMMIT", "select a from b where c = ? and d in (?, ?)"} {
		got := ""
		allocs := testing.AllocsPerRun(100, func() { got = Sanitize(text, Oracle) })
		assert.Zero(t, allocs, text)
		assert.Equal(t, text, got)
	}
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { Sanitize(medium, Oracle) }), 1.0)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { AnalyzeAndSanitize(medium, Oracle) }), 3.0)
}
