// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package goldentest runs the golden tests of trace processors.
package goldentest // import "github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var update = flag.Bool("update", false, "write what the processor makes of the inputs as what is expected")

// Process passes traces through a processor.
type Process func(context.Context, ptrace.Traces) (ptrace.Traces, error)

// Run compares a processor's output for each testdata/<case>/input.yaml with
// expected.yaml in the same folder, and requires that a second pass changes
// nothing. The processor has the default configuration, or config.yaml if the
// case has one.
func Run(t *testing.T, defaultConfig func() component.Config, newProcess func(*testing.T, component.Config) Process) {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join("testdata", "*", "input.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cfg := loadConfig(t, filepath.Join(dir, "config.yaml"), defaultConfig())
			td, err := golden.ReadTraces(input)
			require.NoError(t, err)
			got, err := newProcess(t, cfg)(t.Context(), td)
			require.NoError(t, err)

			expected := filepath.Join(dir, "expected.yaml")
			if *update {
				require.NoError(t, golden.WriteTracesToFile(expected, got))
			}
			want, err := golden.ReadTraces(expected)
			require.NoError(t, err)
			require.NoError(t, ptracetest.CompareTraces(want, got))

			// A second processor in the pipeline changes nothing.
			twice, err := newProcess(t, cfg)(t.Context(), Clone(got))
			require.NoError(t, err)
			require.NoError(t, ptracetest.CompareTraces(want, twice))
		})
	}
}

func loadConfig(t *testing.T, file string, cfg component.Config) component.Config {
	t.Helper()
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return cfg
	}
	conf, err := confmaptest.LoadConf(file)
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

// Clone returns a deep copy of td.
func Clone(td ptrace.Traces) ptrace.Traces {
	out := ptrace.NewTraces()
	td.CopyTo(out)
	return out
}
