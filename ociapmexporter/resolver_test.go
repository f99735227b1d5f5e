// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

const testDomainID = "ocid1.apmdomain.oc1.fra.amaaaaaaexample"

func domainConfig() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.APMDomainID = testDomainID
	return cfg
}

// The signals of one configuration share a discovery. Other configurations have their
// own.
func TestSignalsShareTheDiscovery(t *testing.T) {
	cfg, discoverers := domainConfig(), &discovery.Shared{}
	set := nopSettings(zap.NewNop())
	traces, err := newBaseExporter(cfg, set, tracesSignal(), discoverers)
	require.NoError(t, err)
	logs, err := newBaseExporter(cfg, set, logsSignal(), discoverers)
	require.NoError(t, err)
	assert.Same(t, traces.resolver, logs.resolver)
	other, err := newBaseExporter(domainConfig(), set, metricsSignal(), discoverers)
	require.NoError(t, err)
	assert.NotSame(t, traces.resolver, other.resolver)
	require.NoError(t, traces.shutdown(t.Context()))
	require.NoError(t, logs.shutdown(t.Context()))
	require.NoError(t, other.shutdown(t.Context()))
}

func TestPublicKeyOfADomain(t *testing.T) {
	cfg := domainConfig()
	cfg.DataKeyType = DataKeyTypePublic
	_, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.ErrorIs(t, err, errPublicKeySignal)
}

// The exporter remembers which path of an endpoint works until the endpoint changes.
func TestDestinationIsKept(t *testing.T) {
	d := &destination{logger: zap.NewNop()}
	first := d.of("https://a/v1", "https://a/private/v1")
	first.use("https://a/private/v1")
	assert.Same(t, first, d.of("https://a/v1", "https://a/private/v1"))
	assert.Equal(t, "https://a/private/v1", d.of("https://a/v1", "https://a/private/v1").current())
	assert.Equal(t, "https://b/v1", d.of("https://b/v1", "https://b/private/v1").current())
}
