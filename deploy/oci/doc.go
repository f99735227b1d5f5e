// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oci holds the policies that OCI asks for, as text and as a Terraform
// module, and the test that both say the same.
package oci // import "github.com/ociapm/otelcol-ociapm/deploy/oci"
