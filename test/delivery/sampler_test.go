// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// slowDownstream has a sampler in front of an exporter with a small queue and one upload
// at a time.
func slowDownstream() scenario {
	const sampling = "decision_wait: 1s, num_traces: 100000, policies: [{name: all, type: always_sample}]"
	const queue = "{sizer: bytes, queue_size: 2097152, num_consumers: 1, batch: {sizer: bytes, min_size: 262144, max_size: 0, flush_timeout: 200ms}}"
	return scenario{
		name: "a sampler redelivers to a slow APM", load: loadOptions{spans: 20, payload: 900, pause: 40 * time.Millisecond},
		overrides: [2]string{
			ours: `
processors: {durable_tail_sampling: {storage: queue_storage, ` + sampling + `}}
exporters: {oci_apm: {retry_on_failure: {initial_interval: 1s, max_interval: 2s}, sending_queue: ` + queue + `}}
service: {pipelines: {traces: {processors: [memory_limiter, durable_tail_sampling]}}}`,
			stock: `
processors: {tail_sampling: {` + sampling + `}}
exporters: {otlp_http: {sending_queue: ` + queue + `}}
service: {pipelines: {traces: {processors: [memory_limiter, tail_sampling]}}}`,
		},
		during: redeliverSlowly,
	}
}

// redeliverSlowly makes APM refuse everything for a while, and then accept less per
// second than the apps send.
func redeliverSlowly(t *testing.T, r *run) {
	t.Helper()
	r.fault(t, apm.Fault{Status: http.StatusServiceUnavailable}, pick(10*time.Second, 60*time.Second))
	r.sandbox.AddFault(t, apm.Fault{Delay: apm.Duration(400 * time.Millisecond)})
	stored := r.sandbox.Counts(t).Spans.Stored
	for range pick(4, 20) {
		time.Sleep(5 * time.Second)
		before := stored
		if r.pipeline == ours {
			assert.Eventually(t, func() bool { return r.sandbox.Counts(t).Spans.Stored > before }, 30*time.Second, pollInterval, "no progress")
		}
		stored = r.sandbox.Counts(t).Spans.Stored
	}
	if r.pipeline == ours {
		assert.Zero(t, r.sandbox.Counts(t).Spans.Duplicates, "redelivered twice")
		assert.Contains(t, r.nodes[0].log(), "The next component refuses sampled spans", "nothing had to be redelivered")
	}
}
