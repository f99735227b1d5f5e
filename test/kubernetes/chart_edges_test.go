// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Kubernetes gives the pods of a StatefulSet a label with its name and eleven more
// characters, and a label has at most 63: with a longer name no pod is created
// (kubernetes/kubernetes#64023). The name of a Service is a label of DNS.
func TestChartLongNames(t *testing.T) {
	long := strings.Repeat("n", 60)
	for mode := range workloads {
		t.Run(mode, func(t *testing.T) {
			rendered := renderChart(t, "mode: "+mode+"\nfullnameOverride: "+long+"\nnameOverride: "+long+"\nservice: {enabled: true}")
			for _, o := range rendered {
				most := map[any]int{"StatefulSet": 52, "Service": 63, "Job": 63}[o["kind"]]
				if name := dig(o, "metadata.name").(string); most > 0 {
					assert.LessOrEqual(t, len(name), most, "%s %s", o["kind"], name)
				}
				assert.LessOrEqual(t, len(dig(o, "metadata.labels.app:kubernetes:io/name").(string)), 63)
			}
			if mode != "sampling" {
				return
			}
			sampler := workload(t, rendered, "StatefulSet", "sampler")
			name := dig(sampler, "metadata.name").(string)
			assert.NotNil(t, named(rendered, "Service", name))
			assert.Contains(t, dig(workload(t, rendered, "Deployment", "gateway"), "spec.template.spec.containers.0.env"), object{"name": "SAMPLER_SERVICE", "value": name})
		})
	}
}

// Labels of values are in addition to the chart's. Those that select pods stay, and no
// object has a key twice, which is an error of renderChart.
func TestChartLabels(t *testing.T) {
	const values = `
additionalLabels: {release: general, app.kubernetes.io/version: "9", app.kubernetes.io/instance: other}
podLabels: {app.kubernetes.io/name: other, app.kubernetes.io/component: other, team: shop}
podAnnotations: {checksum/config: other, a: b}
podMonitor: {enabled: true, extraLabels: {release: prometheus, app.kubernetes.io/component: other}}
dashboard: {enabled: true, labels: {release: grafana}}
`
	rendered := renderChart(t, values)
	monitor := named(rendered, "PodMonitor", "x-otelcol-ociapm")
	assert.Equal(t, "prometheus", dig(monitor, "metadata.labels.release"))
	assert.Equal(t, "monitoring", dig(monitor, "metadata.labels.app:kubernetes:io/component"))
	assert.Equal(t, "grafana", dig(named(rendered, "ConfigMap", "x-otelcol-ociapm-dashboard"), "metadata.labels.release"))
	agent := workload(t, rendered, "DaemonSet", "agent")
	assert.Equal(t, "9", dig(agent, "metadata.labels.app:kubernetes:io/version"))
	assert.Equal(t, "x", dig(agent, "metadata.labels.app:kubernetes:io/instance"))
	assert.Equal(t, "b", dig(agent, "spec.template.metadata.annotations.a"))
	assert.NotEqual(t, "other", dig(agent, "spec.template.metadata.annotations.checksum/config"), "pods would not notice another configuration")

	rendered = renderChart(t, "mode: gateway\ngateway: {drain: {claims: [queue-x-otelcol-ociapm-gateway-1]}}\n"+values)
	checked := 0
	for _, o := range rendered {
		if _, ok := dig(o, "spec.template.metadata.labels.team").(string); !ok {
			continue
		}
		checked++
		labels := dig(o, "spec.template.metadata.labels").(object)
		selector := object{"app.kubernetes.io/name": "otelcol-ociapm", "app.kubernetes.io/instance": "x", "app.kubernetes.io/component": dig(o, "metadata.labels.app:kubernetes:io/component")}
		assert.Subset(t, labels, selector, o["kind"])
	}
	assert.Equal(t, 2, checked, "the StatefulSet and the Job")
}

// Text that YAML would read as something else stays text.
func TestChartQuotes(t *testing.T) {
	for _, want := range []struct{ values, kind, path, is string }{
		{`namespaceOverride: "123"`, "DaemonSet", "metadata.namespace", "123"},
		{`nameOverride: "1"`, "DaemonSet", "spec.selector.matchLabels.app:kubernetes:io/name", "1"},
		{`serviceAccount: {name: "12"}`, "DaemonSet", "spec.template.spec.serviceAccountName", "12"},
		{`apm: {existingSecret: "1e5"}`, "DaemonSet", "spec.template.spec.volumes.1.secret.secretName", "1e5"},
		{`agent: {hostPath: "/var/lib/a: b, type: # File"}`, "DaemonSet", "spec.template.spec.volumes.2.hostPath.path", "/var/lib/a: b, type: # File"},
		{"mode: gateway\npersistence: {storageClass: \"1\"}", "StatefulSet", "spec.volumeClaimTemplates.0.spec.storageClassName", "1"},
		{"mode: gateway\ngateway: {tls: {secretName: \"1\"}}", "StatefulSet", "spec.template.spec.volumes.2.projected.sources.0.secret.name", "1"},
		{"mode: gateway\ningress: {enabled: true, ingressClassName: \"1\", hosts: [{host: a}]}", "Ingress", "spec.ingressClassName", "1"},
		{"mode: gateway\ningress: {enabled: true, hosts: [{host: \"*.a\", paths: [{path: \"/a: b\"}]}]}", "Ingress", "spec.rules.0.http.paths.0.path", "/a: b"},
		{`podAnnotations: {a: "\"q\"\n{{ .Values.mode }}"}`, "DaemonSet", "spec.template.metadata.annotations.a", "\"q\"\n{{ .Values.mode }}"},
	} {
		t.Run(want.values, func(t *testing.T) {
			t.Parallel()
			values := want.values
			if !strings.Contains(values, "apm:") {
				values += "\napm: {existingSecret: s}"
			}
			for _, o := range renderChartAt(t, chart, values) {
				if o["kind"] == want.kind {
					assert.Equal(t, want.is, dig(o, want.path))
					return
				}
			}
			assert.Fail(t, "not rendered", want.kind)
		})
	}
}

// A variable that the user sets replaces the chart's: Kubernetes refuses to apply a name
// twice on the server's side.
func TestChartVariables(t *testing.T) {
	agent := workload(t, renderChart(t, `
extraEnvs: [{name: OTEL_RESOURCE_ATTRIBUTES, value: a=b}, {name: A, value: first}]
extraEnv: [{name: A, value: second}]`), "DaemonSet", "agent")
	variables := map[any]any{}
	for _, variable := range dig(agent, "spec.template.spec.containers.0.env").([]any) {
		name := dig(variable, "name")
		assert.NotContains(t, variables, name)
		variables[name] = dig(variable, "value")
	}
	assert.Equal(t, map[any]any{"KUBE_NODE_NAME": nil, "APM_ENDPOINT": nil, "OTEL_RESOURCE_ATTRIBUTES": "a=b", "A": "second"}, variables)
}

// A section without a value, as it is left when all lines below it are comments, is either
// accepted or named in the error.
func TestChartNulls(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(harness.Root(t), chart, "values.yaml"))
	require.NoError(t, err)
	var values object
	require.NoError(t, yaml.Unmarshal(content, &values))
	paths := map[string]string{}
	for key, value := range values {
		paths[key] = key
		inner, _ := value.(object)
		for name := range inner {
			paths[key+"."+name] = name
		}
	}
	delete(paths, "mode")
	delete(paths, "apm.existingSecret")
	for path, name := range paths {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			mode := "gateway"
			switch section, _, _ := strings.Cut(path, "."); section {
			case "agent", "hostNetwork", "clusterRole":
				mode = "agent"
			case "kafka", "reader":
				mode = "kafka"
			case "sampler", "config":
				mode = "sampling"
			}
			rendered, err := tryCommand(t, "{mode: "+mode+", apm: {existingSecret: s}}", "helm", "template", "x", chart, "--values", "-", "--set", path+"=null")
			if err != nil {
				assert.Regexp(t, "missing propert.*'"+name+"'|"+name+": (is|set)|podDisruptionBudget: set|autoscaling: set", err.Error())
				return
			}
			decode(t, rendered)
			assert.NotContains(t, rendered, "<nil>")
			assert.NotRegexp(t, `(?m): null$|:\s*$\n^[^ -]`, rendered)
		})
	}
}

// The notes after an installation say where apps send, and no more than there is.
func TestChartNotes(t *testing.T) {
	for values, want := range map[string]struct{ has, not string }{
		``:                                  {"value: http://$(NODE_IP):4318\n\nor to the Service", "gateway"},
		`ports: {otlp-http: {hostPort: 0}}`: {"their node over gRPC:", "NODE_IP):4318"},
		`ports: {otlp: {hostPort: 0}, otlp-http: {hostPort: 0}}`:                                                 {"Apps send to the Service", "NODE_IP"},
		"hostNetwork: true\nagent: {hostNetwork: false}\nports: {otlp: {hostPort: 0}, otlp-http: {hostPort: 0}}": {"Apps send to the Service", "NODE_IP"},
		"hostNetwork: true\nports: {otlp-http: {containerPort: 14318}}":                                          {"value: http://$(NODE_IP):14318", "NODE_IP):4318"},
		`service: {enabled: false}`:  {"Apps send to their node over HTTP:", "Service"},
		`agent: {gateway: "g:4317"}`: {"senders get a 200", "Connected to OCI APM"},
		`mode: sidecar`:              {"Replace the names otelcol-ociapm-sidecar\nand otelcol-ociapm", "It works"},
		"mode: sidecar\nfullnameOverride: otelcol-ociapm\napm: {existingSecret: otelcol-ociapm}":                                  {"Secret otelcol-ociapm.", "Replace"},
		"mode: gateway\ngateway: {tls: {secretName: t}, token: {secretName: k}}":                                                  {"https://x-otelcol-ociapm-gateway.ns.svc:4318", "external"},
		"mode: gateway\ngateway: {token: {secretName: k}, cors: {enabled: true, allowedOrigins: [\"https://a\"], secretName: p}}": {"Each sender over gRPC needs a token of Secret k", "Each sender needs"},
		"mode: gateway\nservice: {type: NodePort}":                                                                                {"to Service x-otelcol-ociapm-gateway-external (NodePort)", "is deleted with its pod"},
		"mode: gateway\npersistence: {enabled: false}":                                                                            {"is deleted with its pod, if APM has not accepted it within 300 seconds", "claim"},
		"mode: gateway\ngateway: {acknowledge: delivered}":                                                                        {"each log has this line", "claim"},
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(values, "apm:") {
				values += "\napm: {existingSecret: s}"
			}
			output := command(t, values, "helm", "install", "x", chart, "--namespace", "ns", "--dry-run=client", "--values", "-")
			_, notes, found := strings.Cut(output, "NOTES:")
			require.True(t, found)
			assert.Contains(t, notes, want.has)
			assert.NotContains(t, notes, want.not)
		})
	}
}
