// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package base is empty. It is here for go mod tidy, which follows the imports of
// the tests of Prometheus as well; nothing that is built imports it.
package base
