// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanfoldingprocessor

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestConfig(t *testing.T) {
	for name, wanted := range map[string]string{
		"span_folding":              "",
		"span_folding/all":          "",
		"span_folding/one":          "min_spans: 1 is less than 2; write 5",
		"span_folding/no_duration":  "max_duration: 0s is not positive; write 50ms",
		"span_folding/slowest":      "keep_slowest: -1 is negative; write 1, or 0 to keep none",
		"span_folding/errors":       "keep_errors: -1 is negative; write 5, or 0 to keep all",
		"span_folding/key":          "key: \"text\" is not a key; write summary or statement",
		"span_folding/no_kind":      "kinds: the list is empty; write [db], or leave the setting out",
		"span_folding/unknown_kind": "kinds: \"http\" is not a kind; write db or internal",
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
			require.NoError(t, err)
			sub, err := conf.Sub(name)
			require.NoError(t, err)
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, sub.Unmarshal(cfg))
			err = cfg.Validate()
			if wanted == "" {
				require.NoError(t, err)
				return
			}
			assert.EqualError(t, err, wanted)
		})
	}
}

func TestDefaultConfig(t *testing.T) {
	assert.Equal(t, &Config{
		MinSpans: 5, MaxDuration: 50 * time.Millisecond, KeepSlowest: 1, KeepErrors: 5, Key: KeySummary, Kinds: []Kind{KindDB},
	}, createDefaultConfig())
}
