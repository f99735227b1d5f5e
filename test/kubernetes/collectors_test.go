// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// Every collector in the overlays and the chart has a valid configuration and consistent
// limits.
func TestCollectorsOfAllShapes(t *testing.T) {
	for _, s := range shapes {
		t.Run("overlay "+s.overlay, func(t *testing.T) { checkCollectors(t, renderOverlay(t, s.overlay)) })
		for _, r := range s.releases {
			if !strings.HasPrefix(r.values, "mode=sidecar") { // starts no collector
				t.Run("chart "+r.values, func(t *testing.T) { checkCollectors(t, renderRelease(t, r)) })
			}
		}
	}
	for _, values := range []string{
		"mode=gateway," + domain,
		"mode=gateway,apm.auth.type=instance_principal," + domain,
		"mode=sampling," + domain,
		"mode=kafka,kafka.brokers=broker-0:9092," + domain,
		"mode=gateway,gateway.tls.secretName=t,gateway.tls.clientCASecretName=c,gateway.token.secretName=k",
		"mode=gateway,gateway.cors.enabled=true,gateway.cors.allowedOrigins={https://a.test},gateway.cors.secretName=p",
		"agent.gateway=g:4317,agent.gatewayTLS.enabled=true,agent.gatewayTLS.secretName=s,agent.gatewayToken.secretName=k",
		"budget.spansPerHour=100000,apm.existingSecret=s",
		"budget.spansPerHour=1000000,mode=sampling",
		"redMetrics.enabled=true,apm.existingSecret=s",
		"redMetrics.enabled=true,agent.gateway=g:4317",
		"redMetrics.enabled=true,mode=gateway",
		"redMetrics.enabled=true,mode=sampling",
		"redMetrics.enabled=true,mode=kafka,kafka.brokers=broker-0:9092",
		"ports.otlp.containerPort=14317,ports.otlp-http.containerPort=14318,ports.health.containerPort=23133,ports.metrics.containerPort=18888",
	} {
		t.Run("chart "+values, func(t *testing.T) { checkCollectors(t, renderRelease(t, release{gateways, values})) })
	}
}

// Pods that use workload identity have the token for it, can reach the server that
// exchanges it, and have no data key.
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
				case "DaemonSet", "Deployment", "StatefulSet":
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
	files := map[string]object{} // by ConfigMap
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

// checkLimits requires that more frequent garbage collection and refusing data start at
// four fifths of the container's memory limit.
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

// checkConfiguration validates the configuration of a container's collector and returns
// it.
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

// The example for the OpenTelemetry Operator is valid for its custom resource
// definitions.
func TestOperator(t *testing.T) {
	// node.sh has downloaded them.
	installCRDs(t, os.Getenv("OPERATOR_CRDS"), "opentelemetry.io_opentelemetrycollectors.yaml", "opentelemetry.io_instrumentations.yaml")
	namespace(t, appNamespace, "privileged")
	for _, file := range []string{"collector.yaml", "instrumentation.yaml", "app.yaml"} {
		output := kubectl(t, "apply", "-n", appNamespace, "--server-side", "--dry-run=server", "--validate=strict", "-f", filepath.Join("deploy/operator", file))
		assert.Contains(t, output, "serverside-applied")
	}

	// The collector in it is valid.
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
