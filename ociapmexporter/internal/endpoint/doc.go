// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package endpoint has the rules for what a user writes of an APM domain: the
// endpoint, from which the upload URLs follow, the data key and its type. Nothing
// here reads a file or the network, and no error shows a data key.
package endpoint // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
