// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDialectString(t *testing.T) {
	assert.Equal(t, "oracle", Oracle.String())
	assert.Equal(t, "sqlite", SQLite.String())
	assert.Equal(t, "generic", Dialect(200).String())
	assert.Equal(t, "SELECT ?", Sanitize("SELECT 1", Dialect(200)))
}
