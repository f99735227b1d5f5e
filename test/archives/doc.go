// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package archives starts what `make release` builds for systems that this
// machine is not: the program for Linux on arm64 with qemu, and the one for
// Windows with wine. The tests carry the build tag archives and run as root, in
// namespaces that wine.sh makes.
package archives
