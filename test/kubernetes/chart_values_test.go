// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// workloads are the components that each mode of the chart runs, and their workloads.
var workloads = map[string]map[string]string{
	"agent":    {"agent": "DaemonSet"},
	"gateway":  {"gateway": "StatefulSet"},
	"sampling": {"gateway": "Deployment", "sampler": "StatefulSet"},
	"kafka":    {"gateway": "Deployment", "reader": "Deployment"},
}

// podValues are the values that apply to all pods, or in the section of a workload to its
// pods alone: a value in YAML, where it is in the workload, and what is there, if that is
// not the value itself. A path ends in + if the list there has more items.
var podValues = map[string]struct{ value, path, want string }{
	"affinity":                      {`{nodeAffinity: {}}`, "spec.template.spec.affinity", ""},
	"annotations":                   {`{a: b}`, "metadata.annotations", ""},
	"dnsConfig":                     {`{options: [{name: ndots, value: "2"}]}`, "spec.template.spec.dnsConfig", ""},
	"dnsPolicy":                     {`Default`, "spec.template.spec.dnsPolicy", ""},
	"command":                       {`{extraArgs: [--feature-gates=x]}`, "spec.template.spec.containers.0.args+", "[--feature-gates=x]"},
	"extraContainers":               {`[{name: other, image: other}]`, "spec.template.spec.containers+", ""},
	"extraEnv":                      {`[{name: A, value: b}]`, "spec.template.spec.containers.0.env+", ""},
	"extraEnvs":                     {`[{name: C, value: d}]`, "spec.template.spec.containers.0.env+", ""},
	"extraEnvsFrom":                 {`[{secretRef: {name: variables}}]`, "spec.template.spec.containers.0.envFrom", ""},
	"extraVolumeMounts":             {`[{name: v, mountPath: /v}]`, "spec.template.spec.containers.0.volumeMounts+", ""},
	"extraVolumes":                  {`[{name: v, emptyDir: {}}]`, "spec.template.spec.volumes+", ""},
	"hostAliases":                   {`[{ip: 192.0.2.1, hostnames: [apm]}]`, "spec.template.spec.hostAliases", ""},
	"hostNetwork":                   {`true`, "spec.template.spec.hostNetwork", ""},
	"hostPID":                       {`true`, "spec.template.spec.hostPID", ""},
	"initContainers":                {`[{name: first, image: first}]`, "spec.template.spec.initContainers+", ""},
	"lifecycleHooks":                {`{preStop: {exec: {command: [/bye]}}}`, "spec.template.spec.containers.0.lifecycle", ""},
	"livenessProbe":                 {`{periodSeconds: 77}`, "spec.template.spec.containers.0.livenessProbe.periodSeconds", "77"},
	"nodeSelector":                  {`{kubernetes.io/os: linux}`, "spec.template.spec.nodeSelector", ""},
	"podAnnotations":                {`{c: d}`, "spec.template.metadata.annotations.c", "d"},
	"podLabels":                     {`{team: shop}`, "spec.template.metadata.labels.team", "shop"},
	"podSecurityContext":            {`{fsGroup: 1000660000}`, "spec.template.spec.securityContext.fsGroup", "1000660000"},
	"priorityClassName":             {`system-node-critical`, "spec.template.spec.priorityClassName", ""},
	"readinessProbe":                {`{timeoutSeconds: 9}`, "spec.template.spec.containers.0.readinessProbe.timeoutSeconds", "9"},
	"resizePolicy":                  {`[{resourceName: cpu, restartPolicy: NotRequired}]`, "spec.template.spec.containers.0.resizePolicy", ""},
	"resources":                     {`{limits: {cpu: 2}, requests: {ephemeral-storage: 1Gi}}`, "spec.template.spec.containers.0.resources.requests.ephemeral-storage", "1Gi"},
	"revisionHistoryLimit":          {`3`, "spec.revisionHistoryLimit", ""},
	"rollout":                       {`{rollingUpdate: {maxUnavailable: 20%}}`, "", "{maxUnavailable: 20%}"},
	"runtimeClassName":              {`kata`, "spec.template.spec.runtimeClassName", ""},
	"schedulerName":                 {`other`, "spec.template.spec.schedulerName", ""},
	"securityContext":               {`{seLinuxOptions: {type: spc_t}}`, "spec.template.spec.containers.0.securityContext.seLinuxOptions", "{type: spc_t}"},
	"serviceAccount":                {`{name: mine}`, "spec.template.spec.serviceAccountName", "mine"},
	"shareProcessNamespace":         {`true`, "spec.template.spec.shareProcessNamespace", ""},
	"startupProbe":                  {`{failureThreshold: 99}`, "spec.template.spec.containers.0.startupProbe.failureThreshold", "99"},
	"terminationGracePeriodSeconds": {`3600000`, "spec.template.spec.terminationGracePeriodSeconds", ""},
	"tolerations":                   {`[{key: a, operator: Exists}]`, "spec.template.spec.tolerations", ""},
	"topologySpreadConstraints": {
		`[{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]`,
		"spec.template.spec.topologySpreadConstraints", "",
	},
}

// Values of pods apply to all workloads of a release, those in a section to one alone.
func TestChartPodValues(t *testing.T) {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(podValues)) {
		all.WriteString(name + ": " + podValues[name].value + "\n")
	}
	for mode, components := range workloads {
		t.Run(mode, func(t *testing.T) {
			rendered := renderChart(t, "mode: "+mode+"\n"+all.String())
			for component, kind := range components {
				checkPodValues(t, workload(t, rendered, kind, component), kind, true)
			}
			for component := range components {
				rendered = renderChart(t, "mode: "+mode+"\n"+component+":\n  "+strings.ReplaceAll(all.String(), "\n", "\n  "))
				for other, kind := range components {
					checkPodValues(t, workload(t, rendered, kind, other), kind, other == component)
				}
			}
		})
	}
}

func checkPodValues(t *testing.T, o object, kind string, has bool) {
	t.Helper()
	for name, v := range podValues {
		want := v.want
		if want == "" {
			want = v.value
		}
		path := v.path
		if name == "rollout" {
			path = map[string]string{"DaemonSet": "spec.updateStrategy", "Deployment": "spec.strategy", "StatefulSet": "spec.updateStrategy"}[kind] + ".rollingUpdate"
		}
		list, more := strings.CutSuffix(path, "+")
		got := dig(o, list)
		switch {
		case more && has:
			assert.Subset(t, got, parse(t, want), name)
		case more:
			if got != nil {
				assert.NotSubset(t, got, parse(t, want), name)
			}
		case has:
			assert.Equal(t, parse(t, want), got, name)
		default:
			assert.NotEqual(t, parse(t, want), got, name)
		}
	}
}

// Maps in a section are merged with the general ones, and lists replace them.
func TestChartMergesPodValues(t *testing.T) {
	rendered := renderChart(t, `
mode: sampling
podLabels: {a: general, b: general}
tolerations: [{key: general}]
podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}
resources: {limits: {cpu: 1}}
sampler:
  podLabels: {b: own}
  tolerations: []
  securityContext: {readOnlyRootFilesystem: false}
  resources: {limits: {memory: 3Gi}}`)
	sampler := workload(t, rendered, "StatefulSet", "sampler")
	assert.Equal(t, "general", dig(sampler, "spec.template.metadata.labels.a"))
	assert.Equal(t, "own", dig(sampler, "spec.template.metadata.labels.b"))
	assert.Nil(t, dig(sampler, "spec.template.spec.tolerations"))
	assert.Equal(t, false, dig(sampler, "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem"))
	assert.Equal(t, parse(t, `{limits: {cpu: 1, memory: 3Gi}, requests: {cpu: 500m, memory: 3Gi}}`), dig(sampler, "spec.template.spec.containers.0.resources"),
		"the request follows the limit, as do the limits of the collector, which are percentages")
	assert.Equal(t, parse(t, `{runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}`), dig(sampler, "spec.template.spec.securityContext"),
		"OpenShift assigns what is null")
	gateway := workload(t, rendered, "Deployment", "gateway")
	assert.Equal(t, parse(t, `[{key: general}]`), dig(gateway, "spec.template.spec.tolerations"))
	assert.Equal(t, parse(t, `{limits: {cpu: 1, memory: 1024Mi}, requests: {cpu: 500m, memory: 1024Mi}}`), dig(gateway, "spec.template.spec.containers.0.resources"))
}

// Each value is in values.yaml with a description, in the schema, and in a test; the
// schema accepts values of pods in each section.
func TestChartValuesAreDescribed(t *testing.T) {
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(harness.Root(t), chart, name))
		require.NoError(t, err)
		return content
	}
	var schema object
	require.NoError(t, json.Unmarshal(read("values.schema.json"), &schema))
	names := slices.Sorted(maps.Keys(dig(schema, "$defs.pods.properties").(object)))
	assert.Equal(t, names, slices.Sorted(maps.Keys(podValues)))
	pattern := regexp.MustCompile(`"\^\(([^"]*)\)\$": true`)
	for _, match := range pattern.FindAllSubmatch(read("values.schema.json"), -1) {
		listed := strings.Split(string(match[1]), "|")
		slices.Sort(listed)
		assert.Equal(t, names, listed)
	}

	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(read("values.yaml"), &document))
	described := map[string]bool{}
	var walk func(node *yaml.Node, path string)
	walk = func(node *yaml.Node, path string) {
		for i := 0; i < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			name := strings.TrimPrefix(path+"."+key.Value, ".")
			switch {
			case strings.Contains(key.HeadComment, "# -- "):
				described[name] = true
			case value.Kind == yaml.MappingNode && len(value.Content) > 0:
				walk(value, name)
			default:
				assert.Fail(t, "no description", name)
			}
		}
	}
	walk(document.Content[0], "")
	for _, name := range slices.Concat(names, schemaValues(schema, schema, "")) {
		assert.True(t, described[name] || slices.ContainsFunc(slices.Collect(maps.Keys(described)), func(other string) bool {
			return strings.HasPrefix(name, other+".") || strings.HasPrefix(other, name+".")
		}), "%s is not in values.yaml", name)
	}
}

// schemaValues returns the paths of the values that a schema has, except for those of
// pods and of a parent chart.
func schemaValues(root, schema object, path string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		schema = dig(root, strings.ReplaceAll(strings.TrimPrefix(ref, "#/"), "/", ".")).(object)
	}
	properties, _ := schema["properties"].(object)
	var names []string
	for name, property := range properties {
		full := strings.TrimPrefix(path+"."+name, ".")
		if full == "enabled" || full == "global" {
			continue
		}
		if inner := schemaValues(root, property.(object), full); len(inner) > 0 {
			names = append(names, inner...)
		} else {
			names = append(names, full)
		}
	}
	return names
}
