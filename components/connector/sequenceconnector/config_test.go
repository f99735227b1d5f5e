// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sequenceconnector

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pipeline"
)

func TestConfig(t *testing.T) {
	for name, wanted := range map[string]string{
		"sequence":            "",
		"sequence/kinds":      "",
		"sequence/empty":      "first: no pipeline; write the pipelines that have this connector as their receiver, such as [traces/keep]\nthen: no pipeline; write the pipelines that have this connector as their receiver, such as [traces/keep]",
		"sequence/overlap":    "then: traces/keep is in first too; write it in one of the two lists",
		"sequence/twice":      "then: traces/count is in the list twice",
		"sequence/metrics":    "then: metrics/count is not a pipeline for traces",
		"sequence/no_kind":    "then_kinds: the list is empty; write [server, consumer, client], or leave the setting out",
		"sequence/wrong_kind": "then_kinds: \"SPAN_KIND_SERVER\" is not a kind of span; write internal, server, client, producer or consumer",
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
			require.NoError(t, err)
			sub, err := conf.Sub(name)
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = cfg.(*Config).Validate()
			if wanted == "" {
				require.NoError(t, err)
				return
			}
			assert.EqualError(t, err, wanted)
		})
	}
}

func TestDefaultConfig(t *testing.T) {
	assert.Equal(t, &Config{ThenKinds: []string{"server", "consumer", "client"}}, createDefaultConfig())
}

func TestPipelinesInNoList(t *testing.T) {
	cfg := &Config{First: []pipeline.ID{keep}, Then: []pipeline.ID{count}}
	require.NoError(t, cfg.unlisted([]pipeline.ID{keep, count}))
	err := cfg.unlisted([]pipeline.ID{
		pipeline.NewIDWithName(pipeline.SignalTraces, "z"), keep, pipeline.NewIDWithName(pipeline.SignalTraces, "a"), count,
	})
	assert.EqualError(t, err, "first, then: traces/a, traces/z would receive nothing; write it in one of the two lists")
}
