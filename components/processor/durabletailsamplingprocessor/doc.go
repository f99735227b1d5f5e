// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package durabletailsamplingprocessor is the tail_sampling processor, with a
// storage extension for the spans that wait for a decision. After a crash they
// are read back from there.
package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"
