// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package gctunerextension tunes the garbage collector: it runs rarely while
// memory is free, and often before the memory limit is reached.
package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"
