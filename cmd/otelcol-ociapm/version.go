// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

// commit is what a release was built from. The linker sets it: -X main.commit=…
var commit string

// withCommit adds the commit to a version as semver's build metadata, for ocb writes
// the version alone.
func withCommit(version string) string {
	if commit == "" {
		return version
	}
	return version + "+" + commit
}
