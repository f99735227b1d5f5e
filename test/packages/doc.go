// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package packages installs the .deb and the .rpm of dist/release as an
// administrator does. The .deb goes into a Debian of its own that systemd boots
// in a container with no network but its loopback; the .rpm into another root.
// The tests carry the build tag packages and run as root.
package packages
