// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	// domain is what the chart asks of those who know the APM domain by its OCID.
	domain = "apm.domainId=" + apmDomain + ",apm.region=eu-frankfurt-1"
)

// release is a release of the chart.
type release struct {
	namespace string
	values    string
}

// A shape is an overlay of deploy/kubernetes, and the releases of the chart that
// come to the same.
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
	return command(t, "", "helm", "template", "otelcol-ociapm", chart, "--namespace", r.namespace, "--set", values)
}

// Every manifest and every rendering of the chart is accepted by the API server,
// with strict fields and without a warning.
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
}

// The chart refuses values that cannot work, and says which.
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
	} {
		t.Run(values, func(t *testing.T) {
			_, err := tryCommand(t, "", "helm", "template", "otelcol-ociapm", chart, "--set", values)
			require.Error(t, err)
			assert.Contains(t, err.Error(), says)
		})
	}
	command(t, "", "helm", "lint", chart, "--strict", "--set", "apm.existingSecret=s")
}

// The chart is of the version of the collector.
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

// object is a manifest.
type object = map[string]any

// objects parses manifests.
func objects(t *testing.T, manifests string) []object {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(command(t, manifests, "kubectl", "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-")))
	var all []object
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if items, ok := o["items"].([]any); ok {
			for _, item := range items {
				all = append(all, item.(object))
			}
			continue
		}
		all = append(all, o)
	}
}

// at returns what is at a path inside an object, or nil.
func at(o object, path ...string) any {
	var value any = o
	for _, key := range path {
		inner, ok := value.(object)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}

// The chart and the overlays come to the same objects.
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
			case "sidecar": // the chart has no app
				delete(fromOverlay, "Deployment my-app")
			case "agent-oke": // the administrator makes it, as the Secret of the others
				delete(fromChart, "ConfigMap otelcol-ociapm")
			}
			require.Equal(t, slices.Sorted(maps.Keys(fromOverlay)), slices.Sorted(maps.Keys(fromChart)))
			for key, o := range fromOverlay {
				assert.Equal(t, o, fromChart[key], key)
			}
		})
	}
}

// substance returns objects without what is to differ: names of ConfigMaps have a
// hash of the content in kustomize, where the chart has an annotation of the pod;
// Helm has labels of its own, and namespaces are not its business.
func substance(t *testing.T, manifests string) map[string]object {
	t.Helper()
	all := map[string]object{}
	hash := regexp.MustCompile(`(otelcol-ociapm-[a-z-]+)-[a-z0-9]{10}"`)
	for _, o := range objects(t, manifests) {
		text, err := json.Marshal(o)
		require.NoError(t, err)
		var plain object
		require.NoError(t, json.Unmarshal(hash.ReplaceAll(text, []byte(`$1"`)), &plain))
		kind := plain["kind"].(string)
		if kind == "Namespace" {
			continue
		}
		delete(plain, "status")
		if labels, ok := at(plain, "metadata", "labels").(object); ok {
			delete(labels, "helm.sh/chart")
			delete(labels, "app.kubernetes.io/version")
			delete(labels, "app.kubernetes.io/managed-by")
			if len(labels) == 0 || kind == "ConfigMap" {
				delete(at(plain, "metadata").(object), "labels")
			}
		}
		if data, ok := plain["data"].(object); ok {
			delete(data, "mine.yaml")
		}
		if meta, ok := at(plain, "spec", "template", "metadata").(object); ok {
			delete(meta, "annotations")
		}
		if spec, ok := at(plain, "spec", "template", "spec").(object); ok {
			sortBy(spec["volumes"], "name")
			for _, c := range containers(spec) {
				delete(c, "imagePullPolicy")
				sortBy(c["volumeMounts"], "mountPath")
				sortBy(c["env"], "name")
			}
		}
		all[fmt.Sprintf("%s %s", kind, at(plain, "metadata", "name"))] = plain
	}
	return all
}

func sortBy(list any, key string) {
	items, _ := list.([]any)
	slices.SortFunc(items, func(a, b any) int {
		return strings.Compare(a.(object)[key].(string), b.(object)[key].(string))
	})
}

// containers returns the containers of a pod, the init containers too.
func containers(podSpec object) []object {
	var all []object
	for _, key := range []string{"initContainers", "containers"} {
		list, _ := podSpec[key].([]any)
		for _, c := range list {
			all = append(all, c.(object))
		}
	}
	return all
}

// Every collector that a rendering starts has a valid configuration, and limits
// that agree with each other.
func TestCollectorsOfAllShapes(t *testing.T) {
	for _, s := range shapes {
		t.Run("overlay "+s.overlay, func(t *testing.T) { checkCollectors(t, renderOverlay(t, s.overlay)) })
		for _, r := range s.releases {
			if !strings.HasPrefix(r.values, "mode=sidecar") { // starts none
				t.Run("chart "+r.values, func(t *testing.T) { checkCollectors(t, renderRelease(t, r)) })
			}
		}
	}
	for _, values := range []string{
		"mode=gateway," + domain,
		"mode=gateway,apm.auth.type=instance_principal," + domain,
		"mode=sampling," + domain,
		"mode=kafka,kafka.brokers=broker-0:9092," + domain,
	} {
		t.Run("chart "+values, func(t *testing.T) { checkCollectors(t, renderRelease(t, release{gateways, values})) })
	}
}

// Pods that ask OCI who they are have the token that says so and a way to where it
// is exchanged, and no data key.
func TestWorkloadIdentity(t *testing.T) {
	for name, manifests := range map[string]string{
		"overlay":        renderOverlay(t, "agent-oke"),
		"chart, agent":   renderRelease(t, release{agents, "mode=agent," + domain}),
		"chart, gateway": renderRelease(t, release{gateways, "mode=gateway," + domain}),
	} {
		t.Run(name, func(t *testing.T) {
			uploaders := 0
			for _, o := range objects(t, manifests) {
				switch o["kind"] {
				case "DaemonSet", "Deployment":
					uploaders++
					spec := at(o, "spec", "template", "spec").(object)
					assert.Equal(t, true, spec["automountServiceAccountToken"])
					for _, v := range spec["volumes"].([]any) {
						assert.NotContains(t, v, "secret")
					}
				case "ServiceAccount":
					assert.NotContains(t, o, "automountServiceAccountToken")
				case "NetworkPolicy":
					assert.Contains(t, at(o, "spec", "egress"), object{"ports": []any{object{"port": 12250.0, "protocol": "TCP"}}})
				case "Secret":
					t.Error("there is a Secret")
				}
			}
			assert.Equal(t, 1, uploaders)
		})
	}
}

func checkCollectors(t *testing.T, manifests string) {
	t.Helper()
	all := objects(t, manifests)
	files := map[string]object{} // of ConfigMaps
	for _, o := range all {
		if o["kind"] == "ConfigMap" {
			files[at(o, "metadata", "name").(string)] = o["data"].(object)
		}
	}
	collectors := 0
	for _, o := range all {
		spec, ok := at(o, "spec", "template", "spec").(object)
		if !ok {
			continue
		}
		for _, c := range containers(spec) {
			if c["image"] == image && c["command"] == nil {
				collectors++
				checkLimits(t, c, checkConfiguration(t, c, spec, files))
			}
		}
	}
	assert.Positive(t, collectors)
}

// checkLimits requires that garbage is collected more often, and senders are asked
// to wait, before the container has no memory left: at four fifths of its limit.
func checkLimits(t *testing.T, container, config object) {
	t.Helper()
	limit := at(container, "resources", "limits", "memory").(string)
	assert.Equal(t, limit, at(container, "resources", "requests", "memory"))
	mebibytes, err := strconv.Atoi(strings.TrimSuffix(limit, "Mi"))
	require.NoError(t, err)
	assert.Contains(t, at(config, "service", "extensions"), "gc_tuner")
	for _, c := range []object{at(config, "extensions", "gc_tuner").(object), at(config, "processors", "memory_limiter").(object)} {
		if inMebibytes := c["limit_mib"].(float64); inMebibytes != 0 {
			assert.InDelta(t, mebibytes*4/5, inMebibytes, 0)
		} else {
			assert.InDelta(t, 80, c["limit_percentage"], 0)
		}
	}
	for _, name := range []string{"GOMEMLIMIT", "GOGC"} {
		assert.NotContains(t, environment(container), name, "gc_tuner leaves it to the variable")
	}
}

// environment returns the variables of a container. What comes from elsewhere has
// a value that such a thing may have.
func environment(container object) map[string]string {
	env := map[string]string{}
	list, _ := container["env"].([]any)
	for _, item := range list {
		name := item.(object)["name"].(string)
		value, ok := item.(object)["value"].(string)
		switch {
		case ok:
		case name == "APM_ENDPOINT":
			value = "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"
		case name == "APM_DOMAIN_ID":
			value = apmDomain
		case name == "KAFKA_BROKERS":
			value = "broker-0:9092,broker-1:9092"
		default:
			value = "some"
		}
		env[name] = value
	}
	return env
}

// checkConfiguration validates what a collector is started with, and returns it.
func checkConfiguration(t *testing.T, container, podSpec object, files map[string]object) object {
	t.Helper()
	dir := t.TempDir()
	const secrets = "/var/run/secrets/otelcol-ociapm"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data_key"), []byte(harness.PrivateKey), 0o600))
	var configMap string
	volumes, _ := podSpec["volumes"].([]any)
	for _, v := range volumes {
		if name, ok := at(v.(object), "configMap", "name").(string); ok {
			configMap = name
		}
	}
	args := []string{"validate"}
	for _, arg := range container["args"].([]any) {
		path, found := strings.CutPrefix(arg.(string), "--config=/etc/otelcol-ociapm/kubernetes/")
		require.True(t, found, arg)
		content, ok := files[configMap][path].(string)
		require.True(t, ok, "%s is not in ConfigMap %s", path, configMap)
		file := filepath.Join(dir, path)
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(content, secrets, dir)), 0o600))
		args = append(args, "--config="+file)
	}
	var env []string
	for name, value := range environment(container) {
		env = append(env, name+"="+value)
	}
	output, code := harness.RunCollector(t, env, args...)
	assert.Zero(t, code, output)
	assert.Empty(t, output)

	output, code = harness.RunCollector(t, env, append([]string{"print-config", "--format=json"}, args[1:]...)...)
	require.Zero(t, code, output)
	var config object
	require.NoError(t, json.Unmarshal([]byte(output), &config))
	return config
}

// The example for the OpenTelemetry Operator is what its custom resources accept.
func TestOperator(t *testing.T) {
	crds := []string{"opentelemetry.io_opentelemetrycollectors.yaml", "opentelemetry.io_instrumentations.yaml"}
	for _, crd := range crds {
		path := filepath.Join(os.Getenv("OPERATOR_CRDS"), crd) // see node.sh
		kubectl(t, "apply", "--server-side", "-f", path)
		t.Cleanup(func() { kubectl(t, "delete", "-f", path) })
		require.Eventually(t, func() bool {
			// It is an error while there is no condition yet.
			_, err := tryCommand(t, "", "kubectl", "wait", "--for=condition=Established", "--timeout=10s", "-f", path)
			return err == nil
		}, commandTimeout, pollInterval)
	}
	namespace(t, appNamespace, "privileged")
	for _, file := range []string{"collector.yaml", "instrumentation.yaml", "app.yaml"} {
		output := kubectl(t, "apply", "-n", appNamespace, "--server-side", "--dry-run=server", "--validate=strict", "-f", filepath.Join("deploy/operator", file))
		assert.Contains(t, output, "serverside-applied")
	}

	// The collector is one that starts.
	var collector struct {
		Spec struct{ Config json.RawMessage }
	}
	text := command(t, "", "kubectl", "create", "-n", appNamespace, "--dry-run=server", "-o", "json", "-f", "deploy/operator/collector.yaml")
	require.NoError(t, json.Unmarshal([]byte(text), &collector))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data_key"), []byte(harness.PrivateKey), 0o600))
	config := strings.ReplaceAll(string(collector.Spec.Config), "/var/run/secrets/otelcol-ociapm", dir)
	output, code := harness.RunCollector(t, []string{"APM_ENDPOINT=https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"}, "validate", "--config=yaml:"+config)
	assert.Zero(t, code, output)
	assert.Empty(t, output)
}
