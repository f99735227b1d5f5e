// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oci tests the built collector against an emulated OCI, which it finds under
// the host names of the real one.
package oci

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
	"github.com/ociapm/otelcol-ociapm/test/harness"
	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

const (
	awaitTimeout = 60 * time.Second
	pollInterval = 20 * time.Millisecond
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// cloud is an emulated OCI with one APM domain.
type cloud struct {
	*oci.Server

	uploads *apm.Server
}

func startCloud(t *testing.T, config oci.Config) *cloud {
	t.Helper()
	uploads, err := apm.New(apm.DefaultConfig(), zap.NewNop())
	require.NoError(t, err)
	server, err := oci.Start(t.Context(), config, uploads, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return &cloud{Server: server, uploads: uploads}
}

// fault makes a service fail until restore is called.
func (c *cloud) fault(t *testing.T, fault oci.Fault) (restore func()) {
	t.Helper()
	state, err := c.AddFault(fault)
	require.NoError(t, err)
	return func() { c.RemoveFault(state.ID) }
}

// setup describes how a test starts a collector against the cloud.
type setup struct {
	domain      string // OCID; that of the cloud's domain if empty
	auth        string // the exporter's auth setting as YAML, on one line
	exporter    string // more settings of the exporter as YAML, indented by four
	environment []string
	wrapper     []string
}

// startCollector starts the built collector with the environment that leads to the
// cloud, and with no credentials except the setup's.
func (c *cloud) startCollector(t *testing.T, s setup) *harness.Collector {
	t.Helper()
	if s.domain == "" {
		s.domain = c.DomainID()
	}
	home := t.TempDir()
	return harness.StartCollector(t, harness.CollectorOptions{
		Config:    configFile(t),
		Overrides: "exporters:\n  oci_apm:\n    auth: {" + s.auth + "}\n" + s.exporter,
		Environment: append(append(c.Environment(), "HOME="+home, "OCI_CONFIG_FILE=", "OCI_RESOURCE_PRINCIPAL_VERSION=",
			"OCI_GO_SDK_DEBUG=verbose", "TEST_DOMAIN_ID="+s.domain), s.environment...),
		Wrapper: s.wrapper,
	})
}

// configFile returns the path of the tests' shared configuration.
func configFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(harness.Root(t), "test", "oci", "testdata", "collector.yaml")
}

// startLoad sends spans to the collector, as two apps do.
func startLoad(t *testing.T, collector *harness.Collector) *otlpload.Load {
	t.Helper()
	var apps []*otlpload.App
	for id := range 2 {
		sender, err := otlpload.NewGRPCSender(collector.GRPC)
		require.NoError(t, err)
		apps = append(apps, otlpload.NewApp(id, sender, otlpload.Options{Pause: 20 * time.Millisecond}))
	}
	load := otlpload.Start(t.Context(), apps...)
	t.Cleanup(load.Abort)
	return load
}

// awaitStored waits until n spans are stored, each counted once.
func (c *cloud) awaitStored(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return c.uploads.Counts().Spans.Stored >= n }, awaitTimeout, pollInterval, "%d spans are not stored", n)
}

// requireAllStored stops the load and requires that every span that the collector
// accepted is stored.
func (c *cloud) requireAllStored(t *testing.T, load *otlpload.Load) {
	t.Helper()
	load.Finish()
	require.Empty(t, load.Refused())
	accepted := load.Accepted()
	require.Positive(t, accepted)
	c.awaitStored(t, accepted)
	require.Equal(t, accepted, c.uploads.Counts().Spans.Stored, "spans in and spans stored")
}

// requireFlow requires that spans sent now are stored.
func (c *cloud) requireFlow(t *testing.T, collector *harness.Collector) {
	t.Helper()
	load := startLoad(t, collector)
	c.awaitStored(t, c.uploads.Counts().Spans.Stored+100)
	c.requireAllStored(t, load)
}

// requireNoSecret requires that none of the secrets is in a text.
func requireNoSecret(t *testing.T, what, text string, secrets map[string]string) {
	t.Helper()
	for name, secret := range secrets {
		require.Greater(t, len(secret), 10, "%s is too short to be looked for", name)
		if strings.Contains(text, secret) {
			t.Errorf("%s is in %s", name, what) // printing the text would reveal it
		}
	}
}
