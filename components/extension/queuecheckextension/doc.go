// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package queuecheckextension sets damaged queue files aside before the
// collector opens them.
package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"
