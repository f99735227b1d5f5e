// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package packages installs the .deb and the .rpm of dist/release as an administrator
// would. The .deb is installed in a new Debian that systemd boots in a container with
// only a loopback network; the .rpm is installed in a separate root folder. The tests
// have the build tag packages and run as root.
package packages
