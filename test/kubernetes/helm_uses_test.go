// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// earlierChart is the chart before gateways with a queue were StatefulSets. After a
// release, the chart of that release takes its place.
const earlierChart = "test/kubernetes/testdata/chart-before-statefulsets.tgz"

// TestHelmUses installs the chart as its pages describe, for uses that the overlays do not
// have.
func TestHelmUses(t *testing.T) {
	c := newCluster(t)
	volumes(t, 1)
	namespace(t, appNamespace, "restricted")
	namespace(t, agents, "privileged")
	namespace(t, gateways, "restricted")
	for _, name := range []string{agents, gateways} {
		c.trust(t, name)
	}
	t.Run("an upgrade of agents", c.testAgentUpgrade)
	t.Run("an upgrade of a gateway", c.testGatewayUpgrade)
	t.Run("beside another vendor's agent", c.testBeside)
	t.Run("a secured gateway", c.testSecuredGateway)
}

// Agents are upgraded from the earlier chart while apps send.
func (c *cluster) testAgentUpgrade(t *testing.T) {
	agent := c.installChart(t, earlierChart, agents, "mode: agent")
	sender := startApp(t, 410, "grpc", "$(NODE_IP):4317", podUID)
	sender.sendsOn(t, 10)
	agent.upgrade(t, "mode: agent")
	sender.sendsOn(t, 10)
	c.requireDelivered(t, sender)
	sender.remove(t)

	// What Kubernetes cannot change is said before anything is changed.
	for values, says := range map[string]string{
		"nameOverride: spans\nfullnameOverride: otelcol-ociapm": "nameOverride: DaemonSet otelcol-ociapm-agent selects its pods by",
		"clusterRole: {create: false, name: view}":              "kubectl delete clusterrolebinding otelcol-ociapm-otelcol-ociapm-agent",
	} {
		_, err := agent.tryUpgrade(t, chart, values)
		require.ErrorContains(t, err, says)
	}
	agent.uninstall(t)
}

// A gateway of the earlier chart, whose queue is deleted with the pod, is upgraded while APM
// accepts uploads and the queue does not grow, as the chart's page says.
func (c *cluster) testGatewayUpgrade(t *testing.T) {
	const values = "mode: gateway\ngateway: {cpu: 100m, memoryMiB: 384, minReplicas: 1}"
	gateway := c.installChart(t, earlierChart, gateways, values)
	sender := startApp(t, 411, "grpc", "otelcol-ociapm-gateway."+gateways+".svc:4317", podUID)
	sender.sendsOn(t, 10)
	require.Eventually(t, func() bool { return queued(t, gateways) == 0 }, commandTimeout, pollInterval, "the queue is never empty")
	_, err := gateway.tryUpgrade(t, chart, values)
	require.ErrorContains(t, err, "gateway.replaceDeployment: this upgrade replaces Deployment otelcol-ociapm-gateway by a StatefulSet, and deletes the queue")
	gateway.upgrade(t, strings.Replace(values, "gateway: {", "gateway: {replaceDeployment: true, ", 1))
	sender.sendsOn(t, 10)
	c.requireDelivered(t, sender)
	sender.remove(t)
	gateway.uninstall(t)
}

// Agents without host ports run on a node where another vendor's agent has them.
func (c *cluster) testBeside(t *testing.T) {
	apply(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: other-vendor, namespace: %s}
spec:
  selector: {matchLabels: {app: other-vendor}}
  template:
    metadata: {labels: {app: other-vendor}}
    spec:
      containers:
        - name: agent
          image: testapp:dev
          ports: [{containerPort: 4317, hostPort: 4317}, {containerPort: 4318, hostPort: 4318}]`, agents))
	rolledOut(t, agents, "daemonset/other-vendor")

	agent := c.install(t, agents, "mode: agent\nports: {otlp: {hostPort: 0}, otlp-http: {hostPort: 0}}")
	service := "otelcol-ociapm-agent." + agents + ".svc"
	byGRPC, byHTTP := startApp(t, 420, "grpc", service+":4317", `""`), startApp(t, 421, "http", service+":4318", `""`)
	byGRPC.sendsOn(t, 10)
	byHTTP.sendsOn(t, 10)
	name := byHTTP.pod(t).Metadata.Name
	require.Eventually(t, func() bool { return c.resourceOf(t, byHTTP)["k8s.pod.name"] == name }, commandTimeout, pollInterval)
	agent.test(t)
	c.requireDelivered(t, byGRPC, byHTTP)
	byGRPC.remove(t)
	byHTTP.remove(t)
	agent.uninstall(t)
	kubectl(t, "delete", "daemonset", "-n", agents, "other-vendor", "--cascade=foreground", "--wait")
}

// queued returns the size of the queues of the collectors in a namespace, as their
// metrics report it.
func queued(t *testing.T, namespace string) (size float64) {
	t.Helper()
	pods := podsOf(t, namespace, "app.kubernetes.io/name=otelcol-ociapm")
	require.NotEmpty(t, pods)
	line := regexp.MustCompile(`(?m)^otelcol_exporter_queue_size\{.*\} (\S+)$`)
	for _, p := range pods {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(p.Status.PodIP, "8888")+"/metrics", http.NoBody)
		require.NoError(t, err)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: commandTimeout}
		resp, err := client.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		matches := line.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, matches)
		for _, match := range matches {
			value, err := strconv.ParseFloat(match[1], 64)
			require.NoError(t, err)
			size += value
		}
	}
	return size
}
