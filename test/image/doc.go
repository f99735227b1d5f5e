// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package image runs the container image that `make image` writes to dist, with
// runc and without a daemon. The tests have the build tag image and run as
// root.
package image
