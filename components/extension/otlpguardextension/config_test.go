// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"
)

func TestConfig(t *testing.T) {
	configtest.Run(t, NewFactory(), []configtest.Case{
		{Name: "", Want: &Config{MaxDepth: 64}},
		{Name: "shallow", Want: &Config{MaxDepth: 1}},
		{Name: "zero", Errors: []string{"max_depth: 0 would refuse every array; write 64, or at least 1"}},
		{Name: "deep", Errors: []string{"max_depth: 1001 is too deep to guard against anything; write 64, or at most 1000"}},
	})
}

func TestFactory(t *testing.T) {
	assert.Equal(t, "otlp_guard", NewFactory().Type().String())
}
