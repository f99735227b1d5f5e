// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package environment // import "github.com/ociapm/otelcol-ociapm/internal/environment"

import (
	"os"
	"slices"
	"strings"
)

// ownPrefixes begin the names of the variables that the shipped configurations and
// the components of this distribution read.
var ownPrefixes = []string{"APM_", "OCI_", "OTELCOL_", "OTEL_"}

// UnsetBlank unsets the variables of this distribution that are set but
// blank, as compose files and charts write them for "not set". Only then does
// ${env:NAME:-default} give the default, which the data model of declarative
// configuration has for an empty variable as well:
// https://opentelemetry.io/docs/specs/otel/configuration/data-model/#environment-variable-substitution
//
// It can go when the collector's env provider does so itself:
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
