// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"

import (
	"errors"
	"runtime"
)

// releaseProgramFile is implemented for Linux only.
func releaseProgramFile() error {
	return errors.New("not done on " + runtime.GOOS)
}
