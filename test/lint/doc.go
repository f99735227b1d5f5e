// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package lint tests that the linter's rules about imports reject what they are
// for, and that no file of code is too long. make lint runs it.
package lint // import "github.com/ociapm/otelcol-ociapm/test/lint"
