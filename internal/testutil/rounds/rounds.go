// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package rounds decides how many random inputs a property is tested with.
package rounds // import "github.com/ociapm/otelcol-ociapm/internal/testutil/rounds"

import "testing"

// shortened is how many times fewer rounds a short run has.
const shortened = 20

// Of returns n, or a twentieth of it with -short. The race detector makes each
// round some ten times slower, and finds no more in many rounds than in a few.
func Of(n int) int {
	if testing.Short() {
		return max(1, n/shortened)
	}
	return n
}
