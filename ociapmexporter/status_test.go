// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadatatest"
)

// last returns the newest status event, and how many there were.
func (h *statusHost) last() (*componentstatus.Event, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[len(h.events)-1], len(h.events)
}

// The component status has the last upload, since when uploads fail, and how full the
// queue is.
func TestStatusFigures(t *testing.T) {
	sandbox := startSandbox(t)
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = sandbox.URL()
	cfg.DataKey = testKey
	queue := cfg.QueueConfig.Get()
	queue.Sizer, queue.QueueSize = exporterhelper.RequestSizerTypeItems, 50
	queue.Batch = configoptional.None[exporterhelper.BatchConfig]()
	queue.NumConsumers = 1
	base, err := newBaseExporter(cfg, metadatatest.NewSettings(telemetry), tracesSignal(), nil)
	require.NoError(t, err)
	exp, err := newTracesExporter(t.Context(), metadatatest.NewSettings(telemetry), cfg, base)
	require.NoError(t, err)
	host := &statusHost{Host: componenttest.NewNopHost()}
	require.NoError(t, exp.Start(t.Context(), host))
	defer func() {
		sandbox.ClearFaults()
		require.NoError(t, exp.Shutdown(context.Background()))
	}()
	figure := func(name string) any {
		event, _ := host.last()
		return event.Attributes().AsRaw()[name]
	}
	count := func() int {
		host.mu.Lock()
		defer host.mu.Unlock()
		return len(host.events)
	}

	require.Eventually(t, func() bool { return count() == 1 }, 10*time.Second, time.Millisecond, "the check on startup is the first upload")
	event, _ := host.last()
	assert.Equal(t, componentstatus.StatusOK, event.Status())
	uploaded, err := time.Parse(time.RFC3339, figure("last_upload").(string))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), uploaded, time.Minute)
	assert.Equal(t, map[string]any{
		"last_upload": figure("last_upload"), "queue_size": int64(0), "queue_capacity": int64(50), "queue_unit": "items", "queue_used_percent": 0.0,
	}, event.Attributes().AsRaw())
	base.report.health.refresh()
	assert.Equal(t, 1, count(), "nothing has changed")

	_, err = sandbox.AddFault(apm.Fault{Status: 503})
	require.NoError(t, err)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(10)))
	require.Eventually(t, func() bool { return count() == 2 }, 10*time.Second, time.Millisecond)
	base.report.health.refresh()
	event, _ = host.last()
	assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	require.ErrorContains(t, event.Err(), "503")
	assert.InDelta(t, 20, figure("queue_used_percent"), 0)
	since := figure("failing_since")
	assert.NotEmpty(t, since)
	require.NoError(t, exp.ConsumeTraces(t.Context(), traces(30)))
	base.report.health.refresh()
	event, _ = host.last()
	assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	require.ErrorContains(t, event.Err(), "503", "the newest event has the error, too")
	assert.InDelta(t, 80, figure("queue_used_percent"), 0)
	assert.Equal(t, since, figure("failing_since"))
}

// The discovery and the refresh do not overwrite each other's status.
func TestStatusOfTheDiscovery(t *testing.T) {
	host := &statusHost{Host: componenttest.NewNopHost()}
	health := &health{host: host, queue: &queueGauges{}}
	discovery := discoveryHost{host: host, health: health}
	discovery.Report(componentstatus.NewRecoverableErrorEvent(errors.New("OCI refuses")))
	health.refresh()
	event, events := host.last()
	assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	require.ErrorContains(t, event.Err(), "OCI refuses")
	assert.Contains(t, event.Attributes().AsRaw(), "failing_since")
	assert.Equal(t, 1, events)
	discovery.Report(componentstatus.NewEvent(componentstatus.StatusOK))
	event, _ = host.last()
	assert.Equal(t, componentstatus.StatusOK, event.Status())
	assert.Empty(t, discovery.GetExtensions())
}

// Without metrics there are no figures of the queue, and no wrong ones.
func TestStatusWithoutMetrics(t *testing.T) {
	queue := &queueGauges{}
	meter := queue.provider(noop.NewMeterProvider()).Meter("x")
	for _, name := range []string{queueSizeGauge, queueCapacityGauge} {
		gauge, err := meter.Int64ObservableGauge(name)
		require.NoError(t, err)
		_, err = meter.RegisterCallback(nil, gauge)
		require.NoError(t, err)
	}
	size, capacity := queue.read(t.Context())
	assert.Zero(t, size)
	assert.Zero(t, capacity)
	assert.Nil(t, queue.provider(nil))
}
