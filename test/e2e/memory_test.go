// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Sizes of memory users, in MiB.
const (
	signals = 3
	// An upload is up to 4 MiB encoded, and its compressed copy exists at the same time.
	// Telemetry compresses to less than half.
	encodedUpload, compressedUpload = 4, 2
	defaultConsumers                = 10
	defaultCache                    = 16 // of db_span_enricher
	// program is the memory of a collector without data.
	program = 16
)

// shares is the percentage of the memory limit that each user of memory may have.
type shares struct{ requests, queue, uploads, sampler, rest float64 }

func (s shares) sum() float64 { return s.requests + s.queue + s.uploads + s.sampler + s.rest }

// The users of a collector's memory may together use less than its limit.
// docs/architecture.md lists the shares.
func TestMemoryShares(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "architecture.md"))
	require.NoError(t, err)
	for _, tt := range []struct {
		name  string
		limit float64 // MiB: limit_mib, or limit_percentage of the manifests' container
		files []string
	}{
		{"agent", 512, []string{"config/agent.yaml"}},
		{"agent in Kubernetes", 409, []string{"deploy/kubernetes/base/agent/collector.yaml", "deploy/kubernetes/base/agent/exporter.yaml"}},
		{"sidecar", 128, []string{"config/sidecar.yaml"}},
		{"gateway, queue on disk", 819, []string{"config/gateway.yaml"}},
		{"gateway, queue in memory", 819, []string{"deploy/kubernetes/base/gateway/collector.yaml", "deploy/kubernetes/base/gateway/exporter.yaml"}},
		{"sampler", 1638, []string{
			"deploy/kubernetes/base/gateway/collector.yaml", "deploy/kubernetes/components/queue/exporter.yaml",
			"deploy/kubernetes/components/sampler/sampling.yaml",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sharesOf(t, tt.limit, tt.files)
			row := fmt.Sprintf("| %s | %.0f MiB | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %.0f %% |",
				tt.name, tt.limit, s.requests, s.queue, s.uploads, s.sampler, s.rest, 100-s.sum())
			assert.Less(t, s.sum(), 96.0, row)
			assert.Contains(t, string(doc), row, "the table of docs/architecture.md")
		})
	}
}

// sharesOf computes the shares that the files allow. The last file wins.
func sharesOf(t *testing.T, limit float64, files []string) shares {
	t.Helper()
	conf := confmap.New()
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), file))
		require.NoError(t, err)
		var part map[string]any
		require.NoError(t, yaml.Unmarshal(content, &part))
		require.NoError(t, conf.Merge(confmap.NewFromStringMap(part)))
	}
	number := func(key string, otherwise float64) float64 {
		if n, ok := conf.Get(key).(int); ok {
			return float64(n)
		}
		return otherwise
	}
	percent := func(mib float64) float64 { return mib / limit * 100 }

	s := shares{requests: number("extensions::otlp_guard::share_percentage", 55)}
	consumers := number("exporters::oci_apm::sending_queue::num_consumers", defaultConsumers)
	if conf.IsSet("exporters::oci_apm::sending_queue::storage") {
		// Batches read back from the disk are merged until they are worth an upload.
		s.uploads = percent(signals * ((consumers+1)*encodedUpload + consumers*compressedUpload))
	} else {
		// The queue counts an upload until APM has accepted it.
		queue := number("exporters::oci_apm::sending_queue::queue_size", 0) / (1 << 20)
		s.queue = percent(signals * queue)
		s.uploads = percent(signals * min(queue/2, consumers*compressedUpload))
	}
	s.rest = percent(program + number("processors::db_span_enricher::cache::max_bytes", defaultCache<<20)/(1<<20))
	if conf.IsSet("processors::durable_tail_sampling") {
		// Above this, memory_limiter refuses data, whoever uses the memory.
		hard := number("processors::memory_limiter::limit_percentage", 0)
		s.sampler = (hard-number("processors::memory_limiter::spike_limit_percentage", 0))/hard*100 - s.uploads - s.rest
	}
	return s
}
