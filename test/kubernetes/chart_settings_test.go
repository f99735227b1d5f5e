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

// Values that are not those of pods: what is at a path of an object. An empty path means
// that there is no such object.
func TestChartValues(t *testing.T) {
	const (
		agent    = "x-otelcol-ociapm-agent"
		gateway  = "x-otelcol-ociapm-gateway"
		external = gateway + "-external"
		grpcPort = "spec.template.spec.containers.0.ports.0"
	)
	for _, test := range []struct{ values, kind, name, path, want string }{
		{`image: {tag: "1.2"}`, "DaemonSet", agent, "spec.template.spec.containers.0.image", `otelcol-ociapm:1.2`},
		{`image: {tag: "1.2", digest: "sha256:` + strings.Repeat("0", 64) + `"}`, "DaemonSet", agent, "spec.template.spec.containers.0.image", `otelcol-ociapm@sha256:` + strings.Repeat("0", 64)},
		{`imagePullSecrets: [{name: r}]`, "DaemonSet", agent, "spec.template.spec.imagePullSecrets", `[{name: r}]`},
		{`nameOverride: spans`, "DaemonSet", "x-spans-agent", "spec.selector.matchLabels.app:kubernetes:io/name", `spans`},
		{`fullnameOverride: spans`, "DaemonSet", "spans-agent", "spec.selector.matchLabels.app:kubernetes:io/name", `otelcol-ociapm`},
		{`namespaceOverride: other`, "DaemonSet", agent, "metadata.namespace", `other`},
		{`namespaceOverride: other`, "ClusterRoleBinding", "other-" + agent, "subjects.0.namespace", `other`},
		{`additionalLabels: {team: shop}`, "NetworkPolicy", agent, "metadata.labels.team", `shop`},
		{``, "DaemonSet", agent, "spec.template.spec.tolerations", `[{operator: Exists}]`},
		{`agent: {tolerations: []}`, "DaemonSet", agent, "spec.template.spec.tolerations", ``},
		{`agent: {cpu: 0.5}`, "DaemonSet", agent, "spec.template.spec.containers.0.resources.requests.cpu", `0.5`},
		{`agent: {cpu: "1.5"}`, "DaemonSet", agent, "spec.template.spec.containers.0.resources.requests.cpu", `"1.5"`},
		{`serviceAccount: {create: false}`, "DaemonSet", agent, "spec.template.spec.serviceAccountName", `default`},
		{`serviceAccount: {create: false}`, "ServiceAccount", agent, "", ``},
		{`serviceAccount: {annotations: {a: b}}`, "ServiceAccount", agent, "metadata.annotations", `{a: b}`},
		{`rbac: {create: false}`, "ClusterRole", "ns-" + agent, "", ``},
		{`rbac: {create: false}`, "ClusterRoleBinding", "ns-" + agent, "", ``},
		{"mode: sampling\nrbac: {create: false}", "RoleBinding", gateway, "", ``},
		{`clusterRole: {create: false, name: mine}`, "ClusterRoleBinding", "ns-" + agent, "roleRef.name", `mine`},
		{`clusterRole: {create: false, name: mine}`, "ClusterRole", "mine", "", ``},
		{`clusterRole: {name: mine, annotations: {a: b}}`, "ClusterRole", "mine", "metadata.annotations", `{a: b}`},
		{`clusterRole: {rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]}`, "ClusterRole", "ns-" + agent, "rules.1.resources", `[nodes]`},

		{`budget: {spansPerHour: 1000000}`, "Service", agent + "-all", "spec.clusterIP", `None`},
		{`budget: {spansPerHour: 1000000}`, "DaemonSet", agent, "spec.template.spec.containers.0.env.2", `{name: SPANS_PER_HOUR, value: "1000000"}`},
		{``, "Service", agent + "-all", "", ``},
		{"mode: sampling\nbudget: {spansPerHour: 1000000}", "StatefulSet", gateway + "-sampler", "spec.template.spec.containers.0.env.0", `{name: SPANS_PER_HOUR, value: "1000000"}`},
		{"mode: sampling\nbudget: {spansPerHour: 1000000}", "Deployment", gateway, "spec.template.spec.containers.0.env.1", ``},

		{``, "DaemonSet", agent, grpcPort, `{name: otlp-grpc, containerPort: 4317, hostPort: 4317, protocol: TCP}`},
		{`ports: {otlp: {hostPort: 0}}`, "DaemonSet", agent, grpcPort, `{name: otlp-grpc, containerPort: 4317, protocol: TCP}`},
		{`ports: {otlp: {hostPort: 14317}}`, "DaemonSet", agent, grpcPort + ".hostPort", `14317`},
		{`ports: {otlp: {enabled: false}}`, "DaemonSet", agent, grpcPort + ".name", `otlp-http`},
		{`ports: {otlp: {enabled: false}}`, "Service", agent, "spec.ports.0.name", `otlp-http`},
		{`ports: {otlp: {enabled: false}}`, "NetworkPolicy", agent, "spec.ingress.0.ports.0.port", `otlp-http`},
		{`ports: {otlp: {servicePort: 443, appProtocol: kubernetes.io/h2c}}`, "Service", agent, "spec.ports.0", `{name: otlp-grpc, port: 443, targetPort: otlp-grpc, appProtocol: kubernetes.io/h2c}`},
		{`hostNetwork: true`, "DaemonSet", agent, grpcPort, `{name: otlp-grpc, containerPort: 4317, protocol: TCP}`},
		{`hostNetwork: true`, "DaemonSet", agent, "spec.template.spec.dnsPolicy", `ClusterFirstWithHostNet`},
		{`revisionHistoryLimit: 0`, "DaemonSet", agent, "spec.revisionHistoryLimit", `0`},
		{`livenessProbe: {httpGet: {path: /live}}`, "DaemonSet", agent, "spec.template.spec.containers.0.livenessProbe.httpGet", `{path: /live, port: health}`},
		{`readinessProbe: {exec: {command: [/apmctl]}}`, "DaemonSet", agent, "spec.template.spec.containers.0.readinessProbe", `{exec: {command: [/apmctl]}, periodSeconds: 5}`},
		{"mode: gateway\nports: {otlp: {containerPort: 5317, servicePort: 443}}", "Service", gateway, "spec.ports.0.port", `5317`},
		{"mode: gateway\nports: {metrics: {containerPort: 9999}}", "StatefulSet", gateway, "spec.template.spec.containers.0.ports.3.containerPort", `9999`},

		{`service: {enabled: false}`, "Service", agent, "", ``},
		{`service: {internalTrafficPolicy: Cluster}`, "Service", agent, "spec.internalTrafficPolicy", `Cluster`},
		{`service: {annotations: {a: b}}`, "Service", agent, "metadata.annotations", `{a: b}`},
		{`mode: gateway`, "Service", external, "", ``},
		{`mode: gateway`, "Service", gateway, "spec.clusterIP", `None`},
		{"mode: gateway\nservice: {enabled: true}", "Service", external, "spec.type", `ClusterIP`},
		{"mode: gateway\nservice: {type: NodePort}\nports: {otlp: {nodePort: 30317}}", "Service", external, "spec.ports.0.nodePort", `30317`},
		{"mode: kafka\nservice: {type: LoadBalancer, loadBalancerClass: c}", "Service", external, "spec.loadBalancerClass", `c`},
		{"mode: gateway\nservice: {type: LoadBalancer, loadBalancerIP: 192.0.2.1}", "Service", external, "spec.loadBalancerIP", `192.0.2.1`},
		{"mode: gateway\nservice: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]}", "Service", external, "spec.loadBalancerSourceRanges", `[10.0.0.0/8]`},
		{"mode: gateway\nservice: {type: LoadBalancer, externalTrafficPolicy: Local}", "Service", external, "spec.externalTrafficPolicy", `Local`},
		{"mode: gateway\nservice: {enabled: true, trafficDistribution: PreferClose}", "Service", external, "spec.trafficDistribution", `PreferClose`},

		{"mode: gateway\ningress: {enabled: true, ingressClassName: i, annotations: {a: b}, hosts: [{host: a.b}]}", "Ingress", gateway, "spec", `{ingressClassName: i, rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: ` + external + `, port: {number: 4318}}}}]}}]}`},
		{"mode: gateway\ningress: {enabled: true, additionalIngresses: [{name: grpc, hosts: [{paths: [{port: 4317}]}]}]}", "Ingress", gateway + "-grpc", "spec.rules.0.http.paths.0.backend.service.port.number", `4317`},
		{"mode: gateway\nhttproute: {enabled: true, hostnames: [a.b], annotations: {a: b}, parentRefs: [{name: g}]}", "HTTPRoute", gateway, "spec", `{parentRefs: [{name: g}], hostnames: [a.b], rules: [{backendRefs: [{name: ` + external + `, port: 4318}]}]}`},
		{"mode: gateway\ngrpcroute: {enabled: true, parentRefs: [{name: g}]}", "GRPCRoute", gateway, "spec.rules", `[{backendRefs: [{name: ` + external + `, port: 4317}]}]`},
		{"mode: gateway\nhttproute: {enabled: true, apiVersion: gateway.networking.k8s.io/v1beta1, parentRefs: [{name: g}], rules: [{matches: [{path: {value: /v1/traces}}], backendRefs: [{weight: 2}]}]}", "HTTPRoute", gateway, "spec.rules.0.backendRefs", `[{name: ` + external + `, port: 4318, weight: 2}]`},

		{`mode: gateway`, "StatefulSet", gateway, "spec.replicas", ``},
		{`mode: gateway`, "StatefulSet", gateway, "spec.volumeClaimTemplates", `[{metadata: {name: queue}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 12Gi}}}}]`},
		{"mode: gateway\ngateway: {queueSize: 5Gi}\npersistence: {storageClass: fast, accessModes: [ReadWriteOncePod], annotations: {a: b}}", "StatefulSet", gateway, "spec.volumeClaimTemplates", `[{metadata: {name: queue, annotations: {a: b}}, spec: {storageClassName: fast, accessModes: [ReadWriteOncePod], resources: {requests: {storage: 5Gi}}}}]`},
		{"mode: gateway\nstatefulset: {podManagementPolicy: OrderedReady, persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}}", "StatefulSet", gateway, "spec.persistentVolumeClaimRetentionPolicy", `{whenDeleted: Delete, whenScaled: Retain}`},
		{"mode: gateway\nstatefulset: {volumeClaimTemplates: [{metadata: {name: more}, spec: {}}]}", "StatefulSet", gateway, "spec.volumeClaimTemplates.1.metadata.name", `more`},
		{"mode: gateway\nports: {metrics: {containerPort: 9999}}", "StatefulSet", gateway, "spec.template.spec.containers.0.lifecycle.preStop", `{exec: {command: [/apmctl, drain, --at-least=5s, --backlog, --timeout=280s, --give-up, "--metrics=localhost:9999"]}}`},
		{"mode: gateway\nterminationGracePeriodSeconds: 10", "StatefulSet", gateway, "spec.template.spec.containers.0.lifecycle.preStop.exec.command.4", `--timeout=5s`},
		{"mode: gateway\ngateway: {acknowledge: delivered}", "Deployment", gateway, "spec.template.spec.containers.0.lifecycle.preStop", `{sleep: {seconds: 5}}`},
		{"mode: gateway\npersistence: {enabled: false}", "StatefulSet", gateway, "spec.volumeClaimTemplates", ``},
		{"mode: gateway\npersistence: {enabled: false}", "StatefulSet", gateway, "spec.template.spec.volumes.2", `{name: queue, emptyDir: {sizeLimit: 12Gi}}`},
		{"mode: gateway\npersistence: {enabled: false}", "StatefulSet", gateway, "spec.template.spec.containers.0.resources.requests.ephemeral-storage", `12Gi`},
		{"mode: gateway\npersistence: {enabled: false}", "HorizontalPodAutoscaler", gateway, "spec.behavior", `{scaleDown: {selectPolicy: Disabled}}`},
		{`mode: gateway`, "HorizontalPodAutoscaler", gateway, "spec.behavior", `{scaleDown: {stabilizationWindowSeconds: 300}}`},
		{`mode: gateway`, "HorizontalPodAutoscaler", gateway, "spec.scaleTargetRef.kind", `StatefulSet`},
		{"mode: gateway\nautoscaling: {enabled: false}\nreplicaCount: 3", "StatefulSet", gateway, "spec.replicas", `3`},
		{"mode: gateway\nautoscaling: {enabled: false}", "HorizontalPodAutoscaler", gateway, "", ``},
		{"mode: kafka\nautoscaling: {enabled: false}\nreplicaCount: 4", "Deployment", gateway + "-reader", "spec.replicas", `4`},
		{"mode: gateway\nautoscaling: {minReplicas: 3, maxReplicas: 5, targetCPUUtilizationPercentage: 50, targetMemoryUtilizationPercentage: 80, additionalMetrics: [{type: Pods}], behavior: {scaleUp: {}}}", "HorizontalPodAutoscaler", gateway, "spec", `
{scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: ` + gateway + `}, minReplicas: 3, maxReplicas: 5, behavior: {scaleUp: {}}, metrics: [
  {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}},
  {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}}, {type: Pods}]}`},
		{"mode: gateway\ngateway: {minReplicas: 4, maxReplicas: 6, targetCPU: 40}", "HorizontalPodAutoscaler", gateway, "spec.minReplicas", `4`},
		{"mode: gateway\npodDisruptionBudget: {enabled: false}", "PodDisruptionBudget", gateway, "", ``},
		{"mode: gateway\npodDisruptionBudget: {maxUnavailable: 50%}", "PodDisruptionBudget", gateway, "spec.maxUnavailable", `50%`},
		{"mode: gateway\npodDisruptionBudget: {minAvailable: 1}", "PodDisruptionBudget", gateway, "spec.minAvailable", `1`},
		{"mode: gateway\npodDisruptionBudget: {minAvailable: 1}", "PodDisruptionBudget", gateway, "spec.maxUnavailable", ``},
		{"serviceMonitor: {enabled: true, sampleLimit: 9, relabelings: [{action: keep}], metricRelabelings: [{action: drop}]}", "ServiceMonitor", "x-otelcol-ociapm", "spec.endpoints", `[{port: metrics, relabelings: [{targetLabel: job, replacement: otelcol-ociapm}, {action: keep}], metricRelabelings: [{action: drop}]}]`},
		{"serviceMonitor: {enabled: true, sampleLimit: 9}", "ServiceMonitor", "x-otelcol-ociapm", "spec.sampleLimit", `9`},
		{"prometheusRule: {enabled: true, defaultRules: {enabled: false}, groups: [{name: mine}]}", "PrometheusRule", "x-otelcol-ociapm", "spec.groups", `[{name: mine}]`},
		{"dashboard: {enabled: true, labels: {a: b}, annotations: {c: d}}", "ConfigMap", "x-otelcol-ociapm-dashboard", "metadata.annotations", `{c: d}`},

		{`networkPolicy: {enabled: false}`, "NetworkPolicy", agent, "", ``},
		{`networkPolicy: {annotations: {a: b}}`, "NetworkPolicy", agent, "metadata.annotations", `{a: b}`},
		{`networkPolicy: {allowIngressFrom: [{podSelector: {}}]}`, "NetworkPolicy", agent, "spec.ingress.0.from", `[{podSelector: {}}]`},
		{`networkPolicy: {extraIngressRules: [{ports: [{port: 1}]}]}`, "NetworkPolicy", agent, "spec.ingress.2", `{ports: [{port: 1}]}`},
		{`networkPolicy: {egressRules: [{ports: [{port: 16443}]}]}`, "NetworkPolicy", agent, "spec.egress.3", `{ports: [{port: 16443}]}`},
		{`agent: {gateway: "g.ns.svc:5317"}`, "NetworkPolicy", agent, "spec.egress.3", `{to: [{namespaceSelector: {}}], ports: [{port: 5317, protocol: TCP}]}`},
		{`agent: {gateway: "g.ns.svc.cluster.local:4317"}`, "NetworkPolicy", agent, "spec.egress.3.to", `[{namespaceSelector: {}}]`},
		{`agent: {gateway: "otlp.example.com:4317"}`, "NetworkPolicy", agent, "spec.egress.3", `{ports: [{port: 4317, protocol: TCP}]}`},
		{`extraEnvs: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]`, "NetworkPolicy", agent, "spec.egress.2.ports", `[{port: 3128, protocol: TCP}]`},
		{`extraEnv: [{name: https_proxy, value: "http://proxy/"}]`, "NetworkPolicy", agent, "spec.egress.2.ports", `[{port: 80, protocol: TCP}]`},
		{"mode: gateway\napm: {endpoint: \"https://apm:8443\", existingSecret: s}", "NetworkPolicy", gateway, "spec.egress.2.ports", `[{port: 8443, protocol: TCP}]`},
		{"mode: gateway\nservice: {type: NodePort}", "NetworkPolicy", gateway, "spec.ingress.0.from", ``},
		{"mode: kafka\nkafka: {brokers: \"a:19092,b:19092,c:9093\"}", "NetworkPolicy", gateway, "spec.egress.1.ports", `[{port: 19092, protocol: TCP}, {port: 9093, protocol: TCP}]`},
		{`mode: kafka`, "NetworkPolicy", gateway, "spec.egress.0.ports", `[{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}]`},
		{`mode: kafka`, "NetworkPolicy", gateway + "-reader", "spec.ingress.0.ports", `[{port: metrics, protocol: TCP}]`},
		{`extraManifests: ["{kind: ConfigMap, metadata: {name: \"{{ .Release.Name }}-more\"}}"]`, "ConfigMap", "x-more", "metadata.name", `x-more`},
	} {
		t.Run(test.values, func(t *testing.T) {
			t.Parallel()
			o := named(renderChart(t, test.values), test.kind, test.name)
			if test.path == "" {
				assert.Nil(t, o)
				return
			}
			require.NotNil(t, o, "%s %s is not rendered", test.kind, test.name)
			assert.Equal(t, parse(t, test.want), dig(o, test.path))
		})
	}
}

// What values add to the collector's configuration.
func TestChartConfiguration(t *testing.T) {
	for values, want := range map[string]string{
		`mode: gateway`: ``,
		"mode: sampling\nports: {otlp: {containerPort: 5317}}": `
receivers: {otlp: {protocols: {grpc: {endpoint: "0.0.0.0:5317"}, http: {}}}}
exporters: {load_balancing: {resolver: {k8s: {ports: [5317]}}}}`,
		"hostNetwork: true\nports: {otlp: {containerPort: 14317}, otlp-http: {containerPort: 14318}, health: {containerPort: 23133}, metrics: {containerPort: 18888}}": `
receivers: {otlp: {protocols: {grpc: {endpoint: "0.0.0.0:14317"}, http: {endpoint: "0.0.0.0:14318"}}}}
extensions: {health_check: {endpoint: "0.0.0.0:23133"}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 18888, without_scope_info: true, without_type_suffix: true, without_units: true}}}}]}}}`,
		"mode: gateway\ngateway: {acknowledge: delivered, tls: {secretName: t, clientCASecretName: c}}": `
receivers: {otlp: {protocols: {grpc: {tls: &tls {cert_file: DIR/tls.crt, key_file: DIR/tls.key, reload_interval: 1m, client_ca_file: DIR/client-ca.crt, client_ca_file_reload: true}}, http: {tls: *tls}}}}`,
		"mode: gateway\ngateway: {acknowledge: delivered, token: {secretName: t}, cors: {enabled: true, allowedOrigins: [\"https://a.b\"], secretName: p}}": `
receivers: {otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth}}, http: {auth: {authenticator: bearertokenauth/browsers}, cors: {allowed_origins: ["https://a.b"], allowed_headers: [Authorization, Content-Encoding, Content-Type], max_age: 7200}}}}}
extensions: {bearertokenauth: {filename: DIR/token}, bearertokenauth/browsers: {scheme: dataKey, filename: DIR/public_data_key}}
service: {extensions: [apm_paths, otlp_guard, gc_tuner, health_check, healthcheckv2, bearertokenauth, bearertokenauth/browsers]}`,
		`agent: {gateway: "g:4317", gatewayTLS: {enabled: true, caSecretName: c, secretName: s, serverName: gw}, gatewayToken: {secretName: t}}`: `
exporters: {otlp_grpc: {tls: {insecure: false, ca_file: DIR/ca.crt, cert_file: DIR/tls.crt, key_file: DIR/tls.key, server_name_override: gw, reload_interval: 1m}, auth: {authenticator: bearertokenauth}}}
extensions: {bearertokenauth: {filename: DIR/token}}
service: {extensions: [apm_paths, otlp_guard, gc_tuner, health_check, healthcheckv2, queue_storage, bearertokenauth]}`,
		"redMetrics: {enabled: true}\nagent: {gateway: \"g:4317\"}": `
service: {pipelines: {traces/keep: {exporters: [otlp_grpc]}, metrics/red: {exporters: [otlp_grpc]}}}`,
		"budget: {spansPerHour: 1000}": `
extensions: {span_budget: {instances: "dns:x-otelcol-ociapm-agent-all.ns.svc"}}`,
		"budget: {spansPerHour: 1000000}\nmode: sampling": `
extensions: {span_budget: {instances: "dns:x-otelcol-ociapm-gateway-sampler.ns.svc", fairness: operation}}
processors: {span_folding: {budget: span_budget}, durable_tail_sampling: {decision_wait: 10s, num_traces: 100000, decision_cache: {sampled_cache_size: 1000000, non_sampled_cache_size: 1000000}}}
service: {pipelines: {traces: {processors: [memory_limiter, db_span_enricher, peer_service]}, traces/keep: {processors: [durable_tail_sampling, filter/asgi, span_folding]}}}`,
		"redMetrics: {enabled: true}\nmode: sampling": `
service: {pipelines: {traces: {processors: [memory_limiter, db_span_enricher, peer_service]}, traces/keep: {processors: [durable_tail_sampling]}}}`,
	} {
		t.Run(values, func(t *testing.T) {
			rendered := renderChart(t, values)
			name := "x-otelcol-ociapm-gateway"
			switch {
			case !strings.Contains(values, "mode:"):
				name = "x-otelcol-ociapm-agent"
			case strings.Contains(values, "redMetrics"), strings.Contains(values, "budget"):
				name = "x-otelcol-ociapm-gateway-sampler"
			}
			data := named(rendered, "ConfigMap", name)["data"].(object)
			if want == "" {
				assert.NotContains(t, data, "chart.yaml")
				return
			}
			want = strings.ReplaceAll(want, "DIR", "/var/run/secrets/otelcol-ociapm-credentials")
			assert.Equal(t, parse(t, want), parse(t, data["chart.yaml"].(string)))
		})
	}
}

// The chart as a part of another one, which switches it on and off, and has global values.
func TestSubchart(t *testing.T) {
	parent := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(parent, "charts", "otelcol-ociapm"), os.DirFS(filepath.Join(harness.Root(t), chart))))
	metadata := `{apiVersion: v2, name: parent, version: 0.1.0, dependencies: [{name: otelcol-ociapm, version: ">=0", condition: otelcol-ociapm.enabled}]}`
	require.NoError(t, os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(metadata), 0o600))
	for _, enabled := range []string{"true", "false"} {
		rendered := renderChartAt(t, parent, "{global: {a: b}, otelcol-ociapm: {enabled: "+enabled+", apm: {existingSecret: s}}}")
		if enabled == "true" {
			assert.NotNil(t, named(rendered, "DaemonSet", "x-otelcol-ociapm-agent"))
		} else {
			assert.Empty(t, rendered)
		}
	}
}

// Two releases in different namespaces have no object in common.
func TestReleasesAreApart(t *testing.T) {
	names := map[string]bool{}
	for _, namespace := range []string{"a", "b"} {
		for _, o := range decode(t, command(t, "", "helm", "template", "otelcol-ociapm", chart, "--namespace", namespace, "--set", "apm.existingSecret=s")) {
			name := o["kind"].(string) + "/" + dig(o, "metadata.name").(string)
			if in, ok := dig(o, "metadata.namespace").(string); ok {
				name = in + "/" + name
			}
			assert.False(t, names[name], name)
			names[name] = true
		}
	}
}

// ciValues returns the files in ci/, which have values for all uses.
func ciValues(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(t), chart, "ci", "*-values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// The values of all uses are valid, and run what their mode says.
func TestChartCI(t *testing.T) {
	for _, file := range ciValues(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			var values struct{ Mode string }
			require.NoError(t, yaml.Unmarshal(content, &values))
			rendered := renderChartAt(t, chart, string(content))
			for component, kind := range workloads[values.Mode] {
				workload(t, rendered, kind, component)
			}
		})
	}
}
