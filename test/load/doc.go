// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package load measures whole collectors under load: it starts one, sends it
// spans like an app, receives its uploads, and reads its resource usage from
// /proc. Everything is on loopback, and limited in number and time.
package load // import "github.com/ociapm/otelcol-ociapm/test/load"
