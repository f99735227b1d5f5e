// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor/internal/metadata"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	tests := []struct {
		name string
		want *Config
		errs []string
	}{
		{name: "", want: createDefaultConfig().(*Config)},
		{name: "all", want: &Config{
			Conventions:   ConventionsBoth,
			QueryText:     QueryTextConfig{Sanitize: SanitizeAuto, MaxLength: 4096},
			SpanName:      SpanNameSummary,
			APMAttributes: []string{"DbOracleSqlId"},
			Cache:         CacheConfig{MaxEntries: 100, MaxBytes: 1 << 20},
		}},
		{name: "none", want: &Config{
			Conventions:   ConventionsLegacy,
			QueryText:     QueryTextConfig{Sanitize: SanitizeNever},
			SpanName:      SpanNameKeep,
			APMAttributes: []string{},
			Cache:         CacheConfig{MaxEntries: 0, MaxBytes: 16 << 20},
		}},
		{name: "conventions", errs: []string{`conventions: "new" is not known; write legacy, stable or both`}},
		{name: "sanitize", errs: []string{`query_text: sanitize: "sometimes" is not known; write never, auto or always`}},
		{name: "max_length", errs: []string{`query_text: max_length: -1 is negative`}},
		{name: "span_name", errs: []string{`span_name: "short" is not known; write keep or summary`}},
		{name: "apm_attribute", errs: []string{`apm_attributes[1]: "DbType" is not known; write DbStatement or DbOracleSqlId`}},
		{name: "apm_attribute_twice", errs: []string{`apm_attributes[1]: DbStatement is there twice`}},
		{name: "cache", errs: []string{`cache: max_entries: -1 is negative`, `max_bytes: -1 is negative`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, tt.name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if tt.want != nil {
				require.NoError(t, err)
				assert.Equal(t, tt.want, cfg)
				return
			}
			require.Error(t, err)
			for _, want := range tt.errs {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}
