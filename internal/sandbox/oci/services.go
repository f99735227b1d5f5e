// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
)

// maxBody limits the body of a request. Those of the sandbox's operations have
// a few KiB.
const maxBody = 1 << 20

// Operation is an operation of a service, with its name in OCI's documentation.
type Operation string

// The operations of the sandbox.
const (
	OperationGetAPMDomain             Operation = "GetApmDomain"
	OperationListDataKeys             Operation = "ListDataKeys"
	OperationGenerateDataKeys         Operation = "GenerateDataKeys"
	OperationGetSecretBundle          Operation = "GetSecretBundle"
	OperationGetSecretBundleByName    Operation = "GetSecretBundleByName"
	OperationListSecretBundleVersions Operation = "ListSecretBundleVersions"
	// OperationX509 exchanges an instance's certificate for a token.
	OperationX509 Operation = "X509"
	// OperationMetadata reads from the instance metadata service.
	OperationMetadata Operation = "Metadata"
	// OperationWorkloadToken exchanges a service account's token for OCI's.
	OperationWorkloadToken Operation = "WorkloadToken"
	// OperationUnknown is a path without an operation.
	OperationUnknown Operation = "Unknown"
)

// route is an operation with its handler.
type route struct {
	service   Service
	operation Operation
	pattern   string // pattern for http.ServeMux
	signed    bool   // whether it requires OCI's signature
	// federation marks the operation that is signed with a certificate's key.
	federation bool
	// requires lists the permissions that the caller must have.
	requires []Permission
	// handle returns the value to encode as JSON, text, or a reply.
	handle func(*call) (any, *failure)
}

// text is an answer that is not JSON.
type text string

// reply is an answer with more than a body. Without a body it has no content.
type reply struct {
	status  int // 0 means 200
	headers map[string]string
	body    any
}

// call is the state of a request.
type call struct {
	r         *http.Request
	region    string
	principal Principal
	body      []byte
}

// handlerOf returns the handler of a service. It answers 404 to a path without
// a route.
func (s *Server) handlerOf(routes []route) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, route) })
	}
	unknown := route{
		service: routes[0].service, operation: OperationUnknown,
		handle: func(*call) (any, *failure) {
			return nil, &failure{status: http.StatusNotFound, code: CodeNotFound, message: "Not Found", reason: ReasonNotFound, detail: "no such path or method"}
		},
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, unknown) })
	return mux
}

// answer handles a request for a route.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, route route) {
	_, region, _ := s.serviceOf(r.Host)
	c := &call{r: r, region: region}
	record := Request{Time: s.now(), Service: route.service, Operation: route.operation, Region: region, ID: requestID(r)}
	var fault *Fault
	if state := s.take(route.service, route.operation); state != nil {
		fault = &state.Fault
		faults.Hold(w, r, time.Duration(fault.Delay), s.closing)
	}
	if fault != nil && (fault.Reset || fault.Down) {
		record.Reason = ReasonFault
		s.requests.add(record)
		breakConnection(w)
		return
	}
	result, f := s.result(c, route, fault)
	record.Principal = c.principal
	record.Status = http.StatusOK
	if special, ok := result.(reply); ok && f == nil {
		record.Status = cmp.Or(special.status, http.StatusOK)
	}
	if f != nil {
		record.Status, record.Code, record.Reason = f.status, f.code, f.reason
		s.logger.Info("the OCI sandbox refused a request",
			zap.String("operation", string(route.operation)), zap.String("region", region), zap.Int("status", f.status),
			zap.String("reason", string(f.reason)), zap.String("detail", f.detail), zap.String("opc_request_id", record.ID))
	}
	s.requests.add(record)
	s.write(w, record, fault, result, f)
}

// result returns the answer to a call.
func (s *Server) result(c *call, route route, fault *Fault) (any, *failure) {
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(c.r.Body, maxBody+1)); err != nil || len(c.body) > maxBody {
		return nil, invalidParameter("The body is too large or could not be read.")
	}
	if route.signed {
		var f *failure
		if c.principal, f = s.authenticate(c.r, c.body, route.federation); f != nil {
			return nil, f
		}
	}
	if f := s.authorize(route.requires); f != nil {
		return nil, f
	}
	if fault != nil && fault.Status != 0 {
		return nil, fault.failure()
	}
	return route.handle(c)
}

// write sends the answer.
func (s *Server) write(w http.ResponseWriter, record Request, fault *Fault, result any, f *failure) {
	header := w.Header()
	contentType := "application/json"
	var body []byte
	if special, ok := result.(reply); ok && f == nil {
		for name, value := range special.headers {
			header.Set(name, value)
		}
		result = special.body
	}
	if plain, ok := result.(text); ok && f == nil {
		contentType, body = "text/plain", []byte(plain)
	} else if f != nil || result != nil {
		if f != nil {
			result = map[string]string{"code": f.code, "message": f.message}
		}
		var buffer bytes.Buffer
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(result); err != nil {
			s.logger.Error("answer not encoded", zap.Error(err))
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		body = buffer.Bytes()
	}
	if body != nil {
		header.Set("Content-Type", contentType)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Opc-Request-Id", record.ID)
	header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	header.Set("X-Content-Type-Options", "nosniff")
	if fault != nil && fault.RetryAfter != "" {
		header.Set("Retry-After", fault.RetryAfter)
	}
	w.WriteHeader(record.Status)
	// The client may have disconnected; the request is recorded anyway.
	_, _ = w.Write(body)
}

// requestID returns the id of a request in OCI's format: the caller's part,
// followed by two generated ones.
func requestID(r *http.Request) string {
	own := rand.Text() + "/" + rand.Text()
	id := r.Header.Get("opc-request-id")
	if id == "" || len(id) > 100 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return own
	}
	return id + "/" + own
}

// breakConnection ends a connection with a TCP RST instead of an answer.
func breakConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // without the closing message of TLS
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST instead of FIN
	}
	_ = conn.Close() // broken on purpose
}
