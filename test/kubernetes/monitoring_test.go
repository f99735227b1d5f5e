// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const monitoring = ",podMonitor.enabled=true,serviceMonitor.enabled=true,prometheusRule.enabled=true,prometheusRule.extraLabels.release=kps" +
	",dashboard.enabled=true,podMonitor.metricsEndpoints[0].port=metrics,podMonitor.metricsEndpoints[0].interval=15s"

// What the chart creates for Prometheus Operator and Grafana is accepted by the API
// server, selects all collectors of the release, and has the alerts and the dashboard of
// this repository.
func TestChartMonitoring(t *testing.T) {
	installCRDs(t, os.Getenv("PROMETHEUS_CRDS"), "monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml", "monitoring.coreos.com_servicemonitors.yaml")
	namespace(t, gateways, "restricted")
	for _, mode := range []string{"mode=agent", "mode=sampling", "mode=kafka,kafka.brokers=a:9092"} {
		t.Run(mode, func(t *testing.T) {
			manifests := renderRelease(t, release{gateways, mode + monitoring})
			output := command(t, manifests, "kubectl", "apply", "-n", gateways, "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
			assert.Contains(t, output, "podmonitor.monitoring.coreos.com/otelcol-ociapm serverside-applied")
			assert.Contains(t, output, "servicemonitor.monitoring.coreos.com/otelcol-ociapm serverside-applied")
			assert.Contains(t, output, "prometheusrule.monitoring.coreos.com/otelcol-ociapm serverside-applied")
			checkMonitors(t, objects(t, manifests))
		})
	}
	t.Run("mode=sidecar", func(t *testing.T) {
		for _, o := range objects(t, renderRelease(t, release{gateways, "mode=sidecar,podMonitor.enabled=true,serviceMonitor.enabled=true"})) {
			assert.NotContains(t, []string{"PodMonitor", "ServiceMonitor", "Service"}, o["kind"], "the release has no collectors")
		}
	})
}

func checkMonitors(t *testing.T, all []object) {
	t.Helper()
	found := map[string]object{} // by kind, the Service by its own
	pods := 0
	for _, o := range all {
		kind, name := o["kind"].(string), at(o, "metadata", "name").(string)
		switch {
		case kind != "Service" && kind != "ConfigMap":
			found[kind] = o
		case name == "otelcol-ociapm-metrics", name == "otelcol-ociapm-dashboard":
			found[kind] = o
		}
	}
	service := found["Service"]
	require.NotNil(t, service)
	require.NotNil(t, found["ConfigMap"])
	assert.Equal(t, "metrics", at(service, "spec", "ports").([]any)[0].(object)["name"])
	assertSelects(t, at(found["ServiceMonitor"], "spec", "selector", "matchLabels"), at(service, "metadata", "labels"))
	for _, o := range all {
		labels := at(o, "spec", "template", "metadata", "labels")
		if labels == nil {
			continue
		}
		pods++
		assertSelects(t, at(found["PodMonitor"], "spec", "selector", "matchLabels"), labels)
		assertSelects(t, at(service, "spec", "selector"), labels)
		collector := containers(at(o, "spec", "template", "spec").(object))
		assert.Contains(t, collector[len(collector)-1]["ports"], object{"name": "metrics", "containerPort": 8888.0, "protocol": "TCP"})
	}
	assert.Positive(t, pods)
	for kind, path := range map[string]string{"PodMonitor": "podMetricsEndpoints", "ServiceMonitor": "endpoints"} {
		endpoint := at(found[kind], "spec", path).([]any)[0].(object)
		assert.Equal(t, "metrics", endpoint["port"])
		assert.Equal(t, []any{object{"targetLabel": "job", "replacement": "otelcol-ociapm"}}, endpoint["relabelings"], "the alerts name the job")
	}
	assert.Equal(t, "15s", at(found["PodMonitor"], "spec", "podMetricsEndpoints").([]any)[0].(object)["interval"])

	rule := found["PrometheusRule"]
	assert.Equal(t, "kps", at(rule, "metadata", "labels", "release"))
	alerts, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "alerts.yaml"))
	require.NoError(t, err)
	var want object
	require.NoError(t, yaml.Unmarshal(alerts, &want))
	assert.Equal(t, want["groups"], at(rule, "spec", "groups"))

	assert.Equal(t, "1", at(found["ConfigMap"], "metadata", "labels", "grafana_dashboard"))
	board, err := os.ReadFile(filepath.Join(harness.Root(t), "deploy", "grafana", "otelcol-ociapm.json"))
	require.NoError(t, err)
	assert.JSONEq(t, string(board), at(found["ConfigMap"], "data", "otelcol-ociapm.json").(string))
}

// assertSelects asserts that a selector is not empty and selects the labels.
func assertSelects(t *testing.T, selector, labels any) {
	t.Helper()
	assert.NotEmpty(t, selector)
	assert.Subset(t, labels, selector)
}
