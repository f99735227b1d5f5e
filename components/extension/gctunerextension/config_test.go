// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"
)

func TestConfig(t *testing.T) {
	configtest.Run(t, NewFactory(), []configtest.Case{
		{Name: "", Want: &Config{Percent: 400, LimitMiB: 512, ReleaseStartupMemoryAfter: 10 * time.Second, ReleaseIdleMemoryAfter: 5 * time.Second}},
		{Name: "gateway", Want: &Config{Percent: 200, LimitPercentage: 80, ReleaseStartupMemoryAfter: time.Minute, ReleaseIdleMemoryAfter: 30 * time.Second}},
		{Name: "none", Errors: []string{"neither is set"}},
		{Name: "both", Want: &Config{Percent: 400, LimitMiB: 512, LimitPercentage: 80}},
		{Name: "never", Errors: []string{"percent: 0 is less than 1"}},
		{Name: "more", Errors: []string{"limit_percentage: 101 is more than 100"}},
		{Name: "past", Errors: []string{"release_startup_memory_after: -1s is negative", "release_idle_memory_after: -2s is negative"}},
		{Name: "huge", Errors: []string{"more than any machine has"}},
	})
}

func TestFactory(t *testing.T) {
	assert.Equal(t, "gc_tuner", NewFactory().Type().String())
}
