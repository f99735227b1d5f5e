// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var picturesFolder = flag.String("pictures", "", "write pictures of every view to this folder")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
