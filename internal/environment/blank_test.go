// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUnsetBlank(t *testing.T) {
	for name, value := range map[string]string{
		"APM_ENDPOINT": "", "APM_DATA_KEY": " ", "OCI_AUTH_TYPE": "\t", "OTELCOL_QUEUE_DIRECTORY": "",
		"OTEL_RESOURCE_ATTRIBUTES": "", "OTELCOL_MEMORY_LIMIT_MIB": "0", "SPANS_PER_HOUR": " ", "SPAN_BUDGET_INSTANCES": "",
		"TZ": "", "MY_OTELCOL_": "", // not variables of this distribution: an empty TZ means UTC
	} {
		t.Setenv(name, value)
	}
	require.NoError(t, UnsetBlank())

	for _, name := range []string{"APM_ENDPOINT", "APM_DATA_KEY", "OCI_AUTH_TYPE", "OTELCOL_QUEUE_DIRECTORY", "OTEL_RESOURCE_ATTRIBUTES", "SPANS_PER_HOUR", "SPAN_BUDGET_INSTANCES"} {
		_, isSet := os.LookupEnv(name)
		assert.False(t, isSet, name)
	}
	for _, name := range []string{"OTELCOL_MEMORY_LIMIT_MIB", "TZ", "MY_OTELCOL_"} {
		_, isSet := os.LookupEnv(name)
		assert.True(t, isSet, name)
	}
}
