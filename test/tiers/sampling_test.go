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
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// decisionWait is longer than a trace of the load takes.
const decisionWait = 4 * time.Second

// tiers are two agents, the two collectors of the first tier, and two samplers, which
// keep every trace.
type tiers struct {
	sandbox                     *harness.Sandbox
	agents, balancers, samplers []*harness.Collector
}

func startTiers(t *testing.T) *tiers {
	t.Helper()
	s := &tiers{sandbox: harness.StartSandbox(t, "--max-spans=1000000", "--max-bytes=2147483648")}
	for i := range 2 {
		queue := t.TempDir()
		// A policy that keeps everything. The other settings differ because this is not
		// Kubernetes, and mark each span with the name of its sampler.
		settings := uploadSettings(t) + fmt.Sprintf(`
processors:
  durable_tail_sampling: {decision_wait: %s, policies: [{name: all, type: always_sample}]}
  transform: {trace_statements: ['set(resource.attributes["sampler"], "sampler-%d")']}
extensions:
  queue_storage: {directory: %q}
service: {pipelines: {traces: {processors: [memory_limiter, durable_tail_sampling, transform]}}}`, decisionWait, i, queue)
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

// The spans of a trace arrive through both agents and both collectors of the first tier,
// and end up in the same sampler.
func TestTracesMeet(t *testing.T) {
	s := startTiers(t)
	load := startLoad(t, s.agents...)
	require.Eventually(t, func() bool { return sharedTraces(load) > 15 }, drainTimeout, pollInterval, "the apps are too slow")
	assert.Zero(t, missing(t, load, s.sandbox))

	traces := s.sandbox.Traces(t)
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
	// One app of a pair may be ahead of the other, and then has traces alone.
	assert.Equal(t, sharedTraces(load), throughBoth)
	t.Logf("%d traces by sampler: %v", len(traces), samplers)
	assert.Len(t, samplers, 2, "one sampler received all traces")
}

// sharedTraces returns how many traces have accepted spans of both apps of a pair.
func sharedTraces(load *otlpload.Load) int {
	apps := map[pcommon.TraceID]map[int]bool{}
	for _, a := range load.Apps {
		report := a.Report()
		for n, accepted := range report.Accepted {
			if id := report.TraceID(n); accepted {
				if apps[id] == nil {
					apps[id] = map[int]bool{}
				}
				apps[id][report.ID] = true
			}
		}
	}
	shared := 0
	for _, of := range apps {
		if len(of) == 2 {
			shared++
		}
	}
	return shared
}

// Nothing is lost if a collector of the first tier is killed, or if a sampler is
// replaced: it decides on its traces before it exits.
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

// A killed sampler has the spans that wait for a decision on disk, and decides on them
// after its restart.
func TestSamplerKilled(t *testing.T) {
	s := startTiers(t)
	load := startLoad(t, s.agents...)
	for _, sampler := range s.samplers {
		time.Sleep(2 * decisionWait)
		sampler.Kill(t)
		sampler.Restart(t)
	}
	// Killed again, while the spans that it read back still wait.
	time.Sleep(time.Second)
	s.samplers[0].Kill(t)
	s.samplers[0].Restart(t)
	time.Sleep(decisionWait)
	assert.Zero(t, missing(t, load, s.sandbox))
	for _, sampler := range s.samplers {
		assert.Contains(t, sampler.Output(), "Spans that waited for a decision are read back")
	}
}
