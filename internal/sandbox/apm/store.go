// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"container/list"
	"maps"
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
	// maxRecent bounds the lists of uploads, metrics and log records.
	maxRecent = 1000
	// maxServices bounds the services that are counted by name: the names come
	// from outside.
	maxServices = 1000
	// otherServices counts the spans of the services beyond maxServices.
	otherServices = "(other services)"
	// unknownService is what the OpenTelemetry SDKs call a service without a
	// name (semantic conventions, service.name).
	unknownService = "unknown_service"

	// What is added for memory to the size of the protobuf encoding, in bytes;
	// TestMemoryEstimate compares the sum with the heap.
	entryOverhead     = 448
	attributeOverhead = 48
	eventOverhead     = 128
	traceOverhead     = 640
	originOverhead    = 192
	// sharedFactor is how much larger than its encoding anything else is taken
	// to be.
	sharedFactor = 4
)

// Counts are the totals since the start or the last reset of the store. Only
// the fields whose comment begins with "Now" can decrease.
type Counts struct {
	Uploads UploadCounts `json:"uploads"`
	Spans   SpanCounts   `json:"spans"`
	Metrics MetricCounts `json:"metrics"`
	Logs    LogCounts    `json:"logs"`
	// Services is the number of received spans by service.name. Beyond 1000
	// names the rest is counted together, as "(other services)".
	Services map[string]int `json:"services"`
}

// UploadCounts count requests to the upload endpoint, those to a wrong path
// included. Total is Accepted + Rejected.
type UploadCounts struct {
	Total    int `json:"total"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// ByStatus counts by HTTP status; "0" are connections closed unanswered.
	ByStatus map[string]int `json:"by_status"`
	// BySignal counts by signal; "unknown" are those to a wrong path.
	BySignal map[string]int `json:"by_signal"`
}

// SpanCounts count spans. Received is Stored + Duplicates + Rejected.
type SpanCounts struct {
	// Received are the spans of every upload that could be decoded.
	Received int `json:"received"`
	Stored   int `json:"stored"`
	// Duplicates were in the store already, by trace id and span id.
	Duplicates int `json:"duplicates"`
	// Evicted were stored, and left to make room.
	Evicted int `json:"evicted"`
	// Rejected were refused by a fault, or lack a trace id or a span id.
	Rejected int `json:"rejected"`
	// InStore: Now in the store, which is Stored - Evicted.
	InStore int `json:"in_store"`
	// TracesInStore: Now in the store.
	TracesInStore int `json:"traces_in_store"`
	// BytesInStore: Now taken by the spans in the store, approximately.
	BytesInStore int64 `json:"bytes_in_store"`
}

// MetricCounts count metric data points.
type MetricCounts struct {
	// DataPoints are those of every upload that could be decoded.
	DataPoints int `json:"data_points"`
	Rejected   int `json:"rejected"`
	// InStore: Now kept metrics (not data points).
	InStore int `json:"in_store"`
}

// LogCounts count log records.
type LogCounts struct {
	// Records are those of every upload that could be decoded.
	Records  int `json:"records"`
	Rejected int `json:"rejected"`
	// InStore: Now kept records.
	InStore int `json:"in_store"`
}

// Upload describes one request to the upload endpoint. It never holds a key.
type Upload struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Signal is empty if the path belongs to none.
	Signal Signal `json:"signal"`
	// Status is the HTTP status; 0 is a connection closed unanswered.
	Status          int    `json:"status"`
	ContentType     string `json:"content_type"`
	ContentEncoding string `json:"content_encoding"`
	// Bytes is what was read of the body as sent.
	Bytes int64 `json:"bytes"`
	// BytesDecompressed is the size of the body after decompression.
	BytesDecompressed int64 `json:"bytes_decompressed"`
	// Items are spans, data points or log records; 0 if it was not decoded.
	Items      int    `json:"items"`
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	UserAgent  string `json:"user_agent"`
	// Key is the kind of the key that was sent.
	Key KeyKind `json:"key"`
	// Error is the message of a rejection.
	Error string `json:"error,omitempty"`
	// Fault is the id of the fault that the upload met.
	Fault string `json:"fault,omitempty"`
}

// storedSpan is a span with what it shares with others. Nothing in it changes
// after it has been stored, so it is read without a lock.
type storedSpan struct {
	span     ptrace.Span
	resource pcommon.Resource
	scope    pcommon.InstrumentationScope
	service  string
}

// storedTrace holds the spans of one trace in order of arrival.
type storedTrace struct {
	id    pcommon.TraceID
	spans []storedSpan
	bytes int64
	// arrived is when the last of the spans came.
	arrived time.Time
	// summary is shared by all copies of the trace.
	summary *atomic.Pointer[TraceSummary]
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

// Changes says how often what the sandbox keeps has changed, kind by kind. The
// numbers never decrease: whoever has seen one needs to look again only when it
// is another.
type Changes struct {
	Traces  uint64 `json:"traces"`
	Metrics uint64 `json:"metrics"`
	Logs    uint64 `json:"logs"`
	Uploads uint64 `json:"uploads"`
	Faults  uint64 `json:"faults"`
}

// store keeps what was uploaded, within bounds, and counts it.
type store struct {
	maxSpans int
	maxBytes int64 // of the spans

	mu      sync.Mutex
	counts  Counts
	changes Changes
	// spans holds where in its trace a span is.
	spans   map[spanKey]int
	traces  map[pcommon.TraceID]*list.Element
	origins originStore
	// arrivals holds *storedTrace, the one that got a span last at the back.
	arrivals *list.List
	metrics  ring[storedMetric]
	logs     ring[storedLog]
	uploads  ring[Upload]
}

func newStore(maxSpans int, maxBytes int64) *store {
	small := maxBytes / 8
	s := &store{
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

// outcome says what became of a batch's items.
type outcome struct {
	duplicates int
	rejected   int // by a fault
	invalid    int // spans without ids
}

// put stores a batch without its first dropped items, or only counts it as
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
			// Every trace is charged with the whole resource and scope, although
			// the traces of one upload share them: an estimate that errs, errs on
			// the safe side.
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
				stored := storedSpan{span: span, resource: resource.Resource(), scope: scope.Scope(), service: service}
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

// arrivedTrace returns the trace with the id, now the last that got a span.
func (s *store) arrivedTrace(id pcommon.TraceID) *storedTrace {
	element, ok := s.traces[id]
	if !ok {
		element = s.arrivals.PushBack(&storedTrace{id: id, summary: &atomic.Pointer[TraceSummary]{}})
		s.traces[id] = element
	}
	s.arrivals.MoveToBack(element)
	return traceOf(element)
}

func traceOf(element *list.Element) *storedTrace {
	return element.Value.(*storedTrace) // arrivals holds nothing else
}

// evict removes whole traces, the one that got its last span longest ago
// first, until the rest fits. A trace that alone is too large goes as well.
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

// snapshot returns every trace as it is now, in order of last arrival. The
// spans are shared, not copied: a stored span never changes, and a trace only
// ever grows behind the length that was copied.
func (s *store) snapshot() []storedTrace {
	s.mu.Lock()
	defer s.mu.Unlock()
	traces := make([]storedTrace, 0, len(s.traces))
	for element := s.arrivals.Front(); element != nil; element = element.Next() {
		traces = append(traces, *traceOf(element))
	}
	return traces
}

// trace returns the trace with the id as it is now.
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

// shorten cuts text from outside to what a list or a counter should hold.
func shorten(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
