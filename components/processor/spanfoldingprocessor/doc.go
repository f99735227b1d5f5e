// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package spanfoldingprocessor replaces repeated calls below one parent, such as the
// statements of an N+1 query, with one span that has their number and durations.
package spanfoldingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/spanfoldingprocessor"
