// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package archives starts the release programs for other systems than this
// machine's: the one for Linux on arm64 with qemu, and the one for Windows with
// wine. The tests have the build tag archives and run as root, in namespaces
// that wine.sh creates.
package archives
