// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package queuecheckextension keeps configurations working that still name the
// extension queue_check, which queue_storage has replaced.
package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"
