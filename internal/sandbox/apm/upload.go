// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// problem is the reason why an upload is rejected.
type problem struct {
	status  int
	reason  string // one of a few fixed words, for the log
	message string // what is wrong and what to do; never holds a key
}

func badRequest(reason, message string) *problem {
	return &problem{status: http.StatusBadRequest, reason: reason, message: message}
}

// upload is the state of a request to the upload endpoint.
type upload struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	info   Upload
	enc    encoding // encoding of the answer
	fault  *FaultState
}

// serveUpload answers a request to any path outside of the API.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	u := &upload{
		server: s, w: w, r: r,
		info: Upload{
			Time:            time.Now().UTC(),
			Method:          shorten(r.Method),
			Path:            shorten(s.keys.redact(r.URL.EscapedPath())),
			ContentType:     shorten(s.keys.redact(r.Header.Get("Content-Type"))),
			ContentEncoding: shorten(s.keys.redact(r.Header.Get("Content-Encoding"))),
			UserAgent:       shorten(s.keys.redact(r.UserAgent())),
			Key:             KeyNone,
		},
		enc: encodingOf(r.Header.Get("Content-Type")),
	}
	if u.enc == "" {
		u.enc = jsonEncoding
	}
	u.info.Key, _ = s.keys.classify(r.Header.Values("Authorization"))

	path, ok := findUploadPath(r.URL.EscapedPath())
	if path.zipkin {
		u.info.Key, _ = s.keys.classifyQuery(r.URL.Query())
		u.enc = jsonEncoding
	}
	if path.path == PublicSpanPath && allowOrigins(w, r) {
		return
	}
	if !ok {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			// Not an upload: probably someone with a browser.
			localapi.WriteError(w, http.StatusNotFound, pathHint(u.info.Path))
			return
		}
		u.reject(&problem{status: http.StatusNotFound, reason: "path", message: pathHint(u.info.Path)})
		return
	}
	u.info.Signal = path.signal
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		u.reject(&problem{status: http.StatusMethodNotAllowed, reason: "method", message: "uploads are sent with POST"})
		return
	}
	// A server that is down reads and checks nothing. Every other fault applies
	// only to uploads that would have been accepted.
	if u.fault = s.take(path.signal, true); u.fault != nil {
		u.goDown()
		return
	}
	if p := s.checkHeaders(path, r); p != nil {
		u.reject(p)
		return
	}
	b, p := u.readBatch(path)
	if p != nil {
		u.reject(p)
		return
	}
	u.info.Items = b.items
	if u.fault = s.take(path.signal, false); u.fault != nil && u.fault.Fault.Down {
		u.goDown()
		return
	}
	if u.fault != nil && u.fault.Fault.status() != 0 {
		u.rejectByFault(b)
		return
	}
	if b.signal == SignalTraces {
		if p := u.beyondQuota(b.items); p != nil {
			u.server.store.put(b, true, 0)
			u.info.Rejected = b.items
			u.reject(p)
			return
		}
	}
	u.accept(b)
}

// checkHeaders returns the problem of an upload that is known before its body
// is read.
func (s *Server) checkHeaders(path uploadPath, r *http.Request) *problem {
	kind, p := s.checkQuery(path, r)
	if p != nil {
		return p
	}
	if kind != path.key {
		return &problem{
			status: http.StatusForbidden, reason: "key_type",
			message: fmt.Sprintf("a %s key is not accepted at %s, which requires a %s key", kind, path.path, path.key),
		}
	}
	enc := encodingOf(r.Header.Get("Content-Type"))
	if path.zipkin && enc != jsonEncoding {
		return &problem{
			status: http.StatusUnsupportedMediaType, reason: "content_type",
			message: fmt.Sprintf("Content-Type must be %s: Zipkin's spans are JSON", jsonEncoding),
		}
	}
	if enc == "" {
		return &problem{
			status: http.StatusUnsupportedMediaType, reason: "content_type",
			message: fmt.Sprintf("Content-Type must be %s or %s", protobufEncoding, jsonEncoding),
		}
	}
	if _, ok := contentEncoding(r); !ok {
		return &problem{
			status: http.StatusUnsupportedMediaType, reason: "content_encoding",
			message: "Content-Encoding must be gzip or identity: set the exporter's compression to gzip or none",
		}
	}
	if r.ContentLength > s.config.MaxRequestBytes {
		return s.tooLarge()
	}
	return nil
}

// checkQuery returns the kind of the request's data key, which is in the query of
// Zipkin's paths and in a header of OTLP's.
func (s *Server) checkQuery(path uploadPath, r *http.Request) (KeyKind, *problem) {
	if path.zipkin {
		query := r.URL.Query()
		if p := checkFormat(query); p != nil {
			return KeyNone, p
		}
		return s.keys.classifyQuery(query)
	}
	if r.URL.RawQuery != "" {
		// Nothing of the query is quoted, since it may contain a key.
		return KeyNone, badRequest("query", "query parameters are not accepted on the OpenTelemetry paths; the data key goes into the Authorization header")
	}
	return s.keys.classify(r.Header.Values("Authorization"))
}

// contentEncoding reports whether a body is compressed with gzip. ok is false
// for any other encoding.
func contentEncoding(r *http.Request) (compressed, ok bool) {
	values := r.Header.Values("Content-Encoding")
	if len(values) > 1 {
		return false, false
	}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return false, true
	case "gzip":
		return true, true
	}
	return false, false
}

func (s *Server) tooLarge() *problem {
	return &problem{
		status: http.StatusRequestEntityTooLarge, reason: "too_large",
		message: fmt.Sprintf("the body is larger than %d bytes: send smaller batches, or raise --max-request-bytes of the sandbox", s.config.MaxRequestBytes),
	}
}

// readBatch reads, decompresses and decodes the body.
func (u *upload) readBatch(path uploadPath) (batch, *problem) {
	buffer := buffers.Get().(*bytes.Buffer) // the pool holds nothing else
	buffer.Reset()
	defer func() {
		if buffer.Cap() <= maxPooledBuffer {
			buffers.Put(buffer)
		}
	}()
	if p := u.readBody(buffer); p != nil {
		return batch{}, p
	}
	body := buffer.Bytes()
	if path.zipkin {
		return decodeZipkin(body, u.server.keys)
	}
	b, err := decode(path.signal, u.enc, body)
	if errors.Is(err, errTooManyMessages) {
		return batch{}, &problem{status: http.StatusRequestEntityTooLarge, reason: "too_large", message: err.Error() + ": send smaller batches"}
	}
	if err != nil || b.items == 0 {
		if other := looksLike(path.signal, u.enc, body); other != "" {
			return batch{}, badRequest("signal", fmt.Sprintf("this path accepts %s, but the body looks like %s: send each signal to its own path", path.signal, other))
		}
	}
	if err != nil {
		return batch{}, badRequest("body", fmt.Sprintf("the body is not an OTLP export request of %s: %s", path.signal, u.server.keys.redact(err.Error())))
	}
	return b, nil
}

// accept stores the batch and answers with success.
func (u *upload) accept(b batch) {
	var drop int
	var message string
	if u.fault != nil && u.fault.Fault.PartialSuccess != nil {
		drop, message = u.fault.Fault.PartialSuccess.Rejected, u.fault.Fault.PartialSuccess.Message
	}
	services := servicesOf(b)
	out := u.server.store.put(b, false, drop)
	if b.signal == SignalTraces {
		u.server.store.readArrived(b.traces)
	}
	if out.invalid > 0 {
		message = strings.TrimPrefix(message+fmt.Sprintf("; %d spans have no trace id or no span id", out.invalid), "; ")
	}
	u.info.Duplicates = out.duplicates
	u.info.Rejected = out.rejected + out.invalid
	if b.signal == SignalTraces {
		u.server.meter.giveBack(u.info.Rejected)
	}
	u.info.Status = http.StatusOK
	body, err := u.successBody(b, message)
	if err != nil {
		u.reject(&problem{status: http.StatusInternalServerError, reason: "internal", message: err.Error()})
		return
	}
	u.hold()
	u.server.log.accepted(u.info, services)
	u.answer(string(u.enc), body)
}

// successBody returns the body of a successful answer. That of a Zipkin upload is
// empty, because Zipkin has no partial success.
func (u *upload) successBody(b batch, message string) ([]byte, error) {
	if b.zipkin {
		return nil, nil
	}
	return successBody(b.signal, u.enc, u.info.Rejected, message)
}

// rejectByFault answers with the fault's status; nothing is stored.
func (u *upload) rejectByFault(b batch) {
	fault := u.fault.Fault
	u.info.Rejected = u.server.store.put(b, true, 0).rejected
	u.hold()
	if fault.RetryAfter != "" {
		u.w.Header().Set("Retry-After", fault.RetryAfter)
	}
	if fault.Redirect != "" {
		u.w.Header().Set("Location", fault.Redirect)
	}
	message := fault.Message
	if message == "" {
		message = "fault " + u.fault.ID + " of the sandbox"
	}
	if fault.Page != "" {
		u.info.Status, u.info.Error = fault.status(), message
		u.server.log.rejected(u.info, "fault")
		u.answer("text/html; charset=utf-8", []byte(fault.Page))
		return
	}
	u.reject(&problem{status: fault.status(), reason: "fault", message: message})
}

// reject answers with an error.
func (u *upload) reject(p *problem) {
	u.info.Status = p.status
	u.info.Error = p.message
	if p.status == http.StatusUnauthorized {
		u.w.Header().Set("WWW-Authenticate", authScheme)
	}
	body, err := errorBody(u.enc, p.status, strings.ToValidUTF8(p.message, "\uFFFD"))
	if err != nil {
		// The sender cannot do anything about this, and the status says enough.
		u.server.logger.Error("error body not encoded", zap.Error(err))
	}
	u.server.log.rejected(u.info, p.reason)
	u.answer(string(u.enc), body)
}

// hold waits for the delay of the fault, or until the client disconnects or the
// server shuts down.
func (u *upload) hold() {
	if u.fault != nil {
		faults.Hold(u.w, u.r, time.Duration(u.fault.Fault.Delay), u.server.closing)
	}
}

// answer records the upload and writes the response, in this order, so that a
// client that has the response finds the upload in the counters.
func (u *upload) answer(contentType string, body []byte) {
	u.record()
	header := u.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	if u.fault != nil && u.fault.Fault.Reset {
		u.reset(body)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	u.w.WriteHeader(u.info.Status)
	// The client may have disconnected; the upload is recorded anyway.
	_, _ = u.w.Write(body) //nolint:gosec // HTML only for a fault with page
}

func (u *upload) record() {
	if u.fault != nil {
		u.info.Fault = u.fault.ID
	}
	u.server.store.record(u.info)
	u.server.logger.Debug("upload",
		zap.String("method", u.info.Method), zap.String("path", u.info.Path), zap.Int("status", u.info.Status),
		zap.Int("items", u.info.Items), zap.Int("duplicates", u.info.Duplicates), zap.Int64("bytes", u.info.Bytes),
		zap.String("key", string(u.info.Key)), zap.String("user_agent", u.info.UserAgent), zap.String("error", u.info.Error))
}

// goDown closes the connection without an answer.
func (u *upload) goDown() {
	u.hold()
	u.info.Status = 0
	u.info.Error = "connection closed by fault " + u.fault.ID
	u.server.log.rejected(u.info, "fault")
	u.record()
	conn, _, err := http.NewResponseController(u.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	_ = conn.Close() // nothing to do about a connection that is closed already
}

// reset sends half a response and closes the connection with a TCP RST.
func (u *upload) reset(body []byte) {
	conn, _, err := http.NewResponseController(u.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	defer conn.Close() // broken on purpose
	var response bytes.Buffer
	fmt.Fprintf(&response, "HTTP/1.1 %d %s\r\n", u.info.Status, http.StatusText(u.info.Status))
	header := u.w.Header().Clone()
	// More than will be sent, even if the body is empty.
	header.Set("Content-Length", strconv.Itoa(len(body)+1))
	_ = header.Write(&response) // a bytes.Buffer does not fail
	response.WriteString("\r\n")
	response.Write(body[:len(body)/2])
	_, _ = conn.Write(response.Bytes())
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST instead of FIN
	}
}

// servicesOf returns the services in a batch.
func servicesOf(b batch) []string {
	var services []string
	switch b.signal {
	case SignalTraces:
		for _, resource := range b.traces.ResourceSpans().All() {
			services = append(services, shorten(serviceOf(resource.Resource())))
		}
	case SignalMetrics:
		for _, resource := range b.metrics.ResourceMetrics().All() {
			services = append(services, shorten(serviceOf(resource.Resource())))
		}
	case SignalLogs:
		for _, resource := range b.logs.ResourceLogs().All() {
			services = append(services, shorten(serviceOf(resource.Resource())))
		}
	}
	return services
}
