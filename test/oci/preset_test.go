// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The ready configurations for a Compute instance, started as in docs/oci.md: the only
// setting is an OCID in the environment.
func TestComputePreset(t *testing.T) {
	t.Parallel()
	c := startCloud(t, oci.Config{})
	collector := harness.StartCollector(t, harness.CollectorOptions{
		Arguments: []string{
			"--config", harness.ConfigFile(t, "oci-agent.yaml"),
			"--config", harness.ConfigFile(t, "oci-resource.yaml"),
		},
		Environment: append(c.Environment(), "APM_DOMAIN_ID="+c.DomainID()),
	})
	load := startLoad(t, collector)
	c.awaitStored(t, 100)
	require.NoError(t, c.RotateDataKeys(0))
	c.awaitStored(t, c.uploads.Counts().Spans.Stored+100)
	c.requireAllStored(t, load)

	resource := c.uploads.StoredTraces().ResourceSpans().At(0).Resource().Attributes().AsRaw()
	assert.Contains(t, resource["oracle_cloud.compartment_id"], "ocid1.compartment.")
	require.Zero(t, collector.Stop(t), "exit code")
}
