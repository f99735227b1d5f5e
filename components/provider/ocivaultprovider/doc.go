// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../internal/tools/go.mod mdatagen metadata.yaml

// Package ocivaultprovider reads values for a configuration from secrets in OCI
// Vault, and makes the collector reload its configuration when a secret has a
// new version.
package ocivaultprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocivaultprovider"
