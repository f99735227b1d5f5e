// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

const (
	testDomainID = "ocid1.apmdomain.oc1.fra.amaaaaaaexample"
	testEndpoint = "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"
	testKey      = "SECRETKEY0123456789"

	refreshInterval = 15 * time.Minute
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// statusHost keeps the status events of a component.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

// Report implements componentstatus.Reporter.
func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// cloud answers the requests of a Discoverer.
type cloud struct {
	mu      sync.Mutex
	info    domainInfo
	err     error
	askedAt []time.Time
}

func (c *cloud) get(context.Context) (domainInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.askedAt = append(c.askedAt, time.Now())
	return c.info, c.err
}

func (*cloud) credentialType() string { return "none" }
func (*cloud) close()                 {}

// set changes the answer.
func (c *cloud) set(err error, keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info, c.err = domainInfo{name: "shop", endpoint: testEndpoint, keys: keys}, err
}

func (c *cloud) times() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.askedAt
}

// testSettings returns settings for a domain in Frankfurt.
func testSettings(set component.TelemetrySettings) Settings {
	return Settings{
		DomainID: testDomainID, RefreshInterval: refreshInterval, ReminderInterval: 5 * time.Minute,
		UserAgent: "test/1.0", ExporterID: component.NewIDWithName(metadata.Type, "test"), Telemetry: set,
	}
}

// startDomain starts a Discoverer inside a synctest bubble.
func startDomain(t *testing.T, c *cloud) (*Discoverer, *observer.ObservedLogs, *statusHost) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	set := componenttest.NewNopTelemetrySettings()
	set.Logger = zap.New(core)
	d, err := newDiscoverer(testSettings(set), c)
	require.NoError(t, err)
	host := &statusHost{Host: componenttest.NewNopHost()}
	d.Start(host)
	t.Cleanup(d.Shutdown)
	return d, logs, host
}

// The startup does not wait. Uploads wait a while, fail, and succeed as soon as OCI has
// answered.
func TestDomainIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		c.set(&queryError{kind: "not_allowed", err: errors.New("write the policy")})
		begin := time.Now()
		d, logs, host := startDomain(t, c)
		assert.Zero(t, time.Since(begin), "starting waits")

		_, _, err := d.Resolve(t.Context())
		require.ErrorIs(t, err, ErrUndiscovered)
		require.ErrorContains(t, err, "the APM domain is not discovered yet: write the policy")
		assert.Equal(t, resolveTimeout, time.Since(begin))

		c.set(nil, testKey)
		require.NoError(t, d.WaitReady(t.Context()))
		urls, key, err := d.Resolve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, testKey, key)
		assert.Equal(t, testEndpoint+"/20200101/opentelemetry/v1/traces", urls.Traces)

		synctest.Wait()
		assert.Equal(t, 1, logs.FilterMessage("The APM domain cannot be discovered: uploads are queued and retried").Len())
		assert.Equal(t, 1, logs.FilterMessageSnippet("Discovered the APM domain").Len())
		host.mu.Lock()
		defer host.mu.Unlock()
		require.Len(t, host.events, 2)
		assert.Equal(t, componentstatus.StatusRecoverableError, host.events[0].Status())
		assert.Equal(t, componentstatus.StatusOK, host.events[1].Status())
	})
}
