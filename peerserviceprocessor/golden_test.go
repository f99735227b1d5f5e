// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/peerserviceprocessor/internal/metadata"
)

var update = flag.Bool("update", false, "write what the processor makes of the inputs as what is expected")

// TestGolden names the peers of each testdata/<case>/input.yaml, with the configuration
// beside it if there is one.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "*", "input.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cfg := loadConfig(t, filepath.Join(dir, "config.yaml"))
			n := newTestNamer(t, cfg)
			td, err := golden.ReadTraces(input)
			require.NoError(t, err)
			got, err := n.processTraces(t.Context(), td)
			require.NoError(t, err)

			expected := filepath.Join(dir, "expected.yaml")
			if *update {
				require.NoError(t, golden.WriteTracesToFile(expected, got))
			}
			want, err := golden.ReadTraces(expected)
			require.NoError(t, err)
			require.NoError(t, ptracetest.CompareTraces(want, got))

			// A second processor on the way changes nothing.
			twice, err := newTestNamer(t, cfg).processTraces(t.Context(), clone(got))
			require.NoError(t, err)
			require.NoError(t, ptracetest.CompareTraces(want, twice))
		})
	}
}

// loadConfig reads a processor's configuration, or takes the default one if
// there is no such file.
func loadConfig(t *testing.T, file string) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return cfg
	}
	conf, err := confmaptest.LoadConf(file)
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

func newTestNamer(t testing.TB, cfg *Config) *namer {
	t.Helper()
	telemetry, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	n, err := newNamer(cfg, telemetry)
	require.NoError(t, err)
	return n
}

func clone(td ptrace.Traces) ptrace.Traces {
	out := ptrace.NewTraces()
	td.CopyTo(out)
	return out
}
