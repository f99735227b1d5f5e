// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

// The signals of one exporter share a Discoverer. The last one shuts it down.
func TestSignalsShareADiscoverer(t *testing.T) {
	var shared Shared
	one, other := new(int), new(int)
	set := testSettings(componenttest.NewNopTelemetrySettings())
	first, err := shared.Get(one, set)
	require.NoError(t, err)
	second, err := shared.Get(one, set)
	require.NoError(t, err)
	assert.Same(t, first, second)
	apart, err := shared.Get(other, set)
	require.NoError(t, err)
	assert.NotSame(t, first, apart)
	apart.Shutdown()

	first.Shutdown()
	third, err := shared.Get(one, set)
	require.NoError(t, err)
	assert.Same(t, first, third, "one signal still runs")
	second.Shutdown()
	third.Shutdown()
	assert.Empty(t, shared.byConfig)
}

// Wrong settings are an error at once.
func TestDomainIDIsChecked(t *testing.T) {
	var shared Shared
	set := testSettings(componenttest.NewNopTelemetrySettings())
	set.DomainID = "ocid1.instance.oc1.fra.amaaaaaaexample"
	_, err := shared.Get(new(int), set)
	require.ErrorContains(t, err, "apm_domain_id: ")
	assert.Empty(t, shared.byConfig)
}
