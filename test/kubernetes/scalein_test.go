// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

// queuedGateway are the values of a gateway with a queue and without an autoscaler.
const queuedGateway = `
mode: gateway
autoscaling: {enabled: false}
replicaCount: %d
gateway: {cpu: 50m, memoryMiB: 256, queueSize: 1Gi, drain: {claims: [%s]}}`

// A gateway with a queue is scaled from three replicas to one while APM is down. The two
// that are removed keep what they could not upload on their volumes; Jobs of the chart
// upload it when APM is back. A replica that is removed while APM is up leaves nothing.
func TestScaleIn(t *testing.T) {
	c := newCluster(t)
	volumes(t, 3)
	namespace(t, appNamespace, "restricted")
	namespace(t, gateways, "restricted")
	c.trust(t, gateways)
	gateway := c.install(t, gateways, fmt.Sprintf(queuedGateway, 3, ""))

	c.sandbox.AddFault(t, apm.Fault{Down: true})
	var reports []otlpload.Report
	for n := range 3 {
		replica := kubectlJSON[pod](t, "pod", "-n", gateways, fmt.Sprintf("otelcol-ociapm-gateway-%d", n))
		sender := startApp(t, 600+n, []string{"grpc", "http", "grpc"}[n], net.JoinHostPort(replica.Status.PodIP, []string{"4317", "4318", "4317"}[n]), `""`)
		sender.sendsOn(t, 20)
		reports = append(reports, sender.stop(t))
		sender.remove(t)
	}
	missing := func(t *testing.T) (total int) {
		t.Helper()
		for _, report := range reports {
			require.Empty(t, report.Refused)
			total += c.sandbox.Missing(t, report)
		}
		return total
	}
	accepted := 0
	for _, report := range reports {
		accepted += report.AcceptedSpans()
	}
	require.Equal(t, accepted, missing(t), "APM is down")

	gateway.upgrade(t, fmt.Sprintf(queuedGateway, 1, ""))
	for n := 1; n < 3; n++ { // uploads fail, so that the replica does not wait for its queue
		kubectl(t, "wait", "-n", gateways, "--for=delete", fmt.Sprintf("pod/otelcol-ociapm-gateway-%d", n), "--timeout=120s")
	}
	// The kubelet says that the hooks have failed, and why only in its own log.
	assert.Equal(t, 2, failedHooks(t), "an operator must see that data is left on the claims")
	c.sandbox.ClearFaults(t)
	c.sandbox.AwaitSpans(t, reports[0].AcceptedSpans())
	left := missing(t)
	assert.Equal(t, reports[1].AcceptedSpans()+reports[2].AcceptedSpans(), left, "on the volumes of the replicas that were removed")

	gateway.upgrade(t, fmt.Sprintf(queuedGateway, 1, "queue-otelcol-ociapm-gateway-1, queue-otelcol-ociapm-gateway-2"))
	kubectl(t, "wait", "-n", gateways, "--for=condition=complete", "job", "-l", "app.kubernetes.io/component=drain", "--timeout=120s")
	assert.Zero(t, missing(t), "accepted spans that are not stored")
	t.Logf("%d spans accepted; %d on the volumes of two replicas that were removed while APM was down; %d lost, %d duplicates", accepted, left, missing(t), c.sandbox.Counts(t).Spans.Duplicates)

	t.Run("what cannot be changed is said before it fails", func(t *testing.T) {
		for values, says := range map[string]string{
			"gateway.queueSize=2Gi":                        "gateway.queueSize: the claims have 1Gi",
			"persistence.enabled=false":                    "persistence.enabled: StatefulSet otelcol-ociapm-gateway was created with another value",
			"persistence.storageClass=fast":                "persistence: storageClass and accessModes are",
			"statefulset.podManagementPolicy=OrderedReady": "statefulset.podManagementPolicy: StatefulSet otelcol-ociapm-gateway has Parallel",
		} {
			_, err := tryCommand(t, "", "helm", "upgrade", "otelcol-ociapm", chart, "-n", gateways, "--reuse-values", "--dry-run=server", "--set", values)
			require.ErrorContains(t, err, says)
			assert.ErrorContains(t, err, "--cascade=orphan")
		}
	})

	t.Run("a replica uploads its queue before it is removed", func(t *testing.T) {
		gateway.upgrade(t, fmt.Sprintf(queuedGateway, 2, ""))
		replica := kubectlJSON[pod](t, "pod", "-n", gateways, "otelcol-ociapm-gateway-1")
		sender := startApp(t, 610, "grpc", net.JoinHostPort(replica.Status.PodIP, "4317"), `""`)
		c.sandbox.AddFault(t, apm.Fault{Down: true})
		sender.sendsOn(t, 20)
		report := sender.stop(t)
		sender.remove(t)
		c.sandbox.ClearFaults(t)
		gateway.upgrade(t, fmt.Sprintf(queuedGateway, 1, ""))
		kubectl(t, "wait", "-n", gateways, "--for=delete", "pod/otelcol-ociapm-gateway-1", "--timeout=120s")
		assert.Zero(t, c.sandbox.Missing(t, report), "of %d accepted spans", report.AcceptedSpans())
		assert.Equal(t, 2, failedHooks(t), "the hook of this replica has failed")
	})
}

// failedHooks returns the number of gateways' pods whose preStop hook has failed.
func failedHooks(t *testing.T) int {
	t.Helper()
	return len(kubectlJSON[struct {
		Items []struct{} `json:"items"`
	}](t, "events", "-n", gateways, "--field-selector=reason=FailedPreStopHook").Items)
}
