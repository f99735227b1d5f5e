// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestLoadConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for id, want := range map[string]*Config{
		"queue_storage":     {Directory: defaultDirectory(), CreateDirectory: true},
		"queue_storage/all": {Directory: "/mnt/queue", MaxSize: 1 << 30, FSync: true},
	} {
		t.Run(id, func(t *testing.T) {
			sub, err := conf.Sub(id)
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			assert.Equal(t, want, cfg)
		})
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no directory", func(c *Config) { c.Directory = "" }, "directory: it is empty; write the path of the folder"},
		{"negative size", func(c *Config) { c.MaxSize = -1 }, "max_size: -1 bytes are too few for a queue; write at least 1048576, or 0 for no limit"},
		{"small size", func(c *Config) { c.MaxSize = 1<<20 - 1 }, "max_size: 1048575 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.Directory = t.TempDir()
			require.NoError(t, confmap.Validate(cfg))
			tt.change(cfg)
			assert.ErrorContains(t, confmap.Validate(cfg), tt.want)
		})
	}
}
