// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"container/list"
	"net/http"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// Origin describes how the collector changed a span between the app and the
// upload.
type Origin struct {
	// Name is the span's name as the app sent it, if the collector changed it.
	Name       *string          `json:"name,omitempty"`
	Attributes AttributeOrigins `json:"attributes"`
	Resource   AttributeOrigins `json:"resource"`
}

// AttributeOrigins compares attributes with those that the app sent. Attributes
// in none of the fields are unchanged.
type AttributeOrigins struct {
	// Added contains the names of attributes that the app did not send.
	Added []string `json:"added"`
	// Changed and Removed hold the values as the app sent them.
	Changed map[string]any `json:"changed"`
	Removed map[string]any `json:"removed"`
}

// originStore compares uploaded spans with the same spans as the app sent them,
// whichever arrives first. Once it has both forms of a span, it keeps only the
// difference.
type originStore struct {
	maxBytes int64 // memory for the waiting spans

	known   map[spanKey]*Origin
	waiting map[spanKey]*list.Element
	// order contains waitingSpan values, the latest at the back.
	order *list.List
	bytes int64
}

// waitingSpan is a span as the app sent it, whose upload has not arrived yet.
type waitingSpan struct {
	key      spanKey
	span     ptrace.Span
	resource pcommon.Resource
	size     int64
}

func (o *originStore) clear() {
	o.known = map[spanKey]*Origin{}
	o.waiting = map[spanKey]*list.Element{}
	o.order = list.New()
	o.bytes = 0
}

// arrived compares an uploaded span with the waiting one, if any, and returns
// the memory of the difference, in bytes.
func (o *originStore) arrived(key spanKey, uploaded storedSpan) int64 {
	element, ok := o.waiting[key]
	if !ok {
		return 0
	}
	sent := o.remove(element)
	return o.compare(key, sent.span, sent.resource, uploaded)
}

func (o *originStore) compare(key spanKey, sent ptrace.Span, resource pcommon.Resource, uploaded storedSpan) int64 {
	origin := &Origin{}
	size := int64(originOverhead)
	if name := sent.Name(); name != uploaded.span.Name() {
		origin.Name = &name
		size += int64(len(name))
	}
	var n int64
	origin.Attributes, n = compareAttributes(sent.Attributes(), uploaded.span.Attributes())
	size += n
	origin.Resource, n = compareAttributes(resource.Attributes(), uploaded.resource.Attributes())
	size += n
	o.known[key] = origin
	return size
}

// compareAttributes returns the difference and its size in bytes.
func compareAttributes(sent, uploaded pcommon.Map) (AttributeOrigins, int64) {
	difference := AttributeOrigins{Added: []string{}, Changed: map[string]any{}, Removed: map[string]any{}}
	var size int64
	for key, value := range uploaded.All() {
		before, ok := sent.Get(key)
		switch {
		case !ok:
			difference.Added = append(difference.Added, key)
			size += attributeOverhead
		case !before.Equal(value):
			difference.Changed[key] = renderValue(before, 0)
			size += attributeOverhead + int64(len(key)) + sharedFactor*int64(len(before.AsString()))
		}
	}
	for key, value := range sent.All() {
		if _, ok := uploaded.Get(key); !ok {
			difference.Removed[key] = renderValue(value, 0)
			size += attributeOverhead + int64(len(key)) + sharedFactor*int64(len(value.AsString()))
		}
	}
	slices.Sort(difference.Added)
	return difference, size
}

// wait keeps a span until its upload arrives, within bounds.
func (o *originStore) wait(sent waitingSpan) {
	if _, ok := o.waiting[sent.key]; ok {
		return
	}
	o.waiting[sent.key] = o.order.PushBack(sent)
	o.bytes += sent.size
	for o.bytes > o.maxBytes {
		o.remove(o.order.Front())
	}
}

func (o *originStore) remove(element *list.Element) waitingSpan {
	sent := o.order.Remove(element).(waitingSpan) // order holds nothing else
	delete(o.waiting, sent.key)
	o.bytes -= sent.size
	return sent
}

// putOriginals records spans as the app sent them.
func (s *store) putOriginals(traces ptrace.Traces) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range traces.ResourceSpans().All() {
		sharedSize := sizeOfShared(resource.Resource(), pcommon.NewInstrumentationScope())
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				key := spanKey{trace: span.TraceID(), span: span.SpanID()}
				if _, ok := s.origins.known[key]; ok {
					continue
				}
				at, ok := s.spans[key]
				if !ok {
					s.origins.wait(waitingSpan{
						key: key, span: span, resource: resource.Resource(),
						size: sizeOfSpan(span) + sharedSize,
					})
					continue
				}
				trace := traceOf(s.traces[key.trace])
				size := s.origins.compare(key, span, resource.Resource(), trace.spans[at])
				trace.bytes += size
				s.counts.Spans.BytesInStore += size
				s.changes.Traces++
			}
		}
	}
	s.evict()
}

// origin returns how the collector changed a span, or nil if that is not known.
func (s *store) origin(key spanKey) *Origin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.origins.known[key]
}

// knownOrigins returns the number of spans in a trace whose origin is known.
func (s *store) knownOrigins(trace storedTrace) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, stored := range trace.spans {
		if s.origins.known[spanKey{trace: trace.id, span: stored.span.SpanID()}] != nil {
			n++
		}
	}
	return n
}

// postOriginals receives spans as the app sent them, from a second exporter of
// the collector: see scripts/originals.yaml. APM has no such path, so it
// requires no key, applies no fault and counts nothing.
func (s *Server) postOriginals(w http.ResponseWriter, r *http.Request) {
	u := &upload{server: s, w: w, r: r, enc: encodingOf(r.Header.Get("Content-Type"))}
	_, known := contentEncoding(r)
	if u.enc == "" || !known {
		localapi.WriteError(w, http.StatusUnsupportedMediaType, "Content-Type must be "+string(protobufEncoding)+" or "+string(jsonEncoding)+", Content-Encoding gzip or none")
		return
	}
	b, p := u.readBatch(uploadPath{signal: SignalTraces})
	if p != nil {
		localapi.WriteError(w, p.status, p.message)
		return
	}
	s.store.putOriginals(b.traces)
	body, err := successBody(SignalTraces, u.enc, 0, "")
	if err != nil {
		localapi.WriteError(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", string(u.enc))
	w.WriteHeader(http.StatusOK)
	// The collector may have disconnected, and there is nobody else to report to.
	_, _ = w.Write(body)
}

// SpanDetail is a span with everything known about it beyond the upload.
type SpanDetail struct {
	Span Span `json:"span"`
	// Origin is null if the span as the app sent it is not known.
	Origin *Origin `json:"origin"`
}

func (s *Server) getSpan(w http.ResponseWriter, r *http.Request) {
	st, trace, ok := s.requestedTrace(w, r)
	if !ok {
		return
	}
	id := r.PathValue("span")
	at := slices.IndexFunc(trace.spans, func(stored storedSpan) bool { return stored.span.SpanID().String() == id })
	if at < 0 {
		localapi.WriteError(w, http.StatusNotFound, "no such span in the trace")
		return
	}
	stored := trace.spans[at]
	s.writeJSON(w, http.StatusOK, SpanDetail{
		Span:   renderSpan(stored),
		Origin: st.origin(spanKey{trace: trace.id, span: stored.span.SpanID()}),
	})
}

func (s *Server) getWaterfall(w http.ResponseWriter, r *http.Request) {
	st, trace, ok := s.requestedTrace(w, r)
	if !ok {
		return
	}
	waterfall := waterfallOf(trace)
	waterfall.markRepetitions(trace, callsOf(trace, &st.statements).repetitions(trace))
	waterfall.Origins = st.knownOrigins(trace)
	for _, record := range st.latestLogs(maxRecent) {
		if record.record.TraceID() == trace.id {
			waterfall.Logs++
		}
	}
	s.writeJSON(w, http.StatusOK, waterfall)
}

// byStart sorts spans by their start, and spans with the same start by
// duration, the longest first.
func byStart(a, b storedSpan) int {
	return cmp.Or(
		cmp.Compare(a.span.StartTimestamp(), b.span.StartTimestamp()),
		cmp.Compare(b.span.EndTimestamp(), a.span.EndTimestamp()),
	)
}
