// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The chart installs, upgrades and removes everything: agents, and a gateway in two
// tiers, which finds its samplers through the API server.
func TestHelm(t *testing.T) {
	c := newCluster(t)
	volumes(t, 2)
	namespace(t, appNamespace, "restricted")
	namespace(t, agents, "privileged")
	namespace(t, gateways, "restricted")
	for _, name := range []string{agents, gateways} {
		c.trust(t, name)
	}
	before := everything(t)

	t.Run("agent", func(t *testing.T) {
		agent := c.install(t, agents, "mode: agent")
		sender := startApp(t, 400, "grpc", "$(NODE_IP):4317", podUID)
		sender.sendsOn(t, 10)
		assert.Equal(t, sender.pod(t).Metadata.Name, c.resourceOf(t, sender)["k8s.pod.name"])
		agent.test(t)
		// In the collector's pod it also sees the queue, the ports and the metrics.
		findings := kubectl(t, "exec", "-n", agents, "daemonset/otelcol-ociapm-agent", "-c", "collector", "--", "/apmctl", "doctor")
		assert.Contains(t, findings, "Configuration of the running collector (pid 1)")
		assert.Regexp(t, `✓ received +\d+ spans accepted`, findings)
		assert.Regexp(t, `✓ test-trace `, findings)

		// An upgrade that changes the configuration restarts the agent with it.
		agent.upgrade(t, "mode: agent\nconfig: {processors: {peer_service: {rules: [{match: {db.system: postgresql}, name: orders-db}]}}}")
		sender.sendsOn(t, 10)
		require.Eventually(t, func() bool {
			for _, node := range c.sandbox.Topology(t).Nodes {
				if node.Name == "orders-db" {
					return true
				}
			}
			return false
		}, commandTimeout, pollInterval, "the new rule is not in use")
		c.requireDelivered(t, sender)
		sender.remove(t)
		agent.uninstall(t)
	})

	t.Run("sampling", func(t *testing.T) {
		sampling := c.install(t, gateways, `
mode: sampling
gateway: {cpu: 100m, memoryMiB: 384}
sampler: {cpu: 100m, memoryMiB: 384}
config: {processors: {durable_tail_sampling: {decision_wait: 2s, policies: [{name: all, type: always_sample}]}}}`)
		require.Eventually(t, func() bool {
			return len(podsOf(t, gateways, "app.kubernetes.io/name=otelcol-ociapm")) == 4
		}, commandTimeout, pollInterval)
		rolledOut(t, gateways, "deployment/otelcol-ociapm-gateway")
		byGRPC := startApp(t, 401, "grpc", "otelcol-ociapm-gateway."+gateways+".svc:4317", podUID)
		byHTTP := startApp(t, 402, "http", "otelcol-ociapm-gateway."+gateways+".svc:4318", podUID)
		byGRPC.sendsOn(t, 100)
		byHTTP.sendsOn(t, 100)
		kubectl(t, "rollout", "restart", "-n", gateways, "statefulset/otelcol-ociapm-gateway-sampler")
		rolledOut(t, gateways, "statefulset/otelcol-ociapm-gateway-sampler")
		c.killPods(t, gateways, "app.kubernetes.io/component=gateway")
		byGRPC.sendsOn(t, 20)
		killContainers(t) // waiting spans are on the samplers' volumes
		byGRPC.sendsOn(t, 20)
		byHTTP.sendsOn(t, 20)
		c.requireDelivered(t, byGRPC, byHTTP)
		byGRPC.remove(t)
		byHTTP.remove(t)
		sampling.uninstall(t)
		// Claims are retained.
		kubectl(t, "delete", "persistentvolumeclaim", "-n", gateways, "queue-otelcol-ociapm-gateway-sampler-0", "queue-otelcol-ociapm-gateway-sampler-1", "--wait")
	})

	// Objects that the node itself creates or removes meanwhile are in another namespace.
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		left := slices.DeleteFunc(everything(t), func(name string) bool {
			return slices.Contains(before, name) || strings.Contains(name, "/kube-")
		})
		assert.Empty(collect, left, "something is left behind")
	}, commandTimeout, time.Second)
}

// installation is an installed release of the chart.
type installation struct {
	namespace, ca string
}

// install installs the chart and waits until it is ready.
func (c *cluster) install(t *testing.T, namespace, values string) *installation {
	t.Helper()
	return c.installChart(t, chart, namespace, values)
}

func (c *cluster) installChart(t *testing.T, chart, namespace, values string) *installation {
	t.Helper()
	i := &installation{namespace: namespace, ca: c.ca}
	i.upgradeTo(t, chart, values)
	t.Cleanup(func() {
		_, _ = tryCommand(t, "", "helm", "uninstall", "otelcol-ociapm", "-n", namespace, "--ignore-not-found")
	})
	return i
}

func (i *installation) upgrade(t *testing.T, values string) {
	t.Helper()
	i.upgradeTo(t, chart, values)
}

func (i *installation) upgradeTo(t *testing.T, chart, values string) {
	t.Helper()
	_, err := i.tryUpgrade(t, chart, values)
	if err != nil {
		t.Log(kubectl(t, "describe", "pods", "-n", i.namespace))
	}
	require.NoError(t, err)
}

func (i *installation) tryUpgrade(t *testing.T, chart, values string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `%s
image: {tag: dev}
apm: {endpoint: "https://%s", dataKey: %s}
extraEnv: [{name: SSL_CERT_DIR, value: %s}]
extraVolumes: [{name: %[5]s, configMap: {name: %[5]s}}]
extraVolumeMounts: [{name: %[5]s, mountPath: %[4]s}]
`, values, apmHost, harness.PrivateKey, caFolder, caVolume), 0o600))
	return tryCommand(t, "", "helm", "upgrade", "--install", "otelcol-ociapm", chart, "-n", i.namespace, "-f", file, "--wait", "--timeout=150s")
}

// test runs apmctl doctor in its own pod. It must find nothing to do.
func (i *installation) test(t *testing.T) {
	t.Helper()
	output, err := tryCommand(t, "", "helm", "test", "otelcol-ociapm", "-n", i.namespace, "--timeout=150s")
	if err != nil {
		t.Log(output)
		t.Log(kubectl(t, "logs", "-n", i.namespace, "job/otelcol-ociapm-doctor"))
	}
	require.NoError(t, err)
}

func (i *installation) uninstall(t *testing.T) {
	t.Helper()
	command(t, "", "helm", "uninstall", "otelcol-ociapm", "-n", i.namespace, "--wait", "--timeout=150s")
}

// remove deletes the app's pod.
func (a *app) remove(t *testing.T) {
	t.Helper()
	kubectl(t, "delete", "deployment", "-n", a.namespace, a.name, "--cascade=foreground", "--wait")
}

// everything returns the names of all objects in the cluster that were created by
// someone, not by the node itself.
func everything(t *testing.T) []string {
	t.Helper()
	kinds := strings.Fields(kubectl(t, "api-resources", "--verbs=list,delete", "-o", "name"))
	kinds = slices.DeleteFunc(kinds, func(kind string) bool {
		return strings.HasPrefix(kind, "events") || strings.HasPrefix(kind, "leases")
	})
	lines := strings.Split(kubectl(t, "get", strings.Join(kinds, ","), "-A", "--ignore-not-found",
		"-o", `jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\n"}{end}`), "\n")
	slices.Sort(lines)
	return lines
}
