// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	token = "a-token-of-the-test"
	// attackFor is how long hostile clients go on, and attackPause is the pause between
	// two requests of a client: this tests memory, not the CPU, which the clients share
	// with the collector.
	attackFor   = 6 * time.Second
	attackPause = time.Second
)

// No request may kill a collector in a container of the size that the manifests set,
// however many clients send it at once, with or without a token: all kinds together and,
// in the long form, each alone. A good client alongside gets its 200 within a second.
func TestHostileRequestsInAContainer(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	percentages := "extensions: {otlp_guard: {limit_mib: 819}, gc_tuner: {limit_mib: 819}}\nprocessors: {memory_limiter: {limit_mib: 819, spike_limit_mib: 204}}"
	for _, tt := range []struct {
		name           string
		container, mib int // size of the container, and limit_mib, in MiB
		overrides      string
		extensions     string
		largest        int // uncompressed gRPC message, MiB
	}{
		{name: "agent", container: 512, mib: 409, extensions: "apm_paths,otlp_guard,gc_tuner,health_check,queue_storage", largest: 16},
		{name: "sidecar", container: 192, mib: 153, extensions: "apm_paths,otlp_guard,gc_tuner,health_check", largest: 8},
		{name: "gateway", container: 1024, overrides: percentages, extensions: "apm_paths,otlp_guard,gc_tuner,health_check,queue_storage", largest: 16},
	} {
		for _, authorization := range []string{"", "Bearer " + token} {
			name := tt.name
			options := harness.CollectorOptions{Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Config: tt.name + ".yaml", Overrides: tt.overrides}
			if tt.mib > 0 {
				options.Environment = []string{"OTELCOL_MEMORY_LIMIT_MIB=" + strconv.Itoa(tt.mib)}
			}
			if authorization != "" {
				name += " with a token"
				tt.extensions += ",bearertokenauth"
				options.Overrides += "\nreceivers: {otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth}}, http: {auth: {authenticator: bearertokenauth}}}}}"
				options.Arguments = []string{"--set=extensions.bearertokenauth.token=" + token}
			}
			options.Arguments = append(options.Arguments, "--set=service.extensions=["+tt.extensions+"]")
			t.Run(name, func(t *testing.T) {
				surviveFloods(t, options, authorization, tt.container, floods(t, tt.largest))
			})
		}
	}
}

// surviveFloods starts a collector in a container and floods it with hostile clients.
func surviveFloods(t *testing.T, options harness.CollectorOptions, authorization string, mib int, kinds []clients) {
	t.Helper()
	container := newContainer(t, mib)
	options.Wrapper = container.wrapper()
	c := harness.StartCollector(t, options)
	for _, kind := range pick(nil, kinds) {
		t.Run(kind.name, func(t *testing.T) {
			flood(t, c, authorization, kind)
			t.Logf("peak memory of the container %s", mebibytes(container.peak(t)))
		})
		require.Zero(t, container.kills(t), "processes that the kernel has killed")
	}
	t.Run("all together", func(t *testing.T) {
		for i := range kinds {
			kinds[i].count /= kinds[i].divisor // so that there is CPU left for the good client
		}
		flood(t, c, authorization, kinds...)
		// The process's peak includes the pages of its program, which the container is
		// not charged for.
		t.Logf("peak memory of the container %s, of the process %s", mebibytes(container.peak(t)), mebibytes(c.PeakMemory()))
	})
	require.Zero(t, container.kills(t), "processes that the kernel has killed")
	assert.Less(t, container.peak(t), container.limit, "memory of the container")
	assert.Positive(t, c.PeakMemory(), "memory of the process: it has exited")
	assert.Zero(t, c.Stop(t), "exit code")
}

// Without otlp_guard, connections that each hold a message kill the collector. This
// proves that the test's connections really hold one.
func TestHeldMessagesWithoutGuard(t *testing.T) {
	container := newContainer(t, 512)
	c := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: harness.StartSandbox(t).URL, DataKey: harness.PrivateKey, Wrapper: container.wrapper(), Environment: []string{"OTELCOL_MEMORY_LIMIT_MIB=409"},
		Overrides: "receivers: {otlp: {protocols: {grpc: {middlewares: []}}}}",
	})
	ctx, stop := context.WithCancel(t.Context())
	wait := startClients(ctx, c, heldMessages(16))
	assert.Eventually(t, func() bool { return container.kills(t) > 0 }, time.Minute, sampleInterval, "the collector survives")
	stop()
	wait()
}

// flood has hostile clients send until attackFor is over, and a good one beside them.
func flood(t *testing.T, c *harness.Collector, authorization string, kinds ...clients) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), attackFor)
	defer stop()
	wait := startClients(ctx, c, kinds...)
	var waits []time.Duration
	for ctx.Err() == nil || waits == nil {
		began := time.Now()
		require.Eventually(t, func() bool { return sendGood(c, authorization) == nil }, 10*time.Second, 10*time.Millisecond, "a good client")
		waits = append(waits, time.Since(began))
		time.Sleep(50 * time.Millisecond)
	}
	wait()
	slices.Sort(waits)
	most := waits[len(waits)*9/10]
	half := waits[len(waits)/2]
	t.Logf("a good client was served after %s in nine of ten cases, after %s at most", most.Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond))
	assert.Less(t, half, time.Second, "a good client, in half of the cases: the clients share the machine with the collector")
}

// startClients starts clients that send until ctx is done, and returns a function that
// waits for them.
func startClients(ctx context.Context, c *harness.Collector, kinds ...clients) (wait func()) {
	var all sync.WaitGroup
	for _, kind := range kinds {
		for range kind.count {
			all.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(attackPause) {
					kind.send(ctx, c)
				}
			})
		}
	}
	return all.Wait
}

// sendGood sends one span, and returns an error unless it is accepted at once.
func sendGood(c *harness.Collector, authorization string) error {
	body := oddSpan("beside-bombs", func(ptrace.Span) {})
	request, err := http.NewRequest(http.MethodPost, "http://"+c.HTTP+"/v1/traces", bytes.NewReader(body)) //nolint:noctx // the client has a time-out
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", protobufType)
	request.Header.Set("Authorization", authorization)
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
