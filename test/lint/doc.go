// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package lint tests that the linter rejects forbidden imports, and that no source file
// is too long. make lint runs it.
package lint // import "github.com/ociapm/otelcol-ociapm/test/lint"
