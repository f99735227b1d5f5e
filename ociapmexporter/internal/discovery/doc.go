// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package discovery finds the upload endpoint and the data keys of an APM domain by its
// OCID. It asks OCI's control plane at an interval, and at once when APM rejects a key.
package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
