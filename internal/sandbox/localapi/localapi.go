// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package localapi is the common part of the JSON APIs of the sandboxes: they
// are for this machine, have no password, and must be safe from web pages.
package localapi

import (
	"bytes"
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

	"go.uber.org/zap"
)

// maxBody is the maximum size of a request body, in bytes.
const maxBody = 64 << 10

// Methods maps HTTP methods to the handlers of a path.
type Methods map[string]http.HandlerFunc

// ServeHTTP implements http.Handler.
func (m Methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handler, ok := m[method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		WriteError(w, http.StatusMethodNotAllowed, "method "+r.Method+" is not allowed here")
		return
	}
	handler(w, r)
}

// Protect denies web pages of other origins access to the API. Without CORS
// headers they cannot read answers. It also blocks requests that change
// something, and pages whose host name has been pointed at this machine (DNS
// rebinding): if listen, the host:port that is served, is reachable only from
// this machine, the Host header must name this machine.
func Protect(listen string, next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	onlyLoopback := IsLoopback(listen)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if onlyLoopback && !isLoopbackHost(hostOf(r)) {
			WriteError(w, http.StatusForbidden, "the Host header must name this machine, such as "+listen)
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			WriteError(w, http.StatusForbidden, err.Error())
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

// Read decodes the JSON body into v. If it fails it answers the request, and ok
// is false. Its errors quote names of fields, never values, which may contain
// keys.
func Read(w http.ResponseWriter, r *http.Request, v any) (ok bool) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return true
		}
		err = errors.New("more than one JSON value")
	}
	status := http.StatusBadRequest
	message := "the body is not the expected JSON object: " + err.Error()
	if typeError, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		value, _, _ := strings.Cut(typeError.Value, " ") // "number 12" may be a key
		message = typeError.Field + ": cannot be a " + value
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		status = http.StatusRequestEntityTooLarge
		message = fmt.Sprintf("the body is larger than %d bytes", maxBody)
	}
	WriteError(w, status, message)
	return false
}

// Write answers with v as JSON. If v cannot be encoded, it logs that.
func Write(w http.ResponseWriter, logger *zap.Logger, status int, v any) {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(v); err != nil {
		logger.Error("API answer not encoded", zap.Error(err))
		WriteError(w, http.StatusInternalServerError, "the answer could not be encoded")
		return
	}
	writeBody(w, status, body.Bytes())
}

// WriteError answers with an error such as {"error": "message"}.
func WriteError(w http.ResponseWriter, status int, message string) {
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
	// The client may have disconnected, and there is nobody else to report to.
	_, _ = w.Write(body)
}

// IsLoopback reports whether only this machine can reach a host:port.
func IsLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && isLoopbackHost(host)
}

// isLoopbackHost reports whether host names only this machine. localhost and
// names that end in it are reserved for that (RFC 6761, section 6.3).
func isLoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
