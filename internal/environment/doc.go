// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package environment reads the environment as the specification of OpenTelemetry
// has it, where the collector does not: it changes the variables of this process
// before anything else reads them.
package environment // import "github.com/ociapm/otelcol-ociapm/internal/environment"
