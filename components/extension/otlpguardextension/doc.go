// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package otlpguardextension is a middleware for OTLP receivers that decides on a
// request before it is decompressed and decoded: requests that would take too much
// of the collector's memory are refused, for good or for now.
package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"
