// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package queuecheckextension lets a configuration start that still names the
// extension which queue_storage replaces.
package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"
