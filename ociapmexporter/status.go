// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// statusInterval is how often the component status gets the newest figures, if they have
// changed.
const statusInterval = 5 * time.Second

// The attributes of the component status, which the healthcheckv2 extension shows.
const (
	attributeLastUpload    = "last_upload"        // time of the last upload that APM accepted
	attributeFailingSince  = "failing_since"      // time of the first failure since then
	attributeQueueSize     = "queue_size"         // retained data, in the queue's unit
	attributeQueueCapacity = "queue_capacity"     // in the same unit
	attributeQueueUnit     = "queue_unit"         // requests, items or bytes
	attributeQueueUsed     = "queue_used_percent" // of the capacity
)

// figures are what the component status reports beside the status and its error.
type figures struct {
	problem                  string
	lastUpload, failingSince time.Time // zero: none
	queueSize, queueCapacity int64
}

func (f figures) attributes(unit string) pcommon.Map {
	attributes := pcommon.NewMap()
	if !f.lastUpload.IsZero() {
		attributes.PutStr(attributeLastUpload, f.lastUpload.UTC().Format(time.RFC3339))
	}
	if f.problem != "" {
		attributes.PutStr(attributeFailingSince, f.failingSince.UTC().Format(time.RFC3339))
	}
	if f.queueCapacity > 0 {
		attributes.PutInt(attributeQueueSize, f.queueSize)
		attributes.PutInt(attributeQueueCapacity, f.queueCapacity)
		attributes.PutStr(attributeQueueUnit, unit)
		attributes.PutDouble(attributeQueueUsed, math.Round(1000*float64(f.queueSize)/float64(f.queueCapacity))/10)
	}
	return attributes
}

// refreshEvery refreshes the component status until the exporter stops.
func (h *health) refreshEvery(interval time.Duration, stopping <-chan struct{}) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-stopping:
			return
		case <-ticker.C:
			h.refresh()
		}
	}
}

// refresh reports the component status again if its figures have changed. The event's
// time is then that of the report, since an event's time cannot be set:
// https://github.com/open-telemetry/opentelemetry-collector/issues/10763.
func (h *health) refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.report()
}

// report reports the component status unless nothing has changed. The caller holds mu.
//
//nolint:contextcheck,nolintlint // the status is the exporter's, not a request's
func (h *health) report() {
	now := figures{problem: h.problem, lastUpload: h.lastUpload}
	if h.problem != "" {
		now.failingSince = h.since
	}
	now.queueSize, now.queueCapacity = h.queue.read(context.Background())
	if now == h.reported {
		return
	}
	h.reported = now
	options := []componentstatus.EventBuilderOption{componentstatus.WithAttributes(now.attributes(h.queueUnit))}
	status := componentstatus.StatusOK
	if h.problem != "" {
		status = componentstatus.StatusRecoverableError
		options = append(options, componentstatus.WithError(h.lastError))
	}
	componentstatus.ReportStatus(h.host, componentstatus.NewEvent(status, options...))
}

// discoveryProblem is the kind of problem while the domain is not discovered.
const discoveryProblem = "discovery"

// discoveryHost is the host of the discovery. The status that it reports becomes the
// exporter's, with the exporter's figures.
type discoveryHost struct {
	host   component.Host
	health *health
}

var _ componentstatus.Reporter = discoveryHost{}

// GetExtensions implements component.Host.
func (h discoveryHost) GetExtensions() map[component.ID]component.Component {
	return h.host.GetExtensions()
}

// Report implements componentstatus.Reporter.
func (h discoveryHost) Report(event *componentstatus.Event) { h.health.discovered(event.Err()) }

// discovered reports the outcome of the discovery, which has logged it.
func (h *health) discovered(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		if h.problem == "" {
			h.since, h.attempts = time.Now(), 0
		}
		h.problem, h.lastError = discoveryProblem, err
	case h.problem == discoveryProblem:
		h.problem, h.lastError = "", nil
	}
	h.report()
}

// The names of exporterhelper's gauges.
const (
	queueSizeGauge     = "otelcol_exporter_queue_size"
	queueCapacityGauge = "otelcol_exporter_queue_capacity"
)

// queueGauges reads exporterhelper's gauges of the queue, since exporterhelper has no
// other way to ask for its size. Without metrics, there is nothing to read.
type queueGauges struct {
	mu             sync.Mutex
	size, capacity metric.Int64Observable
	callbacks      []metric.Callback
}

// read returns the size and the capacity of the queue, in the unit of its sizer. Both
// are 0 if there is no queue.
func (q *queueGauges) read(ctx context.Context) (size, capacity int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size == q.capacity {
		return 0, 0 // there are none, or those of a meter that measures nothing, which are all the same
	}
	values := gaugeValues{values: map[metric.Int64Observable]int64{}}
	for _, callback := range q.callbacks {
		_ = callback(ctx, values)
	}
	return values.values[q.size], values.values[q.capacity]
}

// provider returns a meter provider that notes the gauges.
func (q *queueGauges) provider(inner metric.MeterProvider) metric.MeterProvider {
	if inner == nil {
		return nil
	}
	return queueProvider{MeterProvider: inner, queue: q}
}

// The interfaces of metric can only be implemented by embedding.

type queueProvider struct {
	metric.MeterProvider
	queue *queueGauges
}

// Meter implements metric.MeterProvider.
func (p queueProvider) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return queueMeter{Meter: p.MeterProvider.Meter(name, options...), queue: p.queue}
}

type queueMeter struct {
	metric.Meter
	queue *queueGauges
}

// Int64ObservableGauge implements metric.Meter.
func (m queueMeter) Int64ObservableGauge(name string, options ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	gauge, err := m.Meter.Int64ObservableGauge(name, options...)
	m.queue.mu.Lock()
	defer m.queue.mu.Unlock()
	switch name {
	case queueSizeGauge:
		m.queue.size = gauge
	case queueCapacityGauge:
		m.queue.capacity = gauge
	}
	return gauge, err
}

// RegisterCallback implements metric.Meter.
func (m queueMeter) RegisterCallback(callback metric.Callback, instruments ...metric.Observable) (metric.Registration, error) {
	m.queue.mu.Lock()
	for _, instrument := range instruments {
		if instrument == m.queue.size || instrument == m.queue.capacity {
			m.queue.callbacks = append(m.queue.callbacks, callback)
		}
	}
	m.queue.mu.Unlock()
	return m.Meter.RegisterCallback(callback, instruments...)
}

// gaugeValues keeps what a callback observes.
type gaugeValues struct {
	embedded.Observer
	values map[metric.Int64Observable]int64
}

// ObserveInt64 implements metric.Observer.
func (g gaugeValues) ObserveInt64(gauge metric.Int64Observable, value int64, _ ...metric.ObserveOption) {
	g.values[gauge] = value
}

// ObserveFloat64 implements metric.Observer. The queue has no such gauge.
func (gaugeValues) ObserveFloat64(metric.Float64Observable, float64, ...metric.ObserveOption) {}
