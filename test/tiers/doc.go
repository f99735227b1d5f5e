// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package tiers runs the gateways of deploy/kubernetes that consist of several
// collectors as processes on one machine: two tiers with tail sampling, and
// Kafka as a buffer. It kills parts while apps send, and compares the spans
// that the apps got an OK for with those that the sandbox has stored.
//
// The Kafka is a real one. It comes from Maven, and so the tests have a build
// tag of their own: make test-tiers.
package tiers // import "github.com/ociapm/otelcol-ociapm/test/tiers"
