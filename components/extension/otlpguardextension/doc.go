// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package otlpguardextension is a middleware for OTLP receivers that refuses
// requests whose attribute values nest so deep that decoding them would harm
// the collector.
package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"
