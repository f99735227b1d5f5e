// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package buildversion returns the version of a program.
package buildversion

import "runtime/debug"

// Text returns linked, which the linker sets in a release, or else the version of
// the main module.
func Text(linked string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
