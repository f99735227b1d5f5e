// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package image runs the container image that `make image` leaves in dist, with
// runc and no daemon. The tests carry the build tag image and run as root.
package image
