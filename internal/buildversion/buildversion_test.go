// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package buildversion

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestText(t *testing.T) {
	assert.Equal(t, "v1.2.3", Text("v1.2.3"))
	assert.NotEmpty(t, Text(""))
}
