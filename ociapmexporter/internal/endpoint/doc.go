// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package endpoint checks what a user configures for an APM domain: the endpoint, the
// data key and its type. It derives the upload URLs from the endpoint. It reads neither
// files nor the network, and no error shows a data key.
package endpoint // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
