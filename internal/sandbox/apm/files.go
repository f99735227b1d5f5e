// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// maxFiles limits the number of files that are open at the same time.
const maxFiles = 20

var errNoTraces = errors.New("the file has no spans of OTLP/JSON: download one from a trace, or use the file exporter of a collector")

// OpenedFile is a file with traces that a user opened to look at. Its traces are not in
// the store: no list, topology or check contains them.
type OpenedFile struct {
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Traces []TraceSummary `json:"traces"`
	Total  int            `json:"total"`

	store *store
}

// fileList holds the opened files within a limit for their memory.
type fileList struct {
	maxBytes int64

	mu     sync.Mutex
	opened int
	files  []OpenedFile // the oldest first
}

// add adds a file, and closes the oldest ones that no longer fit.
func (l *fileList) add(file OpenedFile) OpenedFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	file.ID = strconv.Itoa(l.opened)
	l.files = append(l.files, file)
	total := int64(0)
	for i, other := range slices.Backward(l.files) {
		total += other.store.snapshotCounts().Spans.BytesInStore
		if len(l.files)-i > maxFiles || total > l.maxBytes {
			l.files = slices.Clone(l.files[i+1:])
			break
		}
	}
	return file
}

func (l *fileList) find(id string) (OpenedFile, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, file := range l.files {
		if file.ID == id {
			return file, true
		}
	}
	return OpenedFile{}, false
}

func (l *fileList) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = nil
}

func (s *Server) getFile(w http.ResponseWriter, r *http.Request) {
	if file, ok := s.requestedFile(w, r); ok {
		s.writeJSON(w, http.StatusOK, file)
	}
}

// requestedFile returns the file in the path. If it is not open it answers the request,
// and ok is false.
func (s *Server) requestedFile(w http.ResponseWriter, r *http.Request) (file OpenedFile, ok bool) {
	file, ok = s.files.find(r.PathValue("file"))
	if !ok {
		localapi.WriteError(w, http.StatusNotFound, "this file is no longer open: open it again")
	}
	return file, ok
}

// postFile opens a file of OTLP/JSON; name is its name.
func (s *Server) postFile(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.config.MaxRequestBytes))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			localapi.WriteError(w, http.StatusRequestEntityTooLarge,
				fmt.Sprintf("the file is larger than %d bytes, the limit of --max-request-bytes", s.config.MaxRequestBytes))
		}
		return // otherwise the client has disconnected
	}
	file := OpenedFile{Name: shorten(r.URL.Query().Get("name")), store: newFileStore(s.config.MaxSpans, s.files.maxBytes)}
	if err := file.store.putFile(body); err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	if file.store.snapshotCounts().Spans.Evicted > 0 {
		localapi.WriteError(w, http.StatusRequestEntityTooLarge, "the file has too many spans: raise --max-bytes or --max-spans")
		return
	}
	list := listTraces(file.store, traceQuery{order: "start", limit: maxLimit})
	file.Traces, file.Total = list.Traces, list.Total
	s.writeJSON(w, http.StatusCreated, s.files.add(file))
}

// newFileStore returns a store that spends maxBytes on spans.
func newFileStore(maxSpans int, maxBytes int64) *store {
	st := newStore(maxSpans, maxBytes)
	st.maxBytes = maxBytes
	return st
}

// putFile stores the spans of a file: one export request or, as the collector's file
// exporter writes them, one in each line. Lines of other signals are skipped.
func (s *store) putFile(body []byte) error {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	b, err := decode(SignalTraces, jsonEncoding, body)
	if err != nil {
		b = batch{signal: SignalTraces, traces: ptrace.NewTraces()}
		number, read := 0, 0
		for line := range bytes.Lines(body) {
			number++
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			request, lineErr := decode(SignalTraces, jsonEncoding, line)
			switch {
			case lineErr != nil && read == 0: // not a file with a request in each line
				return fmt.Errorf("the file is not OTLP/JSON: %w", err)
			case lineErr != nil:
				return fmt.Errorf("line %d of the file is not OTLP/JSON: %w", number, lineErr)
			}
			read++
			b.items += request.items
			request.traces.ResourceSpans().MoveAndAppendTo(b.traces.ResourceSpans())
		}
	}
	if out := s.put(b, false, 0); b.items == out.invalid {
		return errNoTraces
	}
	return nil
}
