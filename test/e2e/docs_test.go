// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// docs/deploy.md has a configuration with which the collector listens on ::1 as well.
func TestDocumentedIPv6(t *testing.T) {
	blocks := harness.PageBlocks(t, "docs/deploy.md", "ipv6", "yaml")
	require.Len(t, blocks, 1)
	onIPv6 := func(t *testing.T) string {
		_, port, err := net.SplitHostPort(harness.FreeAddress(t))
		require.NoError(t, err)
		return net.JoinHostPort("::1", port)
	}
	grpcAddress, httpAddress := onIPv6(t), onIPv6(t)
	listener, err := net.Listen("tcp", grpcAddress)
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	require.NoError(t, listener.Close())

	sandbox := harness.StartSandbox(t)
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey,
		Overrides: strings.NewReplacer("[::1]:4317", grpcAddress, "[::1]:4318", httpAddress).Replace(blocks[0]),
	})
	newOTLPClient(t, grpcAddress).send(t, databaseSpan(1))
	newOTLPClient(t, collector.GRPC).send(t, databaseSpan(2))
	sandbox.AwaitSpans(t, 2)
	assert.Contains(t, curl(t, "curl -s "+httpAddress+`/v1/traces -H 'Content-Type: application/json' -d '{}'`+"\n"), "partialSuccess")
}

// SECURITY.md has a line that disables a signal, for domains that do not accept it.
func TestDocumentedSwitch(t *testing.T) {
	blocks := harness.PageBlocks(t, "SECURITY.md", "switch a signal off", "yaml")
	require.Len(t, blocks, 1)
	require.Equal(t, 1, strings.Count(blocks[0], "\n"), "it is one line")
	sandbox := harness.StartSandbox(t)
	sandbox.AddFault(t, apm.Fault{Status: http.StatusServiceUnavailable}) // nothing is delivered
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Endpoint: sandbox.URL, DataKey: harness.PrivateKey, Arguments: []string{"--config", "yaml:" + strings.TrimSpace(blocks[0])},
	})
	for path, body := range map[string]string{
		"logs":   `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}`,
		"traces": `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"hello","traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}`,
	} {
		command := "curl -s " + collector.HTTP + "/v1/" + path + ` -H 'Content-Type: application/json' -d '` + body + "'\n"
		assert.JSONEq(t, `{"partialSuccess":{}}`, curl(t, command), path)
	}
	require.Eventually(t, func() bool { return collector.QueueSize(t) > 0 }, awaitTimeout, pollInterval)
	metrics := page(t, "http://"+collector.Metrics+"/metrics")
	assert.Contains(t, metrics, `data_type="metrics"`)
	assert.NotContains(t, metrics, `data_type="logs"`, "logs have a queue")
}
