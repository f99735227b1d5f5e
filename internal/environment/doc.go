// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package environment corrects environment variables that the collector reads
// differently from the OpenTelemetry specification. It changes the variables of
// this process before anything else reads them.
package environment // import "github.com/ociapm/otelcol-ociapm/internal/environment"
