// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package load measures whole collectors under load: it starts one, sends it
// spans as apps do, takes its uploads, and reads what it has cost from /proc.
// Everything is on loopback, and bounded in count and time.
package load // import "github.com/ociapm/otelcol-ociapm/test/load"
