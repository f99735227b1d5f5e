// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package sequenceconnector passes spans to the pipelines of one list, and to those of
// another only after the first have accepted them.
package sequenceconnector // import "github.com/ociapm/otelcol-ociapm/components/connector/sequenceconnector"
