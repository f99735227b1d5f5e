// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

// Replacing a key while spans flow loses no spans and needs no restart, whether the old
// key becomes invalid at once or both keys are valid for a while.
func TestKeyIsRotatedWhileSpansFlow(t *testing.T) {
	tests := []struct {
		name     string
		exporter string
		grace    time.Duration
		refused  bool // whether APM must refuse the old key first
	}{
		{name: "at once", refused: true},
		{name: "with a grace period, refreshed in time", exporter: "    refresh_interval: 1s\n", grace: 6 * time.Second},
		{name: "with a grace period, not refreshed in time", grace: 3 * time.Second, refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{})
			collector := c.startCollector(t, setup{exporter: tt.exporter})
			load := startLoad(t, collector)
			c.awaitStored(t, 200)

			require.NoError(t, c.RotateDataKeys(tt.grace))
			collector.AwaitOutput(t, `(The data key of the APM domain has changed: uploads use the new one|OCI APM rejects a data key of the domain: uploads use the next one)`)
			c.awaitStored(t, c.uploads.Counts().Spans.Stored+200)
			c.requireAllStored(t, load)

			assert.Equal(t, tt.refused, c.uploads.Counts().Uploads.ByStatus["401"] > 0, "whether APM refused the old key")
			assert.NotContains(t, collector.Output(), "Dropping data")
			require.Zero(t, collector.Stop(t))
		})
	}
}

// Once discovered, a domain needs no control plane: uploads continue with the last
// endpoint and key, the status stays healthy, and the log reports the problem once.
func TestControlPlaneDownAfterDiscovery(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	collector := c.startCollector(t, setup{exporter: "    refresh_interval: 1s\n"})
	load := startLoad(t, collector)
	c.awaitStored(t, 100)

	restore := c.fault(t, oci.Fault{Service: oci.ServiceAPM, Down: true})
	const away = `Refreshing the APM domain failed, will retry: uploads continue with the last endpoint and data key`
	collector.AwaitOutput(t, away+`.*the OCI service for GetApmDomain in us-phoenix-1 does not answer`)
	c.awaitStored(t, c.uploads.Counts().Spans.Stored+500)
	assert.Contains(t, get(t, "http://"+collector.Metrics+"/metrics"), `otelcol_exporter_oci_apm_discoveries`)

	restore()
	collector.AwaitOutput(t, `Requests to OCI about the APM domain succeed again`)
	c.requireAllStored(t, load)
	assert.Equal(t, 1, strings.Count(collector.Output(), away))
	assert.NotContains(t, collector.Output(), "Upload to OCI APM failed, will retry")
}

// The key is rotated while the control plane is down: uploads are queued until it is
// back.
func TestKeyIsRotatedWhileTheControlPlaneIsDown(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	collector := c.startCollector(t, setup{})
	load := startLoad(t, collector)
	c.awaitStored(t, 100)

	restore := c.fault(t, oci.Fault{Service: oci.ServiceAPM, Down: true})
	require.NoError(t, c.RotateDataKeys(0))
	collector.AwaitOutput(t, `Refreshing the APM domain failed, will retry`)
	restore()
	collector.AwaitOutput(t, `The data key of the APM domain has changed`)
	c.requireAllStored(t, load)
}

// A token that expires, or that OCI revokes, is renewed before an upload fails.
func TestTokenExpires(t *testing.T) {
	// The SDK renews a token five minutes before it expires.
	const renewed = 3 * time.Second
	const lifetime = 5*time.Minute + renewed
	tests := []struct {
		name   string
		expire func(*cloud)
		auth   func(*testing.T, *cloud) setup
		asked  oci.Operation // the operation that requests a token
	}{
		{
			name: "of an instance, revoked by OCI", expire: func(c *cloud) { c.ExpireTokens() },
			auth:  func(*testing.T, *cloud) setup { return setup{auth: "type: instance_principal"} },
			asked: oci.OperationX509,
		},
		{
			name: "of an instance, expired", expire: func(*cloud) { time.Sleep(renewed) },
			auth: func(_ *testing.T, c *cloud) setup {
				c.SetTokenLifetime(lifetime)
				return setup{auth: "type: instance_principal"}
			},
			asked: oci.OperationX509,
		},
		{
			name: "of a pod, expired", expire: func(*cloud) { time.Sleep(renewed) },
			auth: func(t *testing.T, c *cloud) setup {
				c.SetTokenLifetime(lifetime)
				return inPod(t, c, setup{})
			},
			asked: oci.OperationWorkloadToken,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startCloud(t, oci.Config{})
			collector := c.startCollector(t, tt.auth(t, c))
			load := startLoad(t, collector)
			c.awaitStored(t, 100)

			assert.Equal(t, 1, c.Count(tt.asked, 200))
			tt.expire(c)
			require.NoError(t, c.RotateDataKeys(0)) // so that the collector calls OCI
			collector.AwaitOutput(t, `The data key of the APM domain has changed`)
			c.requireAllStored(t, load)
			assert.Equal(t, 2, c.Count(tt.asked, 200))
			assert.NotContains(t, collector.Output(), "Refreshing the APM domain failed, will retry")
		})
	}
}

// The upload endpoint is down, but not the control plane: no new discovery, and nothing
// is lost.
func TestUploadEndpointDown(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	collector := c.startCollector(t, setup{})
	load := startLoad(t, collector)
	c.awaitStored(t, 100)
	_, err := c.uploads.AddFault(apm.Fault{Status: 503, Times: 20})
	require.NoError(t, err)
	c.awaitStored(t, c.uploads.Counts().Spans.Stored+500)
	c.requireAllStored(t, load)
	assert.Equal(t, 1, c.Count(oci.OperationListDataKeys, 200))
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	client := http.Client{Timeout: awaitTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", url, content)
	return string(content)
}
