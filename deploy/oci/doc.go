// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oci holds the policies that OCI requires, as text and as a Terraform module,
// and the test that both are equivalent.
package oci // import "github.com/ociapm/otelcol-ociapm/deploy/oci"
