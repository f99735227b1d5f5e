// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The names of exporterhelper's counters begin with these, and end with the signal.
const (
	sentCounterPrefix   = "otelcol_exporter_sent_"
	failedCounterPrefix = "otelcol_exporter_send_failed_"
)

// sentCounters corrects exporterhelper's counters of sent and failed items, which count
// whole requests: all items of a request count as sent even if APM rejected some of them.
// exporterhelper adds the items of a request to the counter right after the upload
// function returns nil. So the items that the function withholds are subtracted from the
// next addition.
// https://github.com/open-telemetry/opentelemetry-collector/issues/9243 would make this
// unnecessary.
type sentCounters struct {
	mu       sync.Mutex
	withheld int64 // not subtracted yet
	failed   map[string]metric.Int64Counter
}

// withhold records the number of items that were not sent, in a request that is about to
// be counted as sent.
func (s *sentCounters) withhold(items int) {
	if items <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withheld += int64(items)
}

// take returns how many of these items were not sent.
func (s *sentCounters) take(items int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := min(items, s.withheld)
	s.withheld -= taken
	return taken
}

// provider returns a meter provider that corrects the counters.
func (s *sentCounters) provider(inner metric.MeterProvider) metric.MeterProvider {
	if inner == nil {
		return nil
	}
	return sentProvider{MeterProvider: inner, counters: s}
}

// The interfaces of metric can only be implemented by embedding.

type sentProvider struct {
	metric.MeterProvider
	counters *sentCounters
}

// Meter implements metric.MeterProvider.
func (p sentProvider) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return sentMeter{Meter: p.MeterProvider.Meter(name, options...), counters: p.counters}
}

type sentMeter struct {
	metric.Meter
	counters *sentCounters
}

// Int64Counter implements metric.Meter.
func (m sentMeter) Int64Counter(name string, options ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	counter, err := m.Meter.Int64Counter(name, options...)
	if err != nil {
		return counter, err
	}
	if items, ok := strings.CutPrefix(name, failedCounterPrefix); ok {
		m.counters.mu.Lock()
		defer m.counters.mu.Unlock()
		if m.counters.failed == nil {
			m.counters.failed = map[string]metric.Int64Counter{}
		}
		m.counters.failed[items] = counter
	}
	if items, ok := strings.CutPrefix(name, sentCounterPrefix); ok {
		return sentCounter{Int64Counter: counter, counters: m.counters, items: items}, nil
	}
	return counter, nil
}

type sentCounter struct {
	metric.Int64Counter
	counters *sentCounters
	items    string
}

// Add implements metric.Int64Counter.
func (c sentCounter) Add(ctx context.Context, items int64, options ...metric.AddOption) {
	notSent := c.counters.take(items)
	c.Int64Counter.Add(ctx, items-notSent, options...)
	if notSent == 0 {
		return
	}
	c.counters.mu.Lock()
	failed := c.counters.failed[c.items]
	c.counters.mu.Unlock()
	if failed != nil {
		// exporterhelper sets the same attributes for a whole request that it drops.
		failed.Add(ctx, notSent, append(options, metric.WithAttributes(
			attribute.String("error.type", "_OTHER"), attribute.Bool("error.permanent", true)))...)
	}
}
