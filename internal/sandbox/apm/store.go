// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"container/list"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	// maxRecent limits the lists of uploads, metrics and log records.
	maxRecent = 1000
	// maxServices limits the number of services that are counted by name, since
	// names come from outside.
	maxServices = 1000
	// otherServices is the name under which spans of services beyond
	// maxServices are counted.
	otherServices = "(other services)"
	// unknownService is the name that OpenTelemetry SDKs use for a service
	// without a name (semantic conventions, service.name).
	unknownService = "unknown_service"

	// Memory in addition to the size of the protobuf encoding, in bytes.
	// TestMemoryEstimate compares the sum with the heap.
	entryOverhead     = 448
	attributeOverhead = 48
	eventOverhead     = 128
	traceOverhead     = 640
	originOverhead    = 192
	// sharedFactor is the assumed ratio of memory to encoded size for
	// everything else.
	sharedFactor = 4
)

// storedSpan is a span with the data that it shares with others. It never
// changes after it has been stored, so it is read without a lock.
type storedSpan struct {
	span     ptrace.Span
	resource pcommon.Resource
	scope    pcommon.InstrumentationScope
	service  string
	// start and end are in nanoseconds since 1970, failed is whether the status is an
	// error, and request is as in isRequest. Lists of many spans read them here because
	// each look into a span costs a cache miss.
	start, end      int64
	failed, request bool
	// converted reports whether APM's naming conversion applied when it arrived.
	converted bool
}

// storedTrace holds the spans of one trace in order of arrival.
type storedTrace struct {
	id    pcommon.TraceID
	spans []storedSpan
	bytes int64
	// arrived is the arrival time of the last span.
	arrived time.Time
	// summary and calls are shared by all copies of the trace.
	summary *atomic.Pointer[TraceSummary]
	calls   *atomic.Pointer[traceCalls]
}

type storedMetric struct {
	received time.Time
	resource pcommon.Resource
	metric   pmetric.Metric
}

type storedLog struct {
	received time.Time
	resource pcommon.Resource
	record   plog.LogRecord
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// duration is as durationOf.
func (s *storedSpan) duration() int64 {
	return max(0, s.end-s.start)
}

// store keeps uploaded data, within bounds, and counts it.
type store struct {
	maxSpans int
	maxBytes int64 // memory for the spans

	mu      sync.Mutex
	naming  NamingFunc // nil means that every name is converted
	counts  Counts
	changes Changes
	// spans contains the index of each span in its trace.
	spans   map[spanKey]int
	traces  map[pcommon.TraceID]*list.Element
	origins originStore
	// arrivals contains *storedTrace values, the one with the latest arrival at
	// the back.
	arrivals *list.List
	metrics  ring[storedMetric]
	logs     ring[storedLog]
	uploads  ring[Upload]
	// statements is used without mu.
	statements statementCache
	// arrival is closed when spans arrive, and then replaced.
	arrival chan struct{}
}

func newStore(maxSpans int, maxBytes int64) *store {
	small := maxBytes / 8
	s := &store{
		arrival:  make(chan struct{}),
		maxSpans: maxSpans,
		maxBytes: maxBytes - 3*small,
		origins:  originStore{maxBytes: small},
		metrics:  ring[storedMetric]{maxEntries: maxRecent, maxBytes: small},
		logs:     ring[storedLog]{maxEntries: maxRecent, maxBytes: small},
		uploads:  ring[Upload]{maxEntries: maxRecent, maxBytes: maxRecent},
	}
	s.reset()
	return s
}

// reset empties the store and its counters.
func (s *store) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = Counts{
		Uploads:  UploadCounts{ByStatus: map[string]int{}, BySignal: map[string]int{}},
		Services: map[string]int{},
	}
	s.spans = map[spanKey]int{}
	s.origins.clear()
	s.traces = map[pcommon.TraceID]*list.Element{}
	s.arrivals = list.New()
	s.metrics.clear()
	s.logs.clear()
	s.uploads.clear()
	s.changes.Traces++
	s.changes.Metrics++
	s.changes.Logs++
	s.changes.Uploads++
}

// outcome is the outcome of a batch's items.
type outcome struct {
	duplicates int
	rejected   int // by a fault
	invalid    int // spans without ids
}

// put stores a batch without its first drop items, or only counts it as
// rejected.
func (s *store) put(b batch, reject bool, drop int) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()

	items := b.items
	if b.signal == SignalTraces {
		s.countServices(b.traces)
	}
	var out outcome
	if reject {
		out.rejected = items
	} else {
		out.rejected = b.dropFirst(drop)
		switch b.signal {
		case SignalTraces:
			out.duplicates, out.invalid = s.putTraces(b.traces)
			s.changes.Traces++
			close(s.arrival)
			s.arrival = make(chan struct{})
		case SignalMetrics:
			s.putMetrics(b.metrics)
			s.changes.Metrics++
		case SignalLogs:
			s.putLogs(b.logs)
			s.changes.Logs++
		}
	}

	rejected := out.rejected + out.invalid
	switch b.signal {
	case SignalTraces:
		s.counts.Spans.Received += items
		s.counts.Spans.Rejected += rejected
		s.counts.Spans.Duplicates += out.duplicates
	case SignalMetrics:
		s.counts.Metrics.DataPoints += items
		s.counts.Metrics.Rejected += rejected
	case SignalLogs:
		s.counts.Logs.Records += items
		s.counts.Logs.Rejected += rejected
	}
	return out
}

func (s *store) countServices(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		spans := 0
		for _, scope := range resource.ScopeSpans().All() {
			spans += scope.Spans().Len()
		}
		if spans == 0 {
			continue
		}
		service := shorten(serviceOf(resource.Resource()))
		if _, ok := s.counts.Services[service]; !ok && len(s.counts.Services) >= maxServices {
			service = otherServices
		}
		s.counts.Services[service] += spans
	}
}

func (s *store) putTraces(traces ptrace.Traces) (duplicates, invalid int) {
	now := time.Now()
	for _, resource := range traces.ResourceSpans().All() {
		service := serviceOf(resource.Resource())
		for _, scope := range resource.ScopeSpans().All() {
			// The whole resource and scope are charged to every trace, although
			// the traces of one upload share them: the estimate errs on the
			// high side.
			sharedSize := sizeOfShared(resource.Resource(), scope.Scope())
			for _, span := range scope.Spans().All() {
				key := spanKey{trace: span.TraceID(), span: span.SpanID()}
				if key.trace.IsEmpty() || key.span.IsEmpty() {
					invalid++
					continue
				}
				if _, ok := s.spans[key]; ok {
					duplicates++
					continue
				}
				size := sizeOfSpan(span)
				trace := s.arrivedTrace(key.trace)
				n := len(trace.spans)
				if n == 0 {
					size += traceOverhead
				}
				if n == 0 || trace.spans[n-1].scope != scope.Scope() {
					size += sharedSize
				}
				stored := storedSpan{
					span: span, resource: resource.Resource(), scope: scope.Scope(), service: service,
					start: nanosOf(span.StartTimestamp()), end: nanosOf(span.EndTimestamp()), failed: isError(span), request: isRequest(span),
				}
				stored.converted = s.converts(stored)
				s.spans[key] = n
				trace.spans = append(trace.spans, stored)
				trace.arrived = now
				size += s.origins.arrived(key, stored)
				trace.bytes += size
				s.counts.Spans.Stored++
				s.counts.Spans.BytesInStore += size
				s.evict()
			}
		}
	}
	return duplicates, invalid
}

// arrivedTrace returns the trace with the id, and makes it the one with the
// latest arrival.
func (s *store) arrivedTrace(id pcommon.TraceID) *storedTrace {
	element, ok := s.traces[id]
	if !ok {
		element = s.arrivals.PushBack(&storedTrace{id: id, summary: &atomic.Pointer[TraceSummary]{}, calls: &atomic.Pointer[traceCalls]{}})
		s.traces[id] = element
	}
	s.arrivals.MoveToBack(element)
	return traceOf(element)
}

func traceOf(element *list.Element) *storedTrace {
	return element.Value.(*storedTrace) // arrivals holds nothing else
}

// evict removes whole traces, starting with the one whose last span arrived
// longest ago, until the rest fits. A trace that alone is too large is removed
// as well.
func (s *store) evict() {
	for len(s.spans) > s.maxSpans || s.counts.Spans.BytesInStore > s.maxBytes {
		oldest := s.arrivals.Front()
		trace := traceOf(oldest)
		s.arrivals.Remove(oldest)
		delete(s.traces, trace.id)
		for _, stored := range trace.spans {
			key := spanKey{trace: trace.id, span: stored.span.SpanID()}
			delete(s.spans, key)
			delete(s.origins.known, key)
		}
		s.counts.Spans.Evicted += len(trace.spans)
		s.counts.Spans.BytesInStore -= trace.bytes
	}
}

func (s *store) putMetrics(metrics pmetric.Metrics) {
	var sizer pmetric.ProtoMarshaler
	now := time.Now()
	for _, resource := range metrics.ResourceMetrics().All() {
		sharedSize := sizeOfShared(resource.Resource(), pcommon.NewInstrumentationScope())
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				size := int64(entryOverhead + sharedFactor*sizer.MetricSize(metric))
				s.metrics.add(storedMetric{received: now, resource: resource.Resource(), metric: metric}, sharedSize+size)
			}
		}
	}
}

func (s *store) putLogs(logs plog.Logs) {
	var sizer plog.ProtoMarshaler
	now := time.Now()
	for _, resource := range logs.ResourceLogs().All() {
		sharedSize := sizeOfShared(resource.Resource(), pcommon.NewInstrumentationScope())
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				size := int64(entryOverhead + sharedFactor*sizer.LogRecordSize(record))
				s.logs.add(storedLog{received: now, resource: resource.Resource(), record: record}, sharedSize+size)
			}
		}
	}
}

// record adds an upload to the list and to the counters.
func (s *store) record(u Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads.add(u, 1)
	s.changes.Uploads++
	c := &s.counts.Uploads
	c.Total++
	if u.Status >= 200 && u.Status < 300 {
		c.Accepted++
	} else {
		c.Rejected++
	}
	c.ByStatus[strconv.Itoa(u.Status)]++
	signal := string(u.Signal)
	if signal == "" {
		signal = "unknown"
	}
	c.BySignal[signal]++
}

// serviceOf returns a resource's service.name.
func serviceOf(resource pcommon.Resource) string {
	if name, ok := resource.Attributes().Get("service.name"); ok && name.AsString() != "" {
		return name.AsString()
	}
	return unknownService
}

// sizeOfSpan estimates the memory of a span in bytes.
func sizeOfSpan(span ptrace.Span) int64 {
	var sizer ptrace.ProtoMarshaler
	return int64(entryOverhead + attributeOverhead*span.Attributes().Len() +
		eventOverhead*(span.Events().Len()+span.Links().Len()) + 2*sizer.SpanSize(span))
}

// sizeOfShared estimates the memory of a resource and a scope in bytes.
func sizeOfShared(resource pcommon.Resource, scope pcommon.InstrumentationScope) int64 {
	spans := ptrace.NewResourceSpans()
	resource.CopyTo(spans.Resource())
	scope.CopyTo(spans.ScopeSpans().AppendEmpty().Scope())
	var sizer ptrace.ProtoMarshaler
	return int64(sharedFactor * sizer.ResourceSpansSize(spans))
}

// shorten cuts text from outside to the length for a list or a counter.
func shorten(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
