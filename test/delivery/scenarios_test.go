// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// scenario is a row of the table: what happens while apps send spans.
type scenario struct {
	name string
	load loadOptions
	// sandboxArguments are added to the command line of the sandbox.
	sandboxArguments []string
	// overrides is YAML that is merged over the configuration of each pipeline.
	overrides [2]string
	// start starts the collectors; nil starts one. Apps send to the first entries of
	// them, or to all if entries is 0.
	start   func(t *testing.T, r *run)
	entries int
	// during makes things happen. The load stops when it returns.
	during func(t *testing.T, r *run)
	// says is a pattern that must match our collector's log.
	says string
}

// pick returns the value for the current form.
func pick[T any](ofShort, ofLong T) T {
	if *long {
		return ofLong
	}
	return ofShort
}

func scenarios() []scenario {
	rounds := pick(3, 20)
	outage := pick(20*time.Second, 330*time.Second) // stock gives up after 300 s
	backlog := pick(20_000, 360_000)                // long: an hour of 100 spans a second
	list := []scenario{
		{name: "no fault", during: func(*testing.T, *run) { time.Sleep(pick(5*time.Second, 30*time.Second)) }},
		{
			name: "64 apps", load: loadOptions{apps: 64, pause: 500 * time.Millisecond},
			during: func(*testing.T, *run) { time.Sleep(pick(5*time.Second, 30*time.Second)) },
		},
		{name: fmt.Sprintf("kill -9, %d times", rounds), during: killRounds(rounds)},
		{
			name:   fmt.Sprintf("APM down for %s", outage),
			during: func(t *testing.T, r *run) { r.fault(t, apm.Fault{Down: true}, outage) },
		},
		{
			name: fmt.Sprintf("a backlog of %d spans", backlog), load: loadOptions{apps: 8, spans: 100, pause: 200 * time.Millisecond},
			during: pileUp(backlog),
		},
		{name: "429 with Retry-After in seconds", during: bursts(func() apm.Fault {
			return apm.Fault{Status: http.StatusTooManyRequests, RetryAfter: "2"}
		})},
		{name: "429 with Retry-After as a date", during: bursts(func() apm.Fault {
			return apm.Fault{Status: http.StatusTooManyRequests, RetryAfter: time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat)}
		})},
		{name: "absurd Retry-After, then a restart", during: absurdRetryAfter},
		{name: "throttled all the time", during: throttled},
		{name: "slow answers, resets in the middle", during: slowAndReset},
		{
			name: "413 for more than 20 spans", during: func(*testing.T, *run) { time.Sleep(pick(5*time.Second, 30*time.Second)) },
			sandboxArguments: []string{"--max-decompressed-bytes=8000"}, load: loadOptions{spans: 8},
		},
		{name: "key rotated", start: startWithKeyFile, during: rotateKey},
		{name: "key rotated while APM is down", start: startWithKeyFile, during: rotateKeyWhileDown},
		{name: "disk full", start: startOnSmallDisk, during: fillDisk, load: loadOptions{payload: 4096}},
		{name: "two agents, gateway killed", start: startAgentsAndGateway, entries: 2, during: killGateway},
		{name: "SIGTERM while APM is slow, and while it is down", during: terminate},
		{name: "queue file damaged at its start", during: damage(overwriteStart, true), says: damageNotice},
		{name: "queue file damaged in the middle", during: damage(overwriteMiddle, true), says: damageNotice},
		{name: "queue file cut in half", during: damage(cutInHalf, false), says: damageNotice},
		{
			name: "memory limit", load: loadOptions{apps: 16, payload: 64 << 10, pause: 20 * time.Millisecond},
			overrides: [2]string{lowMemoryLimit, lowMemoryLimit}, during: reachMemoryLimit,
		},
	}
	list = append(list, folderScenarios()...)
	list = append(list, slowDownstream())
	for _, status := range []int{401, 403, 408, 500, 502, 503, 504} {
		list = append(list, scenario{
			name:   fmt.Sprintf("bursts of %d", status),
			during: bursts(func() apm.Fault { return apm.Fault{Status: status} }),
		})
	}
	return append(list, answerScenarios()...)
}

func TestDelivery(t *testing.T) {
	for _, s := range scenarios() {
		for _, p := range []pipeline{ours, stock} {
			t.Run(s.name+"/"+p.String(), func(t *testing.T) {
				t.Parallel()
				result := play(t, s, p)
				report(s, p, result)
				t.Logf("%+v", result)
				if p == stock {
					return // for comparison
				}
				assert.Zero(t, result.lost, "accepted spans that are not stored")
				assert.Zero(t, result.refused, "requests that apps were told to drop")
			})
		}
	}
}

// killRounds kills the collector at random moments: with slow uploads in flight in one
// round, with undeliverable data in the queue in the next.
func killRounds(rounds int) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		for round := range rounds {
			fault := apm.Fault{Delay: apm.Duration(200 * time.Millisecond)}
			if round%2 == 1 {
				fault = apm.Fault{Status: http.StatusServiceUnavailable}
			}
			r.sandbox.AddFault(t, fault)
			time.Sleep(500*time.Millisecond + rand.N(2*time.Second))
			r.nodes[0].kill(t)
			r.sandbox.ClearFaults(t)
			r.nodes[0].restart(t)
		}
		time.Sleep(time.Second)
	}
}

// pileUp keeps APM down until apps have sent a number of spans.
func pileUp(spans int) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		r.sandbox.AddFault(t, apm.Fault{Down: true})
		require.Eventually(t, func() bool { return r.load.Accepted() >= spans }, 10*time.Minute, pollInterval)
		r.nodes[0].checkPages(t)
		r.sandbox.ClearFaults(t)
	}
}

// bursts sets and clears a fault several times.
func bursts(fault func() apm.Fault) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		for range pick(2, 10) {
			time.Sleep(time.Second)
			r.fault(t, fault(), 2500*time.Millisecond)
		}
		time.Sleep(time.Second)
	}
}

// absurdRetryAfter answers with nonsensical Retry-After values. The largest may delay
// its upload for long: a restart sends it at once.
func absurdRetryAfter(t *testing.T, r *run) {
	t.Helper()
	for _, value := range []string{"-5", "0", "soon", "1.5", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		r.sandbox.AddFault(t, apm.Fault{Status: http.StatusTooManyRequests, RetryAfter: value, Times: 1})
		time.Sleep(time.Second)
	}
	for _, n := range r.nodes {
		n.stop(t)
		n.restart(t)
	}
	time.Sleep(time.Second)
}

// throttled refuses two of every three uploads.
func throttled(t *testing.T, r *run) {
	t.Helper()
	for range pick(8, 60) {
		r.sandbox.AddFault(t, apm.Fault{Status: http.StatusTooManyRequests, RetryAfter: "1", Times: 2})
		time.Sleep(time.Second)
	}
}

func slowAndReset(t *testing.T, r *run) {
	t.Helper()
	for range pick(1, 10) {
		r.fault(t, apm.Fault{Delay: apm.Duration(2 * time.Second)}, 4*time.Second)
		r.fault(t, apm.Fault{Reset: true}, 2*time.Second)
		r.fault(t, apm.Fault{Delay: apm.Duration(500 * time.Millisecond), Reset: true}, 2*time.Second)
	}
	time.Sleep(time.Second)
}

// startWithKeyFile gives our pipeline its key in a file. The stock pipeline has no such
// option.
func startWithKeyFile(t *testing.T, r *run) {
	t.Helper()
	opts := r.collectorOptions(t)
	if r.pipeline == ours {
		r.keyFile = filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(r.keyFile, []byte(harness.PrivateKey+"\n"), 0o600))
		opts.DataKey = ""
		opts.Overrides = "exporters: {oci_apm: {data_key_file: " + r.keyFile + "}}"
	}
	r.nodes = []*node{startNode(t, opts)}
}

// writeNewKey does what an operator does after a rotation: it replaces the file or, if
// the key is a header, restarts the collector.
func (r *run) writeNewKey(t *testing.T) {
	t.Helper()
	if r.pipeline == ours {
		replaceFile(t, r.keyFile, rotatedKey+"\n")
		return
	}
	r.nodes[0].stop(t)
	r.nodes[0].restart(t, "APM_DATA_KEY="+rotatedKey)
}

func rotateKey(t *testing.T, r *run) {
	t.Helper()
	time.Sleep(2 * time.Second)
	r.sandbox.SetPrivateKey(t, rotatedKey)
	time.Sleep(pick(4*time.Second, 30*time.Second))
	r.nodes[0].checkPages(t)
	r.writeNewKey(t)
	time.Sleep(2 * time.Second)
}

func rotateKeyWhileDown(t *testing.T, r *run) {
	t.Helper()
	time.Sleep(2 * time.Second)
	r.sandbox.AddFault(t, apm.Fault{Down: true})
	time.Sleep(time.Second)
	r.sandbox.SetPrivateKey(t, rotatedKey)
	time.Sleep(pick(2*time.Second, 30*time.Second))
	r.sandbox.ClearFaults(t)
	time.Sleep(2 * time.Second)
	r.writeNewKey(t)
	time.Sleep(2 * time.Second)
}

// terminate stops the collector under load, once with slow uploads in flight and once
// with undeliverable data in the queue, and starts it again.
func terminate(t *testing.T, r *run) {
	t.Helper()
	for range pick(1, 5) {
		for _, fault := range []apm.Fault{{Delay: apm.Duration(2 * time.Second)}, {Down: true}} {
			r.sandbox.AddFault(t, fault)
			time.Sleep(2 * time.Second)
			if code := r.nodes[0].stop(t); r.pipeline == ours {
				assert.Zero(t, code, "exit code")
			}
			r.sandbox.ClearFaults(t)
			r.nodes[0].restart(t)
			time.Sleep(time.Second)
		}
	}
}

// startAgentsAndGateway starts two agents, which apps send to, and the gateway that the
// agents send to.
func startAgentsAndGateway(t *testing.T, r *run) {
	t.Helper()
	gatewayOptions := r.collectorOptions(t)
	if r.pipeline == ours {
		gatewayOptions.Config = "gateway.yaml"
	}
	gateway := startNode(t, gatewayOptions)
	overrides := `
exporters: {otlp_grpc: {endpoint: "%s", tls: {insecure: true}}}
service: {pipelines: {traces: {exporters: [otlp_grpc]}}}`
	if r.pipeline == ours {
		overrides = `
exporters:
  otlp_grpc:
    endpoint: "%s"
    tls: {insecure: true}
    retry_on_failure: {max_elapsed_time: 0}
    sending_queue: {storage: queue_storage, sizer: bytes, queue_size: 536870912}
service: {pipelines: {traces: {exporters: [otlp_grpc]}}}`
	}
	for range 2 {
		opts := r.collectorOptions(t)
		opts.Overrides = fmt.Sprintf(overrides, gateway.collector.GRPC)
		r.nodes = append(r.nodes, startNode(t, opts))
	}
	r.nodes = append(r.nodes, gateway)
}

func killGateway(t *testing.T, r *run) {
	t.Helper()
	gateway := r.nodes[2]
	r.sandbox.AddFault(t, apm.Fault{Delay: apm.Duration(200 * time.Millisecond)})
	for range pick(2, 20) {
		time.Sleep(time.Second + rand.N(time.Second))
		gateway.kill(t)
		time.Sleep(time.Second)
		gateway.restart(t)
	}
	time.Sleep(time.Second)
	r.sandbox.ClearFaults(t)
}

// lowMemoryLimit is so low that a few large requests reach it.
const lowMemoryLimit = `processors: {memory_limiter: {limit_mib: 80, spike_limit_mib: 20, check_interval: 100ms}}`

func reachMemoryLimit(t *testing.T, r *run) {
	t.Helper()
	r.sandbox.AddFault(t, apm.Fault{Delay: apm.Duration(time.Second)})
	time.Sleep(pick(4*time.Second, 20*time.Second))
	if r.pipeline == ours {
		assert.Eventually(t, func() bool { return strings.Contains(r.nodes[0].log(), "Memory usage is above soft limit") },
			time.Minute, pollInterval, "the limit is not reached")
	}
	r.sandbox.ClearFaults(t)
	time.Sleep(2 * time.Second)
}
