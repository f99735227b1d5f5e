// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery sends data with OTLP clients to the built collector during
// faults of APM, of the network, of the disk and of the collector itself. Span
// by span it compares the accepted spans with those that the sandbox has
// stored. A stock pipeline is exposed to the same faults, for comparison.
//
// The tests take minutes and so have their own build tag: make test-delivery, and make
// test-delivery-long for the long form.
package delivery // import "github.com/ociapm/otelcol-ociapm/test/delivery"
