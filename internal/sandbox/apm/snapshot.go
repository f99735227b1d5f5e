// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"maps"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

func (s *store) snapshotCounts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Uploads.ByStatus = maps.Clone(c.Uploads.ByStatus)
	c.Uploads.BySignal = maps.Clone(c.Uploads.BySignal)
	c.Services = maps.Clone(c.Services)
	c.Spans.InStore = len(s.spans)
	c.Spans.TracesInStore = len(s.traces)
	c.Metrics.InStore = len(s.metrics.entries)
	c.Logs.InStore = len(s.logs.entries)
	return c
}

func (s *store) snapshotChanges() Changes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// snapshot returns the current state of every trace, in order of last arrival.
// The spans are shared, not copied: a stored span never changes, and a trace
// only grows beyond the length that was copied.
func (s *store) snapshot() []storedTrace {
	s.mu.Lock()
	defer s.mu.Unlock()
	traces := make([]storedTrace, 0, len(s.traces))
	for element := s.arrivals.Front(); element != nil; element = element.Next() {
		traces = append(traces, *traceOf(element))
	}
	return traces
}

// trace returns the current state of the trace with the id.
func (s *store) trace(id pcommon.TraceID) (storedTrace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, ok := s.traces[id]
	if !ok {
		return storedTrace{}, false
	}
	return *traceOf(element), true
}

func (s *store) latestUploads(limit int) []Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads.latest(limit)
}

func (s *store) latestMetrics(limit int) []storedMetric {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.metrics.latest(limit)
}

func (s *store) latestLogs(limit int) []storedLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.latest(limit)
}
