// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery drives the built collector with OTLP clients through faults
// of APM, of the network, of the disk and of itself, and compares span by span
// what it has accepted with what the sandbox has stored. The stock pipeline
// goes through the same faults beside it, so that the difference can be seen.
//
// The tests take minutes and so have a build tag of their own: make
// test-delivery, and make test-delivery-long for the long form.
package delivery // import "github.com/ociapm/otelcol-ociapm/test/delivery"
