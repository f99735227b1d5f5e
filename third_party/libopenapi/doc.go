// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package libopenapi is empty. It exists for go mod tidy, which also follows
// the imports of Prometheus's tests; no build imports it.
package libopenapi
