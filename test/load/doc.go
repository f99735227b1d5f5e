// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package load measures whole collectors under load: it starts one, sends spans as apps
// do, receives its uploads, and reads its resource usage from /proc. Everything runs on
// loopback, and is limited in number and time.
package load // import "github.com/ociapm/otelcol-ociapm/test/load"
