// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmpathsextension // import "github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension"

import "go.opentelemetry.io/collector/component"

// Config is the configuration of the apm_paths extension, which has no settings.
type Config struct{}

var _ component.Config = (*Config)(nil)
