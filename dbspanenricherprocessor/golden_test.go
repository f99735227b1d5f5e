// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"
)

// TestGolden enriches each testdata/<case>/input.yaml, with the case's configuration if
// it has one.
func TestGolden(t *testing.T) {
	goldentest.Run(t, createDefaultConfig, func(t *testing.T, cfg component.Config) goldentest.Process {
		t.Helper()
		return newTestEnricher(t, cfg.(*Config)).processTraces
	})
}

func newTestEnricher(t testing.TB, cfg *Config) *enricher {
	t.Helper()
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	e, err := newEnricher(cfg, telemetry)
	require.NoError(t, err)
	return e
}
