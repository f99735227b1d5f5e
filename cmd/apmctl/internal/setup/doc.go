// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package setup switches on everything that the collector relies on in an APM
// domain, through OCI's APIs.
package setup
