// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmsandbox

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"
)

const (
	defaultLimit   = 100
	maxLimit       = 1000
	maxAPIBodySize = 64 << 10

	notATraceID = "a trace id is 32 hexadecimal digits"
)

// index is what GET /api/v1 answers.
type index struct {
	Name   string   `json:"name"`
	Upload []string `json:"upload"`
	API    []string `json:"api"`
}

var theIndex = index{
	Name:   "apmsandbox",
	Upload: strings.Split(listPaths(), ", "),
	API: []string{
		"GET /api/v1/traces?service=&operation=&attribute=&status=&min_duration=&max_duration=&from=&to=&sort=&buckets=&offset=&limit=",
		"GET /api/v1/traces/{trace_id}",
		"GET /api/v1/traces/{trace_id}/waterfall",
		"GET /api/v1/traces/{trace_id}/spans/{span_id}",
		"GET /api/v1/services",
		"GET /api/v1/topology",
		"GET /api/v1/checks",
		"GET /api/v1/counts",
		"GET /api/v1/changes",
		"GET /api/v1/uploads?limit=",
		"GET /api/v1/metrics?limit=",
		"GET /api/v1/metrics/series?service=&text=&limit=",
		"GET /api/v1/logs?service=&severity=&text=&trace_id=&limit=",
		"GET, POST, DELETE /api/v1/faults",
		"DELETE /api/v1/faults/{id}",
		"PUT /api/v1/keys",
		"DELETE /api/v1/store",
		"POST /api/v1/originals",
		"GET /healthz",
	},
}

// methods are the handlers of a path.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handler, ok := m[method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		writeJSONError(w, http.StatusMethodNotAllowed, "method "+r.Method+" is not allowed here")
		return
	}
	handler(w, r)
}

// apiHandler serves the JSON API.
func (s *Server) apiHandler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/api/v1", "/api/v1/{$}"} {
		mux.Handle(path, methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, theIndex) }})
	}
	mux.Handle("/healthz", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		s.writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}})
	mux.Handle("/api/v1/traces", methods{http.MethodGet: s.getTraces})
	mux.Handle("/api/v1/traces/{id}", methods{http.MethodGet: s.getTrace})
	mux.Handle("/api/v1/traces/{id}/waterfall", methods{http.MethodGet: s.getWaterfall})
	mux.Handle("/api/v1/traces/{id}/spans/{span}", methods{http.MethodGet: s.getSpan})
	mux.Handle("/api/v1/services", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		s.writeJSON(w, http.StatusOK, map[string][]ServiceFacet{"services": facetsOf(s.store.snapshot())})
	}})
	mux.Handle("/api/v1/checks", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		s.writeJSON(w, http.StatusOK, map[string][]ServiceChecks{"services": checksOf(s.store.snapshot(), time.Now())})
	}})
	mux.Handle("/api/v1/changes", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, s.Changes()) }})
	mux.Handle("/api/v1/metrics/series", methods{http.MethodGet: s.getSeries})
	mux.Handle("/api/v1/originals", methods{http.MethodPost: s.postOriginals})
	mux.Handle("/api/v1/topology", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, s.Topology()) }})
	mux.Handle("/api/v1/counts", methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, s.Counts()) }})
	mux.Handle("/api/v1/uploads", methods{http.MethodGet: s.getUploads})
	mux.Handle("/api/v1/metrics", methods{http.MethodGet: s.getMetrics})
	mux.Handle("/api/v1/logs", methods{http.MethodGet: s.getLogs})
	mux.Handle("/api/v1/faults", methods{
		http.MethodGet:    s.getFaults,
		http.MethodPost:   s.postFault,
		http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) { s.writeDeleted(w, s.ClearFaults()) },
	})
	mux.Handle("/api/v1/faults/{id}", methods{http.MethodDelete: s.deleteFault})
	mux.Handle("/api/v1/keys", methods{http.MethodPut: s.putKeys})
	mux.Handle("/api/v1/store", methods{http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		s.writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
	}})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeJSONError(w, http.StatusNotFound, "nothing is here; the API is listed at /api/v1")
	})
	return mux
}

// protect keeps web pages of other origins away from the API. Without CORS
// headers they cannot read answers; it also stops a page whose host name has
// been pointed at this machine (DNS rebinding) and requests that change
// something.
func (s *Server) protect(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	onlyLoopback := IsLoopback(s.config.Listen)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if onlyLoopback && !isLoopbackHost(hostOf(r)) {
			writeJSONError(w, http.StatusForbidden, "the Host header must name this machine, such as "+s.config.Listen)
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			writeJSONError(w, http.StatusForbidden, err.Error())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOf returns the name in the Host header, without port and brackets.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]")
}

func (s *Server) getTraces(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query, err := parseTraceQuery(r.URL.Query(), limit)
	if err != nil {
		writeJSONError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusOK, listTraces(s.store.snapshot(), query))
}

func (s *Server) getTrace(w http.ResponseWriter, r *http.Request) {
	if trace, ok := s.requestedTrace(w, r); ok {
		s.writeJSON(w, http.StatusOK, renderTrace(trace))
	}
}

// requestedTrace finds the trace of the path; ok is false if it has answered
// already.
func (s *Server) requestedTrace(w http.ResponseWriter, r *http.Request) (trace storedTrace, ok bool) {
	id, ok := parseTraceID(r.PathValue("id"))
	if !ok {
		writeJSONError(w, http.StatusBadRequest, notATraceID)
		return storedTrace{}, false
	}
	trace, ok = s.store.trace(id)
	if !ok {
		writeJSONError(w, http.StatusNotFound, "no trace "+id.String()+" in the store")
	}
	return trace, ok
}

func parseTraceID(text string) (id pcommon.TraceID, ok bool) {
	n, err := hex.Decode(id[:], []byte(firstBytes(text, 2*len(id)+1)))
	return id, err == nil && n == len(id)
}

func (s *Server) getUploads(w http.ResponseWriter, r *http.Request) {
	if limit, ok := s.limit(w, r); ok {
		s.writeJSON(w, http.StatusOK, map[string][]Upload{"uploads": s.store.latestUploads(limit)})
	}
}

func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	metrics := []Metric{}
	for _, stored := range s.store.latestMetrics(limit) {
		metrics = append(metrics, renderMetric(stored))
	}
	s.writeJSON(w, http.StatusOK, map[string][]Metric{"metrics": metrics})
}

func (s *Server) getSeries(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query := r.URL.Query()
	s.writeJSON(w, http.StatusOK, seriesOf(s.store.latestMetrics(maxRecent), query.Get("service"), query.Get("text"), limit))
}

func (s *Server) getLogs(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query, err := parseLogQuery(r.URL.Query())
	if err != nil {
		writeJSONError(w, http.StatusBadRequest, err.Error())
		return
	}
	logs := []LogRecord{}
	for _, stored := range s.store.latestLogs(maxRecent) {
		if len(logs) < limit && query.matches(stored) {
			logs = append(logs, renderLog(stored))
		}
	}
	s.writeJSON(w, http.StatusOK, map[string][]LogRecord{"logs": logs})
}

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, map[string][]FaultState{"faults": s.Faults()})
}

func (s *Server) postFault(w http.ResponseWriter, r *http.Request) {
	var fault Fault
	if !s.readJSON(w, r, &fault) {
		return
	}
	state, err := s.AddFault(fault)
	if errors.Is(err, errTooManyFaults) {
		writeJSONError(w, http.StatusConflict, err.Error())
		return
	}
	if err != nil {
		writeJSONError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusCreated, state)
}

func (s *Server) deleteFault(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	deleted := s.faults.remove(id)
	if deleted == 0 {
		writeJSONError(w, http.StatusNotFound, "no fault with this id: it may have been used up")
		return
	}
	s.writeDeleted(w, deleted)
}

func (s *Server) putKeys(w http.ResponseWriter, r *http.Request) {
	var keys struct {
		Private string `json:"private"`
		Public  string `json:"public"`
	}
	if !s.readJSON(w, r, &keys) {
		return
	}
	if keys.Private == "" && keys.Public == "" {
		writeJSONError(w, http.StatusBadRequest, "private, public: at least one is needed")
		return
	}
	if err := s.SetKeys(keys.Private, keys.Public); err != nil {
		writeJSONError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
}

// limit reads the query parameter; ok is false if it has answered already.
func (s *Server) limit(w http.ResponseWriter, r *http.Request) (n int, ok bool) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultLimit, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		writeJSONError(w, http.StatusBadRequest, fmt.Sprintf("limit: must be a number from 1 to %d", maxLimit))
		return 0, false
	}
	return n, true
}

// readJSON reads the body into v; ok is false if it has answered already. Its
// errors repeat names of fields, never values: there may be keys among them.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, v any) (ok bool) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAPIBodySize))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return true
		}
		err = errors.New("more than one JSON value")
	}
	status := http.StatusBadRequest
	message := "the body is not the JSON object that is wanted: " + err.Error()
	if typeError, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		value, _, _ := strings.Cut(typeError.Value, " ") // "number 12" may be a key
		message = typeError.Field + ": cannot be a " + value
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		status = http.StatusRequestEntityTooLarge
		message = fmt.Sprintf("the body is larger than %d bytes", maxAPIBodySize)
	}
	writeJSONError(w, status, message)
	return false
}

func (s *Server) writeDeleted(w http.ResponseWriter, n int) {
	s.writeJSON(w, http.StatusOK, map[string]int{"deleted": n})
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(v); err != nil {
		s.logger.Error("API answer not encoded", zap.Error(err))
		writeJSONError(w, http.StatusInternalServerError, "the answer could not be encoded")
		return
	}
	writeBody(w, status, body.Bytes())
}

func writeJSONError(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(map[string]string{"error": message})
	if err != nil { // a map of strings always encodes
		body = []byte(`{"error":""}`)
	}
	writeBody(w, status, append(body, '\n'))
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody else to tell.
	_, _ = w.Write(body)
}

func firstBytes(text string, n int) string {
	return text[:min(n, len(text))]
}
