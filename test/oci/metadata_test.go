// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// sendSignals sends a span, a metric and a log record of a resource over OTLP and
// returns the resource's attributes as they are stored, by signal.
func (c *cloud) sendSignals(t *testing.T, collector *harness.Collector, resource string) map[string]map[string]any {
	t.Helper()
	const when = `"1795384800000000000"`
	for path, body := range map[string]string{
		"/v1/traces":  `{"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "kind": 2, "name": "GET /", "startTimeUnixNano": ` + when + `, "endTimeUnixNano": ` + when + `}]}]}]}`,
		"/v1/metrics": `{"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"metrics": [{"name": "requests", "gauge": {"dataPoints": [{"timeUnixNano": ` + when + `, "asInt": "1"}]}}]}]}]}`,
		"/v1/logs":    `{"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"logRecords": [{"timeUnixNano": ` + when + `, "body": {"stringValue": "hello"}}]}]}]}`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+collector.HTTP+path, strings.NewReader(strings.ReplaceAll(body, "RESOURCE", resource)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}

	stored := map[string]map[string]any{}
	require.Eventually(t, func() bool {
		keep := func(signal string, resource pcommon.Resource) { stored[signal] = resource.Attributes().AsRaw() }
		if traces := c.uploads.StoredTraces(); traces.SpanCount() > 0 {
			keep("traces", traces.ResourceSpans().At(0).Resource())
		}
		if metrics := c.uploads.StoredMetrics(); metrics.MetricCount() > 0 {
			keep("metrics", metrics.ResourceMetrics().At(0).Resource())
		}
		if logs := c.uploads.StoredLogs(); logs.LogRecordCount() > 0 {
			keep("logs", logs.ResourceLogs().At(0).Resource())
		}
		return len(stored) == 3
	}, awaitTimeout, pollInterval)
	return stored
}

// The effect of oci-resource.yaml on each signal, attribute by attribute.
func TestResourceAttributes(t *testing.T) {
	t.Parallel()
	const shop = `{"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}`
	hostname, err := os.Hostname()
	require.NoError(t, err)
	compute := func(instance map[string]any) map[string]any {
		return map[string]any{
			"service.name":                "shop",
			"cloud.provider":              "oracle_cloud",
			"cloud.platform":              "oracle_cloud_compute",
			"cloud.region":                "us-phoenix-1",
			"cloud.availability_zone":     instance["availabilityDomain"],
			"cloud.account.id":            instance["tenantId"],
			"cloud.resource_id":           instance["id"],
			"host.id":                     instance["id"],
			"host.type":                   "VM.Standard.E4.Flex",
			"host.name":                   hostname,
			"os.type":                     "linux",
			"oracle_cloud.compartment_id": instance["compartmentId"],
			"oracle_cloud.realm":          "oc1",
		}
	}
	tests := []struct {
		name     string
		metadata map[string]any // custom metadata of the instance
		away     bool           // the metadata service is down
		resource string         // as the app sends it
		env      string         // OTEL_RESOURCE_ATTRIBUTES of the collector
		drills   string         // OTELCOL_APM_DRILLDOWNS of the collector
		want     func(instance map[string]any) map[string]any
	}{
		{
			name: "a Compute instance", resource: shop, want: compute,
		},
		{
			name: "a node of OKE", resource: shop, env: "host.name=10.0.10.2,k8s.node.name=10.0.10.2",
			metadata: map[string]any{"oke-cluster-id": "ocid1.cluster.oc1.phx.aaaaexamplecluster", "oke-cluster-display-name": `shop "1" ${env:HOME}`},
			want: func(instance map[string]any) map[string]any {
				return map[string]any{
					"service.name":                "shop",
					"cloud.provider":              "oracle_cloud",
					"cloud.platform":              "oracle_cloud_oke",
					"cloud.region":                "us-phoenix-1",
					"cloud.availability_zone":     instance["availabilityDomain"],
					"cloud.account.id":            instance["tenantId"],
					"cloud.resource_id":           instance["id"],
					"host.id":                     instance["id"],
					"host.type":                   "VM.Standard.E4.Flex",
					"host.name":                   "10.0.10.2",
					"k8s.node.name":               "10.0.10.2",
					"k8s.cluster.name":            `shop "1" ${env:HOME}`,
					"os.type":                     "linux",
					"oracle_cloud.compartment_id": instance["compartmentId"],
					"oracle_cloud.realm":          "oc1",
					"oracle_cloud.oke_cluster_id": "ocid1.cluster.oc1.phx.aaaaexamplecluster",
				}
			},
		},
		{
			name: "attributes of the app take precedence",
			resource: `{"attributes": [
				{"key": "cloud.platform", "value": {"stringValue": "oracle_cloud_functions"}},
				{"key": "host.name", "value": {"stringValue": "container-1"}},
				{"key": "k8s.cluster.name", "value": {"stringValue": "mine"}},
				{"key": "oracle_cloud.compartment_id", "value": {"stringValue": "my compartment"}}]}`,
			metadata: map[string]any{"oke-cluster-id": "ocid1.cluster.oc1.phx.aaaaexamplecluster"},
			want: func(instance map[string]any) map[string]any {
				return map[string]any{
					"cloud.provider":              "oracle_cloud",
					"cloud.platform":              "oracle_cloud_functions",
					"cloud.region":                "us-phoenix-1",
					"cloud.availability_zone":     instance["availabilityDomain"],
					"cloud.account.id":            instance["tenantId"],
					"cloud.resource_id":           instance["id"],
					"host.id":                     instance["id"],
					"host.type":                   "VM.Standard.E4.Flex",
					"host.name":                   "container-1",
					"k8s.cluster.name":            "mine",
					"os.type":                     "linux",
					"oracle_cloud.compartment_id": "my compartment",
					"oracle_cloud.realm":          "oc1",
					"oracle_cloud.oke_cluster_id": "ocid1.cluster.oc1.phx.aaaaexamplecluster",
				}
			},
		},
		{
			name: "without the names of drill-downs", resource: shop, drills: "false", want: compute,
		},
		{
			name: "not on OCI", away: true, resource: shop,
			want: func(map[string]any) map[string]any {
				return map[string]any{"service.name": "shop", "host.name": hostname, "os.type": "linux"}
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{Region: "us-phoenix-1"})
			c.SetInstanceMetadata(test.metadata)
			if test.away {
				c.fault(t, oci.Fault{Service: oci.ServiceMetadata, Down: true})
			}
			collector := harness.StartCollector(t, harness.CollectorOptions{
				Endpoint: c.UploadEndpoint(), DataKey: c.privateKey(t),
				Environment: append(c.Environment(), "OTEL_RESOURCE_ATTRIBUTES="+test.env, "OTELCOL_APM_DRILLDOWNS="+test.drills),
				Arguments:   []string{"--config", harness.ConfigFile(t, "oci-resource.yaml")},
			})
			want := test.want(c.InstanceMetadata())
			for signal, got := range c.sendSignals(t, collector, test.resource) {
				if signal == "traces" && !test.away && test.drills == "" {
					assert.Equal(t, want["cloud.region"], got["OciRegion"])
					assert.Equal(t, want["oracle_cloud.compartment_id"], got["OciCompartmentId"])
					assert.Equal(t, want["host.id"], got["OciInstanceId"])
					for _, name := range []string{"OciRegion", "OciCompartmentId", "OciInstanceId"} {
						delete(got, name)
					}
				}
				assert.Equal(t, want, got, signal)
			}
			// The configuration is read once, and the detector probes and requests once
			// for each signal.
			assert.LessOrEqual(t, c.Count(oci.OperationMetadata, http.StatusOK), 7)
		})
	}
}

// A value without a default keeps the collector from starting, and the error explains
// why.
func TestMetadataMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value, want string
		away              bool
	}{
		{name: "no such value", value: "${ocimetadata:metadata.oke-cluster-id}", want: `this instance has no "metadata.oke-cluster-id"; write ${ocimetadata:metadata.oke-cluster-id:-default} if the value may be missing`},
		{name: "not on OCI", value: "${ocimetadata:compartmentId}", away: true, want: "read the metadata of this instance at http://169.254.169.254/opc/v2/instance/: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{})
			c.SetInstanceMetadata(nil)
			if test.away {
				c.fault(t, oci.Fault{Service: oci.ServiceMetadata, Down: true})
			}
			env := append(c.Environment(), "APM_ENDPOINT="+c.UploadEndpoint(), "APM_DATA_KEY="+c.privateKey(t))
			output, code := harness.RunCollector(t, env, "--config", harness.ConfigFile(t, "agent.yaml"),
				"--config", "yaml:processors::resource: {attributes: [{key: a, action: insert, value: '"+test.value+"'}]}")
			assert.Equal(t, 1, code)
			assert.Contains(t, output, "ocimetadata: "+test.want)
		})
	}
}
