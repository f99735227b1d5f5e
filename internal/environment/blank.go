// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package environment // import "github.com/ociapm/otelcol-ociapm/internal/environment"

import (
	"os"
	"slices"
	"strings"
)

// ownPrefixes are the prefixes of the variables that the shipped configurations
// and the components of this distribution read.
var ownPrefixes = []string{"APM_", "OCI_", "OTELCOL_", "OTEL_", "SPANS_PER_HOUR", "SPAN_BUDGET_"}

// UnsetBlank unsets the variables of this distribution that are set but blank,
// which is how compose files and charts write "not set". Otherwise
// ${env:NAME:-default} would not return the default. The data model of
// declarative configuration uses the default for an empty variable, too:
// https://opentelemetry.io/docs/specs/otel/configuration/data-model/#environment-variable-substitution
//
// It can be removed once the collector's env provider does the same:
// https://github.com/open-telemetry/opentelemetry-collector/issues/11531
func UnsetBlank() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.TrimSpace(value) != "" || !slices.ContainsFunc(ownPrefixes, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		}) {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	return nil
}
