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
	// attackFor is how long hostile clients go on, and attackPause how long each of
	// them waits in between: it is memory that is tried here, not the machine's CPU,
	// which the clients share with the collector.
	attackFor   = 6 * time.Second
	attackPause = time.Second
)

// What a client sends ends no collector in a container of the size that the manifests
// give it, however many send it at once, with a token or without: all kinds together
// and, in the long form, each alone. A good client beside them gets its 200 within a
// second.
func TestHostileRequestsInAContainer(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	percentages := "extensions: {otlp_guard: {limit_mib: 819}, gc_tuner: {limit_mib: 819}}\nprocessors: {memory_limiter: {limit_mib: 819, spike_limit_mib: 204}}"
	for _, tt := range []struct {
		name, config   string
		container, mib int // its size, and limit_mib
		overrides      string
		authorization  string
		extensions     string
		largest        int // uncompressed gRPC message, MiB
	}{
		{name: "agent", config: "agent.yaml", container: 512, mib: 409, largest: 16},
		{name: "sidecar", config: "sidecar.yaml", container: 192, mib: 153, extensions: "[otlp_guard,gc_tuner,health_check]", largest: 8},
		{name: "gateway", config: "gateway.yaml", container: 1024, overrides: percentages, largest: 16},
		{
			name: "gateway with a token", config: "gateway.yaml", container: 1024, authorization: "Bearer " + token, largest: 16,
			overrides: percentages + `
receivers: {otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth}}, http: {auth: {authenticator: bearertokenauth}}}}}`,
			extensions: "[otlp_guard,gc_tuner,health_check,queue_storage,bearertokenauth]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			container := newContainer(t, tt.container)
			options := harness.CollectorOptions{
				Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Config: tt.config, Overrides: tt.overrides, Wrapper: container.wrapper(),
			}
			if tt.mib > 0 {
				options.Environment = []string{"OTELCOL_MEMORY_LIMIT_MIB=" + strconv.Itoa(tt.mib)}
			}
			if tt.authorization != "" {
				options.Arguments = append(options.Arguments, "--set=extensions.bearertokenauth.token="+token)
			}
			if tt.extensions != "" {
				options.Arguments = append(options.Arguments, "--set=service.extensions="+tt.extensions)
			}
			c := harness.StartCollector(t, options)

			kinds := floods(t, tt.largest)
			for _, kind := range pick(nil, kinds) {
				t.Run(kind.name, func(t *testing.T) {
					flood(t, c, tt.authorization, kind)
					t.Logf("peak memory of the container %s", mebibytes(container.peak(t)))
				})
				require.Zero(t, container.kills(t), "processes that the kernel has ended")
			}
			t.Run("all together", func(t *testing.T) {
				for i := range kinds {
					kinds[i].count /= kinds[i].divisor // so that there is CPU left for the good client
				}
				flood(t, c, tt.authorization, kinds...)
				t.Logf("peak memory of the container %s", mebibytes(container.peak(t)))
			})
			require.Zero(t, container.kills(t), "processes that the kernel has ended")
			assert.Less(t, container.peak(t), container.limit, "memory of the container")
			assert.Zero(t, c.Stop(t), "exit code")
		})
	}
}

// flood has hostile clients send until attackFor is over, and a good one beside them.
func flood(t *testing.T, c *harness.Collector, authorization string, kinds ...clients) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), attackFor)
	defer stop()
	var hostile sync.WaitGroup
	for _, kind := range kinds {
		for range kind.count {
			hostile.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(attackPause) {
					kind.send(ctx, c)
				}
			})
		}
	}
	var waits []time.Duration
	for ctx.Err() == nil || waits == nil {
		began := time.Now()
		require.Eventually(t, func() bool { return sendGood(c, authorization) == nil }, 10*time.Second, 10*time.Millisecond, "a good client")
		waits = append(waits, time.Since(began))
		time.Sleep(50 * time.Millisecond)
	}
	hostile.Wait()
	slices.Sort(waits)
	most := waits[len(waits)*9/10]
	half := waits[len(waits)/2]
	t.Logf("a good client was served after %s in nine of ten cases, after %s at most", most.Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond))
	assert.Less(t, half, time.Second, "a good client, in half of the cases: the clients share the machine with the collector")
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
