// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build tiers

package tiers

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// decisionWait is longer than the traces of the load.
const decisionWait = 4 * time.Second

// tiers is two agents, the two collectors of the first tier, and two samplers,
// which keep every trace.
type tiers struct {
	sandbox                     *harness.Sandbox
	agents, balancers, samplers []*harness.Collector
}

func startTiers(t *testing.T) *tiers {
	t.Helper()
	s := &tiers{sandbox: harness.StartSandbox(t, "--max-spans=1000000", "--max-bytes=2147483648")}
	for i := range 2 {
		queue := t.TempDir()
		// A policy that keeps all; the rest is what differs outside
		// Kubernetes, and the sampler's name on what it has seen.
		settings := uploadSettings(t) + fmt.Sprintf(`
processors:
  durable_tail_sampling: {decision_wait: %s, policies: [{name: all, type: always_sample}]}
  resource: {attributes: [{key: sampler, value: sampler-%d, action: upsert}]}
extensions:
  queue_storage: {directory: %q}
service: {pipelines: {traces: {processors: [memory_limiter, durable_tail_sampling, resource]}}}`, decisionWait, i, queue)
		s.samplers = append(s.samplers, gateway(t, s.sandbox, nil, settings, "components/queue/exporter.yaml", "components/sampler/sampling.yaml"))
	}
	for range 2 {
		settings := fmt.Sprintf(`
exporters: {load_balancing: {resolver: {k8s: null, static: {hostnames: [%q, %q]}}}}`, s.samplers[0].GRPC, s.samplers[1].GRPC)
		balancer := gateway(t, s.sandbox, []string{"SAMPLER_SERVICE=unused"}, settings, "components/balancer/exporter.yaml")
		s.balancers = append(s.balancers, balancer)
		s.agents = append(s.agents, agent(t, balancer.GRPC))
	}
	return s
}

// The spans of a trace arrive through both agents and both collectors of the first
// tier, and meet in one sampler.
func TestTracesMeet(t *testing.T) {
	s := startTiers(t)
	load := startLoad(t, s.agents...)
	time.Sleep(5 * time.Second)
	assert.Zero(t, missing(t, load, s.sandbox))

	traces := s.sandbox.Traces(t)
	require.Greater(t, len(traces), 8)
	samplers := map[any]int{}
	throughBoth := 0
	for _, summary := range traces {
		of := map[any]bool{}
		for _, span := range s.sandbox.Trace(t, summary.TraceID).Spans {
			of[span.Resource["sampler"]] = true
		}
		require.Len(t, of, 1, "trace %s was seen by %v", summary.TraceID, of)
		for name := range of {
			samplers[name]++
		}
		if len(summary.Services) == 2 {
			throughBoth++
		}
	}
	// Only of the last trace of a pair of apps, one may have sent nothing yet.
	assert.GreaterOrEqual(t, throughBoth, len(traces)-4)
	t.Logf("%d traces by sampler: %v", len(traces), samplers)
	assert.Len(t, samplers, 2, "one sampler has got all")
}

// Nothing is lost when a collector of the first tier is killed, and when a sampler
// is replaced: it decides on what it holds before it ends.
func TestTiersSurvive(t *testing.T) {
	s := startTiers(t)
	load := startLoad(t, s.agents...)
	for range 3 {
		time.Sleep(time.Second)
		s.balancers[0].Kill(t)
		time.Sleep(time.Second)
		s.balancers[0].Restart(t)
	}
	for _, sampler := range s.samplers {
		time.Sleep(time.Second)
		assert.Zero(t, sampler.Stop(t))
		time.Sleep(time.Second)
		sampler.Restart(t)
	}
	for _, a := range s.agents {
		a.Kill(t)
		a.Restart(t)
	}
	time.Sleep(time.Second)
	assert.Zero(t, missing(t, load, s.sandbox))
}

// A sampler that is killed without warning has the spans that wait for a decision
// on disk, and decides on them when it is there again.
func TestSamplerKilled(t *testing.T) {
	s := startTiers(t)
	load := startLoad(t, s.agents...)
	for _, sampler := range s.samplers {
		time.Sleep(2 * decisionWait)
		sampler.Kill(t)
		sampler.Restart(t)
	}
	// Once more, while it still waits for what it has read back.
	time.Sleep(time.Second)
	s.samplers[0].Kill(t)
	s.samplers[0].Restart(t)
	time.Sleep(decisionWait)
	assert.Zero(t, missing(t, load, s.sandbox))
	for _, sampler := range s.samplers {
		assert.Contains(t, sampler.Output(), "Spans that waited for a decision are read back")
	}
}
