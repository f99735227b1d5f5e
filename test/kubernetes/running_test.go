// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	rotatedKey = "KUBERNETESROTATEDKEY0123456789ABCD"
	// podUID is the attribute that apps send according to the README.
	podUID = "k8s.pod.uid=$(POD_UID)"
)

// The kustomize overlays on a node, with apps that send all the time.
func TestRunning(t *testing.T) {
	c := newCluster(t)
	namespace(t, appNamespace, "restricted")
	t.Run("agent", c.testAgent)
	t.Run("agent and gateway", c.testAgentAndGateway)
	t.Run("gateway for apps", c.testGateway)
	t.Run("sidecar", c.testSidecar)
}

// An agent on the node, and apps that send to their node's address or to the
// agent's Service.
func (c *cluster) testAgent(t *testing.T) {
	namespace(t, agents, "privileged")
	c.prepare(t, agents)
	c.overlay(t, "agent")
	rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
	byGRPC := startApp(t, 100, "grpc", "$(NODE_IP):4317", podUID)
	byHTTP := startApp(t, 101, "http", "$(NODE_IP):4318", podUID)
	// A Service preserves the sender's address, which identifies the pod.
	byService := startApp(t, 102, "http", "otelcol-ociapm-agent."+agents+".svc:4318", `""`)
	apps := []*app{byGRPC, byHTTP, byService}
	for _, a := range apps {
		a.sendsOn(t, 10)
	}

	t.Run("spans say which pod sent them", func(t *testing.T) {
		for _, a := range apps {
			// The first spans may arrive before the agent knows the pod's address.
			require.Eventually(t, func() bool { return c.resourceOf(t, a)["k8s.pod.name"] != nil }, commandTimeout, pollInterval)
			resource := c.resourceOf(t, a)
			sender := a.pod(t)
			assert.Equal(t, sender.Metadata.Name, resource["k8s.pod.name"], a.name)
			assert.Equal(t, sender.Metadata.UID, resource["k8s.pod.uid"])
			assert.Equal(t, appNamespace, resource["k8s.namespace.name"])
			assert.Equal(t, a.name, resource["k8s.deployment.name"])
			assert.Equal(t, "node0", resource["k8s.node.name"])
			assert.Equal(t, "node0", resource["host.name"])
			assert.Equal(t, "test", resource["deployment.environment.name"], "from the pod's annotation")
			assert.Equal(t, a.name, resource["service.name"])
		}
	})

	t.Run("the queue is the collector's own", func(t *testing.T) {
		queue := filepath.Join(os.Getenv("NODE_RUN"), "varlib", "otelcol-ociapm", "queue")
		for _, path := range []string{queue, filepath.Join(queue, "exporter_oci_apm__traces.queue")} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.EqualValues(t, 10001, info.Sys().(*syscall.Stat_t).Uid, path)
			assert.Zero(t, info.Mode().Perm()&0o077, "%s is accessible to others: %s", path, info.Mode())
		}
	})

	t.Run("the key is rotated", func(t *testing.T) {
		c.sandbox.SetPrivateKey(t, rotatedKey)
		for _, a := range apps {
			a.sendsOn(t, 10)
		}
		c.writeSecret(t, agents, rotatedKey)
		stored := c.sandbox.Counts(t).Spans.Stored
		c.awaitStored(t, stored+1)
		counts := c.sandbox.Counts(t).Uploads.ByStatus
		assert.Positive(t, counts["401"], "no upload used the old key after the rotation: %v", counts)
		assert.Zero(t, restarts(t, agents), "the agent was restarted")
	})

	t.Run("an agent starts while the API server is away", func(t *testing.T) { apps = append(apps, c.testWithoutAPIServer(t)) })

	t.Run("a rolling update", func(t *testing.T) {
		kubectl(t, "rollout", "restart", "-n", agents, "daemonset/otelcol-ociapm-agent")
		rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
		for _, a := range apps {
			a.sendsOn(t, 10)
		}
	})

	t.Run("pods are killed while APM is down", func(t *testing.T) {
		c.sandbox.AddFault(t, apm.Fault{Down: true})
		for range 2 {
			for _, a := range apps {
				a.sendsOn(t, 10)
			}
			c.killPods(t, agents, "app.kubernetes.io/component=agent")
			rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
		}
		c.sandbox.ClearFaults(t)
	})

	t.Run("APM answers 503", func(t *testing.T) { c.testOutage(t, apps) })

	c.requireDelivered(t, apps...)
	c.sandbox.SetPrivateKey(t, harness.PrivateKey)
}

// testWithoutAPIServer drops what pods send to the API server. An agent that starts
// meanwhile is ready and serves, only without the names of pods, until the server is back.
// The returned app has sent to it.
func (c *cluster) testWithoutAPIServer(t *testing.T) *app {
	rule := []string{"INPUT", "--source", "10.244.0.0/16", "--protocol", "tcp", "--dport", "6443", "--jump", "DROP"}
	command(t, "", "iptables", append([]string{"--insert"}, rule...)...)
	restore := sync.OnceFunc(func() { command(t, "", "iptables", append([]string{"--delete"}, rule...)...) })
	defer restore()
	c.killPods(t, agents, "app.kubernetes.io/component=agent")
	rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
	assert.Zero(t, restarts(t, agents), "a probe has restarted the agent")

	sender := startApp(t, 103, "grpc", "$(NODE_IP):4317", podUID)
	sender.sendsOn(t, 10)
	resource := c.resourceOf(t, sender)
	assert.Equal(t, sender.pod(t).Metadata.UID, resource["k8s.pod.uid"], "the app says it")
	assert.Equal(t, "node0", resource["host.name"])
	assert.NotContains(t, resource, "k8s.pod.name")

	restore()
	require.Eventually(t, func() bool {
		return c.resourceOf(t, sender)["k8s.pod.name"] == sender.pod(t).Metadata.Name
	}, commandTimeout, time.Second, "the agent does not find the API server again")
	return sender
}

// outage is how long APM answers 503: a short time unless OTELCOL_OUTAGE is set.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("OTELCOL_OUTAGE")
	if text == "" {
		return 30 * time.Second
	}
	duration, err := time.ParseDuration(text)
	require.NoError(t, err, "OTELCOL_OUTAGE")
	return duration
}

// A probe must not restart a collector, or take it out of its Service, because APM is
// down: a restart would not help, and apps could not send to the queue.
func (c *cluster) testOutage(t *testing.T, apps []*app) {
	before := restarts(t, agents)
	c.sandbox.AddFault(t, apm.Fault{Status: 503})
	for end := time.Now().Add(outage(t)); time.Now().Before(end); time.Sleep(time.Second) {
		require.Equal(t, before, restarts(t, agents), "a container was restarted")
		require.Empty(t, notReady(t, agents), "a pod is not ready")
	}
	for _, a := range apps {
		a.sendsOn(t, 10)
	}
	c.sandbox.ClearFaults(t)
}

// notReady returns the pods of a namespace with a container that is not ready.
func notReady(t *testing.T, namespace string) []string {
	t.Helper()
	type list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Status struct {
				ContainerStatuses []struct {
					Ready bool `json:"ready"`
				} `json:"containerStatuses"`
			} `json:"status"`
		} `json:"items"`
	}
	var names []string
	for _, pod := range kubectlJSON[list](t, "pods", "-n", namespace).Items {
		for _, container := range pod.Status.ContainerStatuses {
			if !container.Ready {
				names = append(names, pod.Metadata.Name)
			}
		}
	}
	return names
}

// Agents that send to a gateway. Only the gateway has the key.
func (c *cluster) testAgentAndGateway(t *testing.T) {
	namespace(t, agents, "privileged")
	namespace(t, gateways, "restricted")
	c.prepare(t, agents)
	c.prepare(t, gateways)
	kubectl(t, "delete", "secret", "-n", agents, "otelcol-ociapm") // agents need none
	c.overlay(t, "agent-gateway")
	rolledOut(t, gateways, "deployment/otelcol-ociapm-gateway")
	rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
	require.Eventually(t, func() bool {
		return len(podsOf(t, gateways, "app.kubernetes.io/component=gateway")) == 2
	}, commandTimeout, pollInterval, "the autoscaler does not see to two replicas")
	rolledOut(t, gateways, "deployment/otelcol-ociapm-gateway")

	apps := []*app{startApp(t, 200, "grpc", "$(NODE_IP):4317", podUID), startApp(t, 201, "http", "$(NODE_IP):4318", podUID)}
	for _, a := range apps {
		a.sendsOn(t, 10)
	}
	c.awaitStored(t, c.sandbox.Counts(t).Spans.Stored+1)
	resource := c.resourceOf(t, apps[0])
	assert.Equal(t, apps[0].pod(t).Metadata.Name, resource["k8s.pod.name"])

	t.Run("a rolling update of the gateway", func(t *testing.T) {
		kubectl(t, "rollout", "restart", "-n", gateways, "deployment/otelcol-ociapm-gateway")
		rolledOut(t, gateways, "deployment/otelcol-ociapm-gateway")
		apps[0].sendsOn(t, 10)
	})
	t.Run("all gateways are killed", func(t *testing.T) {
		c.killPods(t, gateways, "app.kubernetes.io/component=gateway")
		apps[0].sendsOn(t, 10)
		rolledOut(t, gateways, "deployment/otelcol-ociapm-gateway")
	})
	t.Run("the gateway is killed while APM is down", func(t *testing.T) {
		c.sandbox.AddFault(t, apm.Fault{Status: 503})
		apps[0].sendsOn(t, 20)
		c.killPods(t, gateways, "app.kubernetes.io/component=gateway")
		c.sandbox.ClearFaults(t)
		rolledOut(t, gateways, "deployment/otelcol-ociapm-gateway")
	})
	c.requireDelivered(t, apps...)
}

// A gateway for apps: accepted data survives its containers and its pods.
func (c *cluster) testGateway(t *testing.T) {
	volumes(t, 2)
	namespace(t, gateways, "restricted")
	c.prepare(t, gateways)
	c.overlay(t, "gateway")
	rolledOut(t, gateways, "statefulset/otelcol-ociapm-gateway")
	apps := []*app{
		startApp(t, 250, "grpc", "otelcol-ociapm-gateway."+gateways+".svc:4317", `""`),
		startApp(t, 251, "http", "otelcol-ociapm-gateway."+gateways+".svc:4318", `""`),
	}
	c.sandbox.AddFault(t, apm.Fault{Down: true})
	for _, a := range apps {
		a.sendsOn(t, 20)
	}
	killContainers(t)
	require.Eventually(t, func() bool { return restarts(t, gateways) > 0 }, commandTimeout, pollInterval, "no container was restarted")
	rolledOut(t, gateways, "statefulset/otelcol-ociapm-gateway")
	for _, a := range apps {
		a.sendsOn(t, 10)
	}
	c.killPods(t, gateways, "app.kubernetes.io/component=gateway")
	rolledOut(t, gateways, "statefulset/otelcol-ociapm-gateway")
	c.sandbox.ClearFaults(t)
	c.requireDelivered(t, apps...)
}

// killContainers kills the collectors' processes in the node's pods, as the kernel does
// when memory runs out.
func killContainers(t *testing.T) {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	killed := 0
	for _, path := range commands {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has just exited
		}
		if !strings.HasPrefix(string(line), "/otelcol-ociapm\x00--config=/etc/otelcol-ociapm/kubernetes/") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		killed++
	}
	require.Positive(t, killed)
}

// A collector in the app's pod.
func (c *cluster) testSidecar(t *testing.T) {
	c.prepare(t, appNamespace)
	c.overlay(t, "sidecar", fmt.Sprintf(`
  - target: {kind: Deployment, name: my-app}
    patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: my-app}
      spec:
        template:
          spec:
            initContainers:
              - name: otelcol-ociapm
                env: [{name: SSL_CERT_DIR, value: %[1]s}]
                volumeMounts: [{name: %[2]s, mountPath: %[1]s}]
            containers:
              - name: app
                image: testapp:dev
                command: [/testapp, send]
                env:
                  - {name: APP_ID, value: "300"}
                  - {name: OTLP_PROTOCOL, value: grpc}
                  - {name: OTLP_ADDRESS, value: "localhost:4317"}
                readinessProbe: {httpGet: {path: /report, port: 8080}, periodSeconds: 1}
            volumes: [{name: %[2]s, configMap: {name: %[2]s}}]`, caFolder, caVolume))
	rolledOut(t, appNamespace, "deployment/my-app")
	a := &app{appNamespace, "my-app"}
	a.sendsOn(t, 10)
	c.awaitStored(t, c.sandbox.Counts(t).Spans.Stored+1)
	sender := a.pod(t)
	resource := c.resource(t, "app-300")
	assert.Equal(t, sender.Metadata.Name, resource["k8s.pod.name"])
	assert.Equal(t, sender.Metadata.UID, resource["k8s.pod.uid"])
	assert.Equal(t, appNamespace, resource["k8s.namespace.name"])
	assert.Equal(t, "node0", resource["k8s.node.name"])

	// The app exits first, and the sidecar uploads the last spans before it exits.
	report := a.stop(t)
	kubectl(t, "scale", "-n", appNamespace, "deployment/my-app", "--replicas=0") // another pod would send the same spans
	kubectl(t, "wait", "-n", appNamespace, "--for=delete", "pod/"+sender.Metadata.Name, "--timeout=90s")
	assert.Zero(t, c.sandbox.Missing(t, report), "of %d accepted spans", report.AcceptedSpans())
	require.Empty(t, report.Refused)
	t.Logf("%d spans accepted, %d retries", report.AcceptedSpans(), report.Retries)
}

// killPods kills pods without giving them time to drain.
func (c *cluster) killPods(t *testing.T, namespace, selector string) {
	t.Helper()
	kubectl(t, "delete", "pods", "-n", namespace, "-l", selector, "--grace-period=0", "--force")
	// Until its controller has noticed, the workload's status says that all pods are ready.
	require.Eventually(t, func() bool { return len(podsOf(t, namespace, selector)) > 0 }, commandTimeout, pollInterval, "no pod takes their place")
}

// awaitStored waits until at least n spans are stored.
func (c *cluster) awaitStored(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return c.sandbox.Counts(t).Spans.Stored >= n }, commandTimeout, pollInterval,
		"%d spans are not stored: %+v", n, c.sandbox.Uploads(t)[:1])
}

// resourceOf returns the resource of the last stored span of an app.
func (c *cluster) resourceOf(t *testing.T, a *app) map[string]any {
	t.Helper()
	return c.resource(t, a.name)
}

func (c *cluster) resource(t *testing.T, service string) map[string]any {
	t.Helper()
	var traces []apm.TraceSummary
	require.Eventually(t, func() bool {
		traces = c.sandbox.TracesOf(t, service)
		return len(traces) > 0
	}, commandTimeout, pollInterval, "no span of %s is stored", service)
	spans := c.sandbox.Trace(t, traces[0].TraceID).Spans
	return spans[len(spans)-1].Resource
}

// restarts returns how often containers in a namespace have been restarted.
func restarts(t *testing.T, namespace string) int {
	t.Helper()
	type list struct {
		Items []struct {
			Status struct {
				ContainerStatuses []struct {
					RestartCount int `json:"restartCount"`
				} `json:"containerStatuses"`
			} `json:"status"`
		} `json:"items"`
	}
	n := 0
	for _, pod := range kubectlJSON[list](t, "pods", "-n", namespace).Items {
		for _, container := range pod.Status.ContainerStatuses {
			n += container.RestartCount
		}
	}
	return n
}
