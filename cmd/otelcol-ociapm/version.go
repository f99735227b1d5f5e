// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

// commit is the commit of a release, set by the linker: -X main.commit=…
var commit string

// withCommit adds the commit to a version, as semver's build metadata. ocb only
// writes the version.
func withCommit(version string) string {
	if commit == "" {
		return version
	}
	return version + "+" + commit
}
