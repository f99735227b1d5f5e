// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
