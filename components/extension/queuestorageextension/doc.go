// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package queuestorageextension is a storage extension for queues. Stored data
// survives a kill, a full disk, and damage to single bytes.
package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
