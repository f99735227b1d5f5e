// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/ociapm/otelcol-ociapm/gctunerextension/internal/metadata"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	tests := []struct {
		name string
		want *Config
		err  string
	}{
		{name: "", want: &Config{Percent: 400, LimitMiB: 512, ReleaseStartupMemoryAfter: 10 * time.Second}},
		{name: "gateway", want: &Config{Percent: 200, LimitPercentage: 80, ReleaseStartupMemoryAfter: time.Minute}},
		{name: "none", err: "neither is set"},
		{name: "both", want: &Config{Percent: 400, LimitMiB: 512, LimitPercentage: 80}},
		{name: "never", err: "percent: 0 is less than 1"},
		{name: "more", err: "limit_percentage: 101 is more than 100"},
		{name: "past", err: "release_startup_memory_after: -1s is negative"},
		{name: "huge", err: "more than any machine has"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, tt.name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, cfg)
		})
	}
}

func TestFactory(t *testing.T) {
	factory := NewFactory()
	assert.Equal(t, "gc_tuner", factory.Type().String())
	require.NoError(t, componenttest.CheckConfigStruct(factory.CreateDefaultConfig()))
}
