// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package otlpguardextension is a middleware for OTLP receivers that checks a
// request before it is decompressed and decoded. It rejects requests that would
// take too much of the collector's memory: permanently, or with a status that
// senders retry.
package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"
