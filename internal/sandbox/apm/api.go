// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// index is the answer to GET /api/v1.
type index struct {
	Name   string   `json:"name"`
	Upload []string `json:"upload"`
	API    []string `json:"api"`
}

var theIndex = index{
	Name:   "apmsandbox",
	Upload: strings.Split(listPaths(), ", "),
	API: []string{
		"GET /api/v1/traces?service=&operation=&attribute=&text=&statement=&status=&min_duration=&max_duration=&last=&from=&to=&sort=&buckets=&offset=&limit=",
		"GET /api/v1/traces/{trace_id}?wait=",
		"GET /api/v1/traces/{trace_id}/waterfall?wait=",
		"GET /api/v1/traces/{trace_id}/otlp?wait=",
		"GET /api/v1/traces/{trace_id}/spans/{span_id}?wait=",
		"GET /api/v1/spans/{span_id}",
		"GET /api/v1/services?last=&from=&to=",
		"GET /api/v1/requests?service=&last=&from=&to=&sort=&order=&limit=",
		"GET /api/v1/statements?service=&system=&database=&text=&last=&from=&to=&sort=&order=&offset=&limit=",
		"GET /api/v1/statements/{id}?service=&system=&database=&last=&from=&to=",
		"GET /api/v1/topology?last=&from=&to=",
		"GET /api/v1/checks?last=&from=&to=",
		"GET /api/v1/counts",
		"GET /api/v1/usage",
		"PUT /api/v1/quota",
		"GET /api/v1/changes",
		"GET /api/v1/uploads?last=&from=&to=&limit=",
		"GET /api/v1/metrics?last=&from=&to=&limit=",
		"GET /api/v1/metrics/series?service=&text=&last=&from=&to=&limit=",
		"GET /api/v1/metrics/red?last=&from=&to=",
		"GET /api/v1/logs?service=&severity=&text=&trace_id=&last=&from=&to=&limit=",
		"POST /api/v1/files?name=",
		"GET /api/v1/files/{id}",
		"GET /api/v1/files/{id}/traces/{trace_id}",
		"GET, POST, DELETE /api/v1/faults",
		"DELETE /api/v1/faults/{id}",
		"PUT /api/v1/keys",
		"DELETE /api/v1/store",
		"POST /api/v1/originals",
		"GET /healthz",
	},
}

// apiHandler serves the JSON API.
func (s *Server) apiHandler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/api/v1", "/api/v1/{$}"} {
		mux.Handle(path, localapi.Methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, theIndex) }})
	}
	mux.Handle("/healthz", localapi.Methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
		s.writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}})
	s.handleTraces(mux, "/api/v1")
	s.handleTraces(mux, "/api/v1/files/{file}")
	mux.Handle("/api/v1/files/{file}", localapi.Methods{http.MethodGet: s.getFile})
	mux.Handle("/api/v1/files", localapi.Methods{http.MethodPost: s.postFile})
	mux.Handle("/api/v1/spans/{span}", localapi.Methods{http.MethodGet: s.findSpan})
	mux.Handle("/api/v1/services", localapi.Methods{http.MethodGet: withRange(func(w http.ResponseWriter, _ *http.Request, within timeRange) {
		s.writeJSON(w, http.StatusOK, map[string][]ServiceFacet{"services": facetsOf(s.store.snapshot(), within)})
	})})
	mux.Handle("/api/v1/requests", localapi.Methods{http.MethodGet: withRange(s.getRequests)})
	mux.Handle("/api/v1/statements", localapi.Methods{http.MethodGet: s.getStatements})
	mux.Handle("/api/v1/statements/{id}", localapi.Methods{http.MethodGet: s.getStatement})
	mux.Handle("/api/v1/checks", localapi.Methods{http.MethodGet: withRange(func(w http.ResponseWriter, _ *http.Request, within timeRange) {
		s.writeJSON(w, http.StatusOK, map[string][]ServiceChecks{"services": checksOf(s.store.snapshot(), within, time.Now())})
	})})
	mux.Handle("/api/v1/changes", localapi.Methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, s.Changes()) }})
	mux.Handle("/api/v1/metrics/series", localapi.Methods{http.MethodGet: withRange(s.getSeries)})
	mux.Handle("/api/v1/metrics/red", localapi.Methods{http.MethodGet: withRange(s.getRED)})
	mux.Handle("/api/v1/originals", localapi.Methods{http.MethodPost: s.postOriginals})
	mux.Handle("/api/v1/topology", localapi.Methods{http.MethodGet: withRange(func(w http.ResponseWriter, _ *http.Request, within timeRange) {
		s.writeJSON(w, http.StatusOK, topologyOf(s.store.snapshot(), within))
	})})
	mux.Handle("/api/v1/counts", localapi.Methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, s.Counts()) }})
	mux.Handle("/api/v1/usage", localapi.Methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, http.StatusOK, s.Usage()) }})
	mux.Handle("/api/v1/quota", localapi.Methods{http.MethodPut: s.putQuota})
	mux.Handle("/api/v1/uploads", localapi.Methods{http.MethodGet: withRange(s.getUploads)})
	mux.Handle("/api/v1/metrics", localapi.Methods{http.MethodGet: withRange(s.getMetrics)})
	mux.Handle("/api/v1/logs", localapi.Methods{http.MethodGet: s.getLogs})
	mux.Handle("/api/v1/faults", localapi.Methods{
		http.MethodGet:    s.getFaults,
		http.MethodPost:   s.postFault,
		http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) { s.writeDeleted(w, s.ClearFaults()) },
	})
	mux.Handle("/api/v1/faults/{id}", localapi.Methods{http.MethodDelete: s.deleteFault})
	mux.Handle("/api/v1/keys", localapi.Methods{http.MethodPut: s.putKeys})
	mux.Handle("/api/v1/store", localapi.Methods{http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		s.writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
	}})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		localapi.WriteError(w, http.StatusNotFound, "nothing is here; the API is listed at /api/v1")
	})
	return mux
}

func (s *Server) getUploads(w http.ResponseWriter, r *http.Request, within timeRange) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	uploads := s.store.latestUploads(maxRecent)
	uploads = slices.DeleteFunc(uploads, func(u Upload) bool { return !within.contains(u.Time) })
	s.writeJSON(w, http.StatusOK, map[string][]Upload{"uploads": uploads[:min(limit, len(uploads))]})
}

func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request, within timeRange) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	metrics := []Metric{}
	latest := s.metricsIn(within)
	for _, stored := range latest[:min(limit, len(latest))] {
		metrics = append(metrics, renderMetric(stored))
	}
	s.writeJSON(w, http.StatusOK, map[string][]Metric{"metrics": metrics})
}

// metricsIn returns the latest metrics that were received within the time range, the
// newest first.
func (s *Server) metricsIn(within timeRange) []storedMetric {
	return slices.DeleteFunc(s.store.latestMetrics(maxRecent), func(stored storedMetric) bool { return !within.contains(stored.received) })
}

func (s *Server) getSeries(w http.ResponseWriter, r *http.Request, within timeRange) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query := r.URL.Query()
	s.writeJSON(w, http.StatusOK, seriesOf(s.metricsIn(within), query.Get("service"), query.Get("text"), limit))
}

func (s *Server) getLogs(w http.ResponseWriter, r *http.Request) {
	limit, ok := s.limit(w, r)
	if !ok {
		return
	}
	query, err := parseLogQuery(r.URL.Query())
	if err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
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
	if !localapi.Read(w, r, &fault) {
		return
	}
	state, err := s.AddFault(fault)
	if errors.Is(err, faults.ErrTooMany) {
		localapi.WriteError(w, http.StatusConflict, err.Error())
		return
	}
	if err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusCreated, state)
}

func (s *Server) deleteFault(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	deleted := s.faults.Remove(id)
	if deleted == 0 {
		localapi.WriteError(w, http.StatusNotFound, "no fault with this id: it may have been used up")
		return
	}
	s.writeDeleted(w, deleted)
}

func (s *Server) putKeys(w http.ResponseWriter, r *http.Request) {
	var keys struct {
		Private string   `json:"private"`
		Public  string   `json:"public"`
		Grace   Duration `json:"grace"`
	}
	if !localapi.Read(w, r, &keys) {
		return
	}
	if keys.Private == "" && keys.Public == "" {
		localapi.WriteError(w, http.StatusBadRequest, "private, public: at least one is needed")
		return
	}
	if err := s.keys.replace(keys.Private, keys.Public, time.Duration(keys.Grace)); err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
}

// limit returns the query parameter limit. If it is invalid it answers the
// request, and ok is false.
func (s *Server) limit(w http.ResponseWriter, r *http.Request) (n int, ok bool) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultLimit, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		localapi.WriteError(w, http.StatusBadRequest, fmt.Sprintf("limit: must be a number from 1 to %d", maxLimit))
		return 0, false
	}
	return n, true
}

func (s *Server) writeDeleted(w http.ResponseWriter, n int) {
	s.writeJSON(w, http.StatusOK, map[string]int{"deleted": n})
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	localapi.Write(w, s.logger, status, v)
}

func firstBytes(text string, n int) string {
	return text[:min(n, len(text))]
}
