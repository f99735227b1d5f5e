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
		{Name: "", Want: &Config{MaxDepth: 64, LimitPercentage: 70, SharePercentage: 55, MaxRequestBodySize: 20 << 20}},
		{Name: "shallow", Want: &Config{MaxDepth: 1, LimitMiB: 512, LimitPercentage: 70, SharePercentage: 40, MaxRequestBodySize: 20 << 20}},
		{Name: "zero", Errors: []string{"max_depth: 0 would reject every array; write 64, or at least 1"}},
		{Name: "deep", Errors: []string{"max_depth: 1001 is too deep to guard against anything; write 64, or at most 1000"}},
		{Name: "none", Errors: []string{"neither is set"}},
		{Name: "more", Errors: []string{"limit_percentage: 101 is more than 100"}},
		{Name: "huge", Errors: []string{"more than any machine has"}},
		{Name: "all", Errors: []string{"share_percentage: 81 leaves too little"}},
		{Name: "no-body", Errors: []string{"max_request_body_size: 0 would reject every compressed request; write 20971520"}},
		{Name: "nothing", Errors: []string{"share_percentage: 0 leaves too little"}},
	})
}

func TestFactory(t *testing.T) {
	assert.Equal(t, "otlp_guard", NewFactory().Type().String())
}
