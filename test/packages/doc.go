// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package packages installs the .deb and the .rpm of dist/release like an
// administrator. The .deb is installed in a Debian of its own that systemd
// boots in a container without a network other than loopback; the .rpm in
// another root folder. The tests have the build tag packages and run as root.
package packages
