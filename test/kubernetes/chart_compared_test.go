// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"flag"
	"fmt"
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

// Files of other charts, with which the table is written again:
//
//	go test -tags=kubernetes -run=TestChartCompared ./test/kubernetes -args -otel=values.yaml -splunk=values.yaml
var (
	otelValues   = flag.String("otel", "", "values.yaml of opentelemetry-helm-charts' opentelemetry-collector")
	splunkValues = flag.String("splunk", "", "values.yaml of splunk-otel-collector-chart")
)

const (
	comparedPage  = "docs/helm-compared.md"
	comparedStart = "<!-- generated: values -->\n"
	comparedEnd   = "<!-- generated end -->\n"
)

// otherNames are our names of values that opentelemetry-helm-charts has under another
// name, or why there is no such value.
var otherNames = map[string]string{
	"alternateConfig":                 "`config`",
	"apiVersion":                      "always `apps/v1`",
	"clusterRole.clusterRoleBinding":  "named after the release",
	"command.name":                    "the image has one collector",
	"configMap":                       "always the chart's, from `config`",
	"enableConfigChecksumAnnotation":  "always",
	"internalTelemetryViaOTLP":        "`config`",
	"mode":                            "`mode`: agents, gateways, tail sampling, Kafka, sidecars",
	"ports.jaeger-compact":            "`config`",
	"ports.jaeger-grpc":               "`config`",
	"ports.jaeger-thrift":             "`config`",
	"ports.zipkin":                    "`config`",
	"presets":                         "`mode`",
	"rewriteDeprecatedComponentNames": "not needed",
	"statefulset.persistentVolumeClaimRetentionPolicy": "`whenDeleted`; a removed replica's claim is always retained",
	"serviceAccount.automountServiceAccountToken":      "only pods that need one have a token",
	"useGOMEMLIMIT": "always: `gc_tuner`, from the memory limit",
}

// splunkNames are the names that splunk-otel-collector-chart has for the same.
var splunkNames = map[string]string{
	"additionalLabels":            "commonLabels",
	"clusterRole":                 "rbac",
	"apm.dataKey":                 "splunkObservability.accessToken",
	"apm.endpoint":                "splunkObservability.ingestUrl",
	"apm.existingSecret":          "secret.name",
	"image":                       "image.otelcol",
	"imagePullSecrets":            "image.imagePullSecrets",
	"podDisruptionBudget.enabled": "podDisruptionBudget",
	"rollout.strategy":            "updateStrategy",
	"rollout.rollingUpdate":       "maxUnavailable",
	"securityContext":             "containerSecurityContext",
}

// chartValues are the values of a chart: the paths in its values.yaml, and its text, in
// which some values are comments.
type chartValues struct {
	paths map[string]bool
	text  string
}

func readValues(t *testing.T, file string) chartValues {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var values object
	require.NoError(t, yaml.Unmarshal(content, &values))
	v := chartValues{map[string]bool{}, string(content)}
	v.add(values, "")
	return v
}

func (v chartValues) add(values object, path string) {
	for key, value := range values {
		full := strings.TrimPrefix(path+"."+key, ".")
		v.paths[full] = true
		if inner, ok := value.(object); ok {
			v.add(inner, full)
		}
	}
}

// has reports whether the chart has a value, at least as a comment in the section.
func (v chartValues) has(path string) bool {
	if v.paths[path] {
		return true
	}
	section, key, found := strings.Cut(path, ".")
	if !found {
		return false
	}
	start := strings.Index("\n"+v.text, "\n"+section+":")
	if start < 0 {
		return false
	}
	rest := v.text[start:]
	if end := regexp.MustCompile(`\n[a-zA-Z]`).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return regexp.MustCompile(`(?m)^ +# *` + regexp.QuoteMeta(key[strings.LastIndex(key, ".")+1:]) + `:`).MatchString(rest)
}

// The page compares the values of three charts. Ours are all in it.
func TestChartCompared(t *testing.T) {
	ours := readValues(t, filepath.Join(harness.Root(t), chart, "values.yaml"))
	page := filepath.Join(harness.Root(t), comparedPage)
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(content), comparedStart)
	require.True(t, found)
	table, after, found := strings.Cut(rest, comparedEnd)
	require.True(t, found)
	if *otelValues != "" && *splunkValues != "" {
		table = compare(ours, readValues(t, *otelValues), readValues(t, *splunkValues))
		require.NoError(t, os.WriteFile(page, []byte(before+comparedStart+table+comparedEnd+after), 0o600))
	}
	listed := map[string]bool{}
	for _, row := range strings.Split(table, "\n") {
		if cells := strings.Split(row, " | "); len(cells) == 4 {
			name := strings.Trim(cells[0], "| `")
			listed[name] = true
			if strings.HasPrefix(cells[3], "yes") {
				assert.True(t, ours.has(name), "%s is not in values.yaml", name)
			}
		}
	}
	for _, path := range comparedPaths(ours) {
		assert.True(t, listed[path], "%s is not in %s", path, comparedPage)
	}
}

// comparedPaths returns the values of a chart that a row is about: those of a section are
// rows of their own, unless the section is a piece of an object.
func comparedPaths(v chartValues) []string {
	var rows []string
	for path := range v.paths {
		section, key, nested := strings.Cut(path, ".")
		switch {
		case nested && (strings.Contains(key, ".") || slices.Contains([]string{"presets", "config", "alternateConfig", "configMap", "podSecurityContext", "securityContext", "livenessProbe", "readinessProbe", "startupProbe", "mode"}, section)):
		case !nested && slices.ContainsFunc(slices.Collect(maps.Keys(v.paths)), func(other string) bool { return strings.HasPrefix(other, path+".") }) &&
			!slices.Contains([]string{"presets", "config", "configMap", "podSecurityContext", "securityContext", "livenessProbe", "readinessProbe", "startupProbe"}, section):
		default:
			rows = append(rows, path)
		}
	}
	slices.Sort(rows)
	return rows
}

func compare(ours, otel, splunk chartValues) string {
	rows := slices.Concat(comparedPaths(ours), comparedPaths(otel))
	slices.Sort(rows)
	var b strings.Builder
	b.WriteString("| Value | opentelemetry-helm-charts | splunk-otel-collector-chart | ours |\n|---|---|---|---|\n")
	for _, path := range slices.Compact(rows) {
		first, _, _ := strings.Cut(path, ".")
		mine := "no"
		_, pods := podValues[first]
		other, named := otherNames[path]
		if !named {
			other, named = otherNames[first]
		}
		switch {
		case pods && ours.has(path):
			mine = "yes, also for each workload"
		case named:
			mine = other
		case ours.has(path):
			mine = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", path, map[bool]string{true: "yes", false: "no"}[otel.has(path)], splunk.sections(path), mine)
	}
	return b.String()
}

// sections says where splunk-otel-collector-chart has a value.
func (v chartValues) sections(path string) string {
	first, rest, nested := strings.Cut(path, ".")
	names := []string{path}
	if name, ok := splunkNames[path]; ok {
		names = append(names, name)
	} else if name, ok := splunkNames[first]; ok && nested {
		names = append(names, name+"."+rest)
	} else if ok {
		names = append(names, name)
	}
	var found []string
	for _, name := range names {
		if v.has(name) {
			return "yes"
		}
		for _, section := range []string{"agent", "gateway", "clusterReceiver"} {
			if v.has(section+"."+name) && !slices.Contains(found, section) {
				found = append(found, section)
			}
		}
	}
	if len(found) == 0 {
		return "no"
	}
	return strings.Join(found, ", ")
}
