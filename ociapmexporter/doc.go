// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../internal/tools/go.mod mdatagen metadata.yaml

// Package ociapmexporter uploads traces, metrics and logs to Oracle Cloud
// Infrastructure (OCI) Application Performance Monitoring (APM): OTLP over
// HTTP, on the paths and with the data key of an APM domain.
package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"
