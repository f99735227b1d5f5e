// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package tiers runs the gateways of deploy/kubernetes that consist of several
// collectors, as processes on one machine: two tiers with tail sampling, and Kafka as a
// buffer. It kills parts while apps send, and compares the accepted spans with those
// that the sandbox has stored.
//
// The tests use a real Kafka from Maven and so have their own build tag: make
// test-tiers.
package tiers // import "github.com/ociapm/otelcol-ociapm/test/tiers"
