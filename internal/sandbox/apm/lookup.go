// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

const (
	notATraceID = "a trace id is 32 hexadecimal digits"
	notASpanID  = "a span id is 16 hexadecimal digits"

	// maxWait limits how long a look-up waits for its trace. It is well below
	// writeTimeout.
	maxWait = 30 * time.Second
)

// handleTraces registers the handlers for traces below prefix: those of the store, or
// those of an opened file.
func (s *Server) handleTraces(mux *http.ServeMux, prefix string) {
	for path, handler := range map[string]http.HandlerFunc{
		"/traces":                   s.getTraces,
		"/traces/{id}":              s.getTrace,
		"/traces/{id}/waterfall":    s.getWaterfall,
		"/traces/{id}/otlp":         s.getOTLP,
		"/traces/{id}/spans/{span}": s.getSpan,
	} {
		mux.Handle(prefix+path, localapi.Methods{http.MethodGet: handler})
	}
}

// requestedStore returns the store in the path: that of a file, or else the server's.
// If there is none it answers the request, and ok is false.
func (s *Server) requestedStore(w http.ResponseWriter, r *http.Request) (st *store, ok bool) {
	if r.PathValue("file") == "" {
		return s.store, true
	}
	file, ok := s.requestedFile(w, r)
	return file.store, ok
}

func (s *Server) getTraces(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query, err := parseTraceQuery(r.URL.Query(), limit)
	if err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	if st, found := s.requestedStore(w, r); found {
		s.writeJSON(w, http.StatusOK, listTraces(st, query))
	}
}

func (s *Server) getTrace(w http.ResponseWriter, r *http.Request) {
	if _, trace, ok := s.requestedTrace(w, r); ok {
		s.writeJSON(w, http.StatusOK, renderTrace(trace))
	}
}

// requestedTrace returns the trace in the path, and its store. With the parameter wait
// it waits for the trace. If there is none it answers the request, and ok is false.
func (s *Server) requestedTrace(w http.ResponseWriter, r *http.Request) (st *store, trace storedTrace, ok bool) {
	st, ok = s.requestedStore(w, r)
	if !ok {
		return nil, storedTrace{}, false
	}
	id, ok := parseTraceID(r.PathValue("id"))
	if !ok {
		localapi.WriteError(w, http.StatusBadRequest, notATraceID)
		return nil, storedTrace{}, false
	}
	var wait time.Duration
	if text := r.URL.Query().Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxWait {
			localapi.WriteError(w, http.StatusBadRequest, "wait: must be a duration up to "+maxWait.String()+", such as 3s")
			return nil, storedTrace{}, false
		}
	}
	trace, ok = s.awaitTrace(r.Context(), st, id, wait)
	if !ok {
		message := "no trace " + id.String() + " in the store"
		if wait > 0 {
			message += " after " + wait.String()
		}
		localapi.WriteError(w, http.StatusNotFound, message)
	}
	return st, trace, ok
}

// awaitTrace returns the trace as soon as one of its spans is in the store. It stops
// waiting if ctx is done or the server shuts down.
func (s *Server) awaitTrace(ctx context.Context, st *store, id pcommon.TraceID, wait time.Duration) (storedTrace, bool) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		// Before the look-up, so that no arrival is missed.
		arrival := st.nextArrival()
		if trace, ok := st.trace(id); ok {
			return trace, true
		}
		select {
		case <-arrival:
		case <-timeout.C:
			return storedTrace{}, false
		case <-ctx.Done():
			return storedTrace{}, false
		case <-s.closing:
			return storedTrace{}, false
		}
	}
}

// nextArrival returns a channel that is closed when the next spans arrive.
func (s *store) nextArrival() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrival
}

func parseTraceID(text string) (id pcommon.TraceID, ok bool) {
	n, err := hex.Decode(id[:], []byte(firstBytes(text, 2*len(id)+1)))
	return id, err == nil && n == len(id)
}

func parseSpanID(text string) (id pcommon.SpanID, ok bool) {
	n, err := hex.Decode(id[:], []byte(firstBytes(text, 2*len(id)+1)))
	return id, err == nil && n == len(id)
}

// SpanPlace identifies a span in the store.
type SpanPlace struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// findSpan answers with the trace of a span.
func (s *Server) findSpan(w http.ResponseWriter, r *http.Request) {
	id, ok := parseSpanID(r.PathValue("span"))
	if !ok {
		localapi.WriteError(w, http.StatusBadRequest, notASpanID)
		return
	}
	trace, ok := s.store.traceOfSpan(id)
	if !ok {
		localapi.WriteError(w, http.StatusNotFound, "no span "+id.String()+" in the store")
		return
	}
	s.writeJSON(w, http.StatusOK, SpanPlace{TraceID: trace.String(), SpanID: id.String()})
}

// traceOfSpan returns the trace of a span. Ids of spans are unique only in their trace:
// of several, it returns the one whose last span arrived last.
func (s *store) traceOfSpan(id pcommon.SpanID) (pcommon.TraceID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for element := s.arrivals.Back(); element != nil; element = element.Prev() {
		trace := traceOf(element)
		if _, ok := s.spans[spanKey{trace: trace.id, span: id}]; ok {
			return trace.id, true
		}
	}
	return pcommon.TraceID{}, false
}

// getOTLP answers with the trace as an OTLP/JSON export request, to be saved as a file.
func (s *Server) getOTLP(w http.ResponseWriter, r *http.Request) {
	_, trace, ok := s.requestedTrace(w, r)
	if !ok {
		return
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(otlpOf(trace)).MarshalJSON()
	if err != nil {
		localapi.WriteError(w, http.StatusInternalServerError, err.Error())
		return
	}
	header := w.Header()
	header.Set("Content-Type", string(jsonEncoding))
	header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="trace-%s.json"`, trace.id))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// otlpOf returns a copy of the spans of a trace. Spans that share a resource or a scope
// in the store share it here.
func otlpOf(trace storedTrace) ptrace.Traces {
	type scopeKey struct {
		resource pcommon.Resource
		scope    pcommon.InstrumentationScope
	}
	td := ptrace.NewTraces()
	resources := map[pcommon.Resource]ptrace.ResourceSpans{}
	scopes := map[scopeKey]ptrace.ScopeSpans{}
	for _, stored := range trace.spans {
		resource, ok := resources[stored.resource]
		if !ok {
			resource = td.ResourceSpans().AppendEmpty()
			stored.resource.CopyTo(resource.Resource())
			resources[stored.resource] = resource
		}
		key := scopeKey{stored.resource, stored.scope}
		scope, ok := scopes[key]
		if !ok {
			scope = resource.ScopeSpans().AppendEmpty()
			stored.scope.CopyTo(scope.Scope())
			scopes[key] = scope
		}
		stored.span.CopyTo(scope.Spans().AppendEmpty())
	}
	return td
}
