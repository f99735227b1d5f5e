// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package workdir leaves a working directory that the process may not enter, as after
// `sudo -u otelcol-ociapm` in the home of root. Prometheus's package web/ui panics there
// before main runs. A relative path leads nowhere from such a directory anyway.
//
// The package imports almost nothing, so that it is initialized before web/ui.
package workdir // import "github.com/ociapm/otelcol-ociapm/internal/workdir"

import (
	"os"
	"path/filepath"
)

func init() { leave() }

// leave changes to the root directory if the working directory cannot be read.
func leave() {
	if _, err := os.Getwd(); err != nil {
		_ = os.Chdir(string(filepath.Separator))
	}
}
