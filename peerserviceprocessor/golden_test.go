// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"
	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor/internal/metadata"
)

// TestGolden names the peers of each testdata/<case>/input.yaml, with the
// config.yaml in the same folder if there is one.
func TestGolden(t *testing.T) {
	goldentest.Run(t, createDefaultConfig, func(t *testing.T, cfg component.Config) goldentest.Process {
		t.Helper()
		return newTestNamer(t, cfg.(*Config)).processTraces
	})
}

func newTestNamer(t testing.TB, cfg *Config) *namer {
	t.Helper()
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	n, err := newNamer(cfg, telemetry)
	require.NoError(t, err)
	return n
}
