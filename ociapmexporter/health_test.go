// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/metadata"
)

// statusHost keeps the status events of a component.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// However many uploads fail, the log has one line for each change, with a count, and the
// component status agrees.
func TestHealthIsReportedOnChange(t *testing.T) {
	sandbox := startSandbox(t)
	core, logs := observer.New(zap.InfoLevel)
	set := exportertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	cfg := directConfig(sandbox.URL())
	exp, err := NewFactory().CreateTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	host := &statusHost{Host: componenttest.NewNopHost()}
	require.NoError(t, exp.Start(t.Context(), host))
	defer func() { require.NoError(t, exp.Shutdown(t.Context())) }()

	send := func(fault apm.Fault, times int) {
		if fault != (apm.Fault{}) {
			fault.Times = times
			_, err := sandbox.AddFault(fault)
			require.NoError(t, err)
		}
		for range times {
			_ = exp.ConsumeTraces(t.Context(), traces(1))
		}
	}
	send(apm.Fault{}, 2)
	send(apm.Fault{Status: 401, Message: "unknown data key"}, 40)
	send(apm.Fault{Status: 503}, 40)
	send(apm.Fault{}, 2)
	send(apm.Fault{Down: true}, 40)
	send(apm.Fault{}, 2)

	type line struct{ message, errorHas string }
	var said []line
	for _, entry := range logs.All() {
		if !strings.Contains(entry.Message, "to OCI APM") {
			continue // a line of exporterhelper, which does not retry here
		}
		text, _ := entry.ContextMap()["error"].(string)
		said = append(said, line{entry.Message, text})
		assert.NotContains(t, text, testKey)
	}
	require.Len(t, said, 5, said)
	for i, want := range []line{
		{"Upload to OCI APM failed, will retry", "401 Unauthorized: unknown data key; check that the data key belongs to this domain"},
		{"Upload to OCI APM failed, will retry", "503 Service Unavailable"},
		{"Uploads to OCI APM succeed again", ""},
		{"Upload to OCI APM failed, will retry", "upload to OCI APM failed"},
		{"Uploads to OCI APM succeed again", ""},
	} {
		assert.Equal(t, want.message, said[i].message)
		assert.Contains(t, said[i].errorHas, want.errorHas)
	}
	assert.EqualValues(t, 80, logs.FilterMessage("Uploads to OCI APM succeed again").All()[0].ContextMap()["failed_attempts"])

	host.mu.Lock()
	defer host.mu.Unlock()
	var statuses []componentstatus.Status
	for _, event := range host.events {
		statuses = append(statuses, event.Status())
	}
	assert.Equal(t, []componentstatus.Status{
		componentstatus.StatusOK, componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError, componentstatus.StatusOK,
		componentstatus.StatusRecoverableError, componentstatus.StatusOK,
	}, statuses)
	require.ErrorContains(t, host.events[1].Err(), "check that the data key belongs to this domain")
}
