// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package harness runs the built programs for tests: the collector with its
// ready configurations on free ports, the sandbox that it uploads to, and a
// client that reads what the sandbox has stored.
package harness // import "github.com/ociapm/otelcol-ociapm/test/harness"
