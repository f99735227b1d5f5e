// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package ocimetadataprovider reads values for a configuration from the
// metadata of the OCI instance that the collector runs on.
package ocimetadataprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocimetadataprovider"
