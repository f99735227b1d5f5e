// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestStatementsOfOneText checks that no state of a statement survives a semicolon.
func TestStatementsOfOneText(t *testing.T) {
	tests := []struct {
		name, text  string
		summary     string
		collections []string
	}{
		{
			"a function without a name that can be read, and no body",
			"CREATE FUNCTION 'f'; DROP TABLE t; SELECT * FROM x",
			"CREATE FUNCTION; DROP TABLE t; SELECT x",
			[]string{"t", "x"},
		},
		{
			"a function with a body, which holds the rest",
			"CREATE FUNCTION f() RETURNS int AS BEGIN DROP TABLE t; SELECT * FROM x; END",
			"CREATE FUNCTION f",
			nil,
		},
		{
			"the target of UPDATE, and an alias of its name",
			"UPDATE a SET x = 1; WITH c AS (SELECT 1) UPDATE c SET x = 1 FROM b AS a",
			"UPDATE a; SELECT UPDATE",
			[]string{"a"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Analyze(tt.text, Generic)
			assert.Equal(t, tt.summary, got.Summary)
			assert.Equal(t, tt.collections, got.Collections)
		})
	}
}
