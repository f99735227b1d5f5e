// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	chart = "deploy/helm/otelcol-ociapm"
	// apmDomain is the OCID of an APM domain.
	apmDomain = "ocid1.apmdomain.oc1.eu-frankfurt-1.aaaabbbb"
	// domain are the chart's values when the APM domain's OCID is used.
	domain = "apm.domainId=" + apmDomain + ",apm.region=eu-frankfurt-1"
)

// release is a release of the chart.
type release struct {
	namespace string
	values    string
}

// shape is an overlay of deploy/kubernetes and the equivalent releases of the chart.
type shape struct {
	overlay  string
	releases []release
}

var shapes = []shape{
	{"agent", []release{{agents, "mode=agent"}}},
	{"agent-oke", []release{{agents, "mode=agent," + domain}}},
	{"gateway", []release{{gateways, "mode=gateway"}}},
	{"agent-gateway", []release{
		{agents, "mode=agent,agent.gateway=otelcol-ociapm-gateway.otelcol-ociapm-gateway.svc:4317"},
		{gateways, "mode=gateway,gateway.acknowledge=delivered"},
	}},
	{"gateway-sampling", []release{{gateways, "mode=sampling"}}},
	{"gateway-kafka", []release{{gateways, "mode=kafka"}}},
	{"sidecar", []release{{appNamespace, "mode=sidecar"}}},
}

// renderOverlay returns the manifests of an overlay.
func renderOverlay(t *testing.T, name string) string {
	t.Helper()
	return kubectl(t, "kustomize", filepath.Join("deploy/kubernetes/overlays", name))
}

// renderRelease returns the manifests of a release of the chart.
func renderRelease(t *testing.T, r release) string {
	t.Helper()
	values := "image.tag=dev," + r.values
	if !strings.Contains(values, domain) {
		values += ",apm.existingSecret=otelcol-ociapm"
	}
	return command(t, "", "helm", "template", "otelcol-ociapm", chart, "--namespace", r.namespace, "--skip-tests", "--set", values)
}

// The API server accepts every manifest and every rendering of the chart, with strict
// field validation and without a warning.
func TestManifestsAreAccepted(t *testing.T) {
	namespace(t, agents, "privileged")
	namespace(t, gateways, "restricted")
	namespace(t, appNamespace, "restricted")
	accepted := func(t *testing.T, namespace, manifests string) {
		t.Helper()
		args := []string{"apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"}
		if namespace != "" {
			args = append(args, "--namespace", namespace)
		}
		cmd := exec.CommandContext(t.Context(), "kubectl", args...)
		cmd.Stdin = strings.NewReader(manifests)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, string(output))
		assert.NotContains(t, string(output), "Warning:")
		assert.Contains(t, string(output), "serverside-applied")
	}
	overlays, err := os.ReadDir(filepath.Join(harness.Root(t), "deploy/kubernetes/overlays"))
	require.NoError(t, err)
	require.Len(t, overlays, len(shapes), "an overlay without a test")
	for _, s := range shapes {
		t.Run("overlay "+s.overlay, func(t *testing.T) { accepted(t, "", renderOverlay(t, s.overlay)) })
		for _, r := range s.releases {
			t.Run("chart "+r.values, func(t *testing.T) { accepted(t, r.namespace, renderRelease(t, r)) })
		}
	}
	for _, values := range []string{
		"mode=agent,apm.endpoint=https://apm.oci.test,apm.dataKey=KEY,agent.memoryMiB=1024,podAnnotations.a=b,imagePullSecrets[0].name=s",
		"mode=kafka,apm.endpoint=https://apm.oci.test,apm.dataKey=KEY,kafka.brokers=a:9092\\,b:9092,networkPolicy.enabled=false",
		"mode=kafka,kafka.brokers=a:9092," + domain,
		"mode=sampling,apm.existingSecret=s,config.processors.durable_tail_sampling.decision_wait=30s,extraEnv[0].name=A,extraEnv[0].value=b",
	} {
		t.Run("chart "+values, func(t *testing.T) {
			accepted(t, agents, command(t, "", "helm", "template", "mine", chart, "--namespace", agents, "--set", values))
		})
	}
	installCRDs(t, os.Getenv("GATEWAY_CRDS"), "gateway.networking.k8s.io_httproutes.yaml", "gateway.networking.k8s.io_grpcroutes.yaml")
	for _, file := range ciValues(t) {
		t.Run("chart "+filepath.Base(file), func(t *testing.T) {
			accepted(t, agents, command(t, "", "helm", "template", "mine", chart, "--namespace", agents, "--values", file))
		})
	}
	for _, values := range harness.PageBlocks(t, "docs/deploy.md", "gateway from outside", "yaml") {
		accepted(t, agents, command(t, values, "helm", "template", "mine", chart, "--namespace", agents, "--values", "-", "--set", "apm.existingSecret=s"))
	}
}

// helm test runs apmctl doctor with the configuration, variables and secrets of the
// collectors' pods, and with the Service that apps send to.
func TestChartDoctor(t *testing.T) {
	for values, want := range map[string]struct {
		collector string
		configs   []string
	}{
		"apm.existingSecret=s":                       {"otelcol-ociapm-agent", []string{"collector", "exporter", "mine"}},
		"agent.gateway=gateway.svc:4317":             {"otelcol-ociapm-agent", []string{"collector", "exporter", "mine"}},
		domain:                                       {"otelcol-ociapm-agent", []string{"collector", "exporter", "oci", "resource", "mine"}},
		"mode=gateway," + domain:                     {"otelcol-ociapm-gateway", []string{"collector", "exporter", "oci", "mine"}},
		"mode=gateway,apm.existingSecret=s":          {"otelcol-ociapm-gateway", []string{"collector", "exporter", "mine"}},
		"mode=sidecar,apm.existingSecret=s":          {},
		"service.enabled=false,apm.existingSecret=s": {},
		"mode=sampling,apm.existingSecret=s":         {},
		"mode=kafka,kafka.brokers=a:9092," + domain:  {},

		"mode=gateway,gateway.token.secretName=t,apm.existingSecret=s": {},
	} {
		t.Run(values, func(t *testing.T) {
			var jobs, collectors []object
			for _, o := range objects(t, command(t, "", "helm", "template", "otelcol-ociapm", chart, "--namespace", agents, "--set", values)) {
				switch {
				case o["kind"] == "Job":
					jobs = append(jobs, o)
				case at(o, "metadata", "name") == want.collector && at(o, "spec", "template", "spec") != nil:
					collectors = append(collectors, o)
				}
			}
			if want.collector == "" {
				assert.Empty(t, jobs)
				return
			}
			require.Len(t, jobs, 1)
			require.Len(t, collectors, 1)
			assert.Equal(t, "test", at(jobs[0], "metadata", "annotations", "helm.sh/hook"))
			doctor := at(jobs[0], "spec", "template", "spec", "containers").([]any)[0].(object)
			collector := at(collectors[0], "spec", "template", "spec", "containers").([]any)[0].(object)
			assert.Equal(t, []any{"/apmctl", "doctor"}, doctor["command"])
			arguments := []any{"--otlp=" + want.collector + "." + agents + ".svc:4318"}
			for _, config := range want.configs {
				arguments = append(arguments, "--config=/etc/otelcol-ociapm/kubernetes/"+config+".yaml")
			}
			assert.Equal(t, arguments, doctor["args"])
			assert.Equal(t, collector["args"], doctor["args"].([]any)[1:])
			assert.Equal(t, collector["image"], doctor["image"])
			for setting, value := range collector["securityContext"].(object) {
				assert.Equal(t, value, at(doctor, "securityContext", setting), setting)
			}
		})
	}
}

// The chart rejects values that cannot work, and names them.
func TestChartRefuses(t *testing.T) {
	for values, says := range map[string]string{
		"mode=daemon": "at '/mode'",
		"apm.existingSecret=s,agents.memoryMiB=1":        "additional properties 'agents' not allowed",
		"apm.endpoint=http://a.oci.test,apm.dataKey=k":   "at '/apm/endpoint'",
		"apm.endpoint=https://<prefix>.apm-agt.oci.test": "at '/apm/endpoint'",
		"mode=gateway": "set apm.endpoint and apm.dataKey, or apm.existingSecret",
		"mode=kafka,apm.endpoint=https://a.oci.test,apm.dataKey=k":  "set kafka.brokers",
		"apm.existingSecret=s,agent.gateway=http://gateway.svc:443": "at '/agent/gateway'",
		"apm.domainId=ocid1.instance.oc1.fra.aaaa":                  "at '/apm/domainId'",
		"apm.domainId=" + apmDomain:                                 "at '/apm/region'",
		domain + ",apm.endpoint=https://a.oci.test":                 "at '/apm/endpoint'",
		domain + ",apm.dataKey=k":                                   "at '/apm/dataKey'",
		domain + ",apm.auth.type=config_file":                       "at '/apm/auth/type'",
		domain + ",apm.existingSecret=s":                            "no use for apm.existingSecret",
		domain + ",mode=sidecar":                                    "let it send to a gateway",
		domain + ",agent.gateway=gateway.svc:4317":                  "set it for the gateway",

		"mode=gateway,apm.existingSecret=s,gateway.minReplicas=3,gateway.maxReplicas=2":                                                                 "autoscaling.minReplicas: 3 is more than autoscaling.maxReplicas, 2",
		"mode=gateway,apm.existingSecret=s,autoscaling.maxReplicas=1":                                                                                   "autoscaling.minReplicas: 2 is more than autoscaling.maxReplicas, 1",
		"mode=gateway,apm.existingSecret=s,gateway.drain.claims[0]=queue-other-0":                                                                       "gateway.drain.claims: queue-other-0 belongs to no StatefulSet of this release",
		"mode=gateway,apm.existingSecret=s,rollout.strategy=Recreate":                                                                                   "rollout.strategy: the gateway has RollingUpdate or OnDelete",
		"apm.existingSecret=s,image.tag=@sha256:abc":                                                                                                    "at '/image/tag'",
		"apm.existingSecret=s,agent.cpu=half":                                                                                                           "at '/agent/cpu'",
		"apm.existingSecret=s,agent.priority=high":                                                                                                      "at '/agent': additional properties 'priority' not allowed",
		"apm.existingSecret=s,resources.limits.memory=null":                                                                                             "resources.limits.memory of the agent",
		"apm.existingSecret=s,rollout.rollingUpdate.maxSurge=1":                                                                                         "two agents on a node cannot share its queue",
		"apm.existingSecret=s,rollout.strategy=Recreate":                                                                                                "agents have RollingUpdate or OnDelete",
		"mode=kafka,apm.existingSecret=s,reader.rollout.strategy=OnDelete":                                                                              "the reader has RollingUpdate or Recreate",
		"apm.existingSecret=s,service.type=LoadBalancer":                                                                                                "service.type: LoadBalancer is for gateways",
		"apm.existingSecret=s,ports.otlp.enabled=false,ports.otlp-http.enabled=false":                                                                   "enable otlp, otlp-http or both",
		"mode=sampling,apm.existingSecret=s,ports.otlp.enabled=false":                                                                                   "samplers receive over gRPC",
		"apm.existingSecret=s,ingress.enabled=true":                                                                                                     "ingress.enabled: it is for gateways",
		"apm.existingSecret=s,ports.otlp.containerPort=4318":                                                                                            "ports: two of them have containerPort 4318",
		"apm.existingSecret=s,ports.metrics.containerPort=13133":                                                                                        "ports: two of them have containerPort 13133",
		"apm.existingSecret=s,ports.otlp.hostPort=4318":                                                                                                 "ports: two of them have hostPort 4318",
		"mode=gateway,apm.existingSecret=s,ports.otlp.servicePort=443,ports.otlp-http.servicePort=443":                                                  "ports: two of them have servicePort 443",
		"mode=gateway,apm.existingSecret=s,ingress.enabled=true":                                                                                        "ingress.hosts: name the host",
		"mode=gateway,apm.existingSecret=s,httproute.enabled=true,httproute.parentRefs[0].name=g,ports.otlp-http.enabled=false":                         "httproute.enabled: it forwards to ports.otlp-http",
		"mode=gateway,apm.existingSecret=s,grpcroute.enabled=true,grpcroute.parentRefs[0].name=g,ports.otlp.enabled=false":                              "grpcroute.enabled: it forwards to ports.otlp,",
		"mode=gateway,apm.existingSecret=s,podDisruptionBudget.maxUnavailable=null":                                                                     "podDisruptionBudget: set maxUnavailable or minAvailable",
		"apm.existingSecret=s,resources.limits.memory=512":                                                                                              "at '/resources/limits/memory'",
		"apm.existingSecret=s,resources.limits.memory=512MB":                                                                                            "at '/resources/limits/memory'",
		"mode=gateway,apm.existingSecret=s,ingress.enabled=true,ingress.additionalIngresses[0].name=A b,ingress.additionalIngresses[0].hosts[0].host=a": "at '/ingress/additionalIngresses/0/name'",
		"mode=gateway,apm.existingSecret=s,httproute.enabled=true":                                                                                      "httproute.parentRefs: name the Gateway",
		"mode=gateway,apm.existingSecret=s,gateway.tls.clientCASecretName=c":                                                                            "set gateway.tls.secretName too",
		"mode=gateway,apm.existingSecret=s,gateway.cors.enabled=true":                                                                                   "gateway.cors.allowedOrigins: name the pages' origins",
		"apm.existingSecret=s,agent.gatewayTLS.enabled=true":                                                                                            "agent.gateway: set it to host:port",
		"agent.gateway=g:4317,agent.gatewayToken.secretName=t":                                                                                          "set agent.gatewayTLS.enabled too",
		"mode=gateway,apm.existingSecret=s,budget.spansPerHour=1000":                                                                                    "budget.spansPerHour: mode gateway does not see whole traces",
		"agent.gateway=g:4317,budget.spansPerHour=1000":                                                                                                 "budget.spansPerHour: agents with a gateway do not upload",
		"apm.existingSecret=s,budget.spansPerHour=-1":                                                                                                   "at '/budget/spansPerHour'",
		"mode=sidecar,redMetrics.enabled=true":                                                                                                          "redMetrics.enabled: sidecars send to a gateway",
		"apm.existingSecret=s,service.enabled=false,ports.otlp.hostPort=0,ports.otlp-http.hostPort=0":                                                   "neither a Service nor a host port",
		"apm.existingSecret=s,service.enabled=false,ports.otlp.hostPort=0,ports.otlp-http.hostPort=0,hostNetwork=true,agent.hostNetwork=false":          "neither a Service nor a host port",
	} {
		t.Run(values, func(t *testing.T) {
			_, err := tryCommand(t, "", "helm", "template", "otelcol-ociapm", chart, "--set", values)
			require.Error(t, err)
			assert.Contains(t, err.Error(), says)
		})
	}
	command(t, "", "helm", "lint", chart, "--strict", "--set", "apm.existingSecret=s")
}

// The chart has the version of the collector.
func TestChartVersion(t *testing.T) {
	version := func(file, pattern string) string {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), file))
		require.NoError(t, err)
		match := regexp.MustCompile(pattern).FindSubmatch(content)
		require.NotNil(t, match, "%s has no version", file)
		return string(match[1])
	}
	collector := version("builder-config.yaml", `(?m)^  version: (\S+)$`)
	assert.Equal(t, collector, version(chart+"/Chart.yaml", `(?m)^appVersion: (\S+)$`))
	assert.Equal(t, collector, version(chart+"/Chart.yaml", `(?m)^version: (\S+)$`))
}

// The chart and the overlays produce the same objects.
func TestChartAndOverlaysAgree(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.overlay, func(t *testing.T) {
			fromOverlay := substance(t, renderOverlay(t, s.overlay))
			fromChart := map[string]object{}
			for _, r := range s.releases {
				for key, o := range substance(t, renderRelease(t, r)) {
					fromChart[key] = o
				}
			}
			switch s.overlay {
			case "sidecar": // the chart has no example app
				delete(fromOverlay, "Deployment my-app")
			case "agent-oke": // the administrator creates it, like the Secret of the others
				delete(fromChart, "ConfigMap otelcol-ociapm")
			}
			require.Equal(t, slices.Sorted(maps.Keys(fromOverlay)), slices.Sorted(maps.Keys(fromChart)))
			for key, o := range fromOverlay {
				assert.Equal(t, o, fromChart[key], key)
			}
		})
	}
}
