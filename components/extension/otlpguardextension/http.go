// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// GetHTTPHandler returns a wrapper for the handler of a receiver. confighttp
// decompresses before it calls the handler, and asks nobody for the memory, unless
// its compression_algorithms is an empty list: then the guard does it.
//
// Upstream: open-telemetry/opentelemetry-collector#13228 would make decompression
// a middleware.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if headerSize(r.Header) > maxHeaders {
				w.Header().Set("Connection", "close")
				http.Error(w, "the headers are larger than 64 KiB", http.StatusRequestHeaderFieldsTooLarge)
				return
			}
			b := g.newBody(w, r)
			// A receiver decodes and hands on before it returns: what is queued then
			// is the exporter's.
			defer b.release()
			next.ServeHTTP(&answer{ResponseWriter: w, body: b}, r)
		}), nil
	}, nil
}

// newBody has the body of a request counted while the receiver reads it. The
// receiver reads all of it before it decodes any, so that a read which fails
// with a status is answered with that status, in the request's encoding; no
// byte is kept or copied for this.
func (g *guard) newBody(w http.ResponseWriter, r *http.Request) *body {
	b := &body{guard: g, request: r, wire: r.Body, inner: r.Body, taken: g.requests.NewRequest(), how: otherHTTP}
	if b.encoding = r.Header.Get("Content-Encoding"); b.encoding != "" {
		r.Header.Del("Content-Encoding")
		r.Header.Del("Content-Length")
		r.ContentLength = -1
	}
	connection := http.NewResponseController(w)
	b.partial = g.uploads.add(func() {
		b.evicted.Store(true)
		_ = connection.SetReadDeadline(time.Now()) // which ends a read that is under way
	})
	switch mediaType(r.Header.Get("Content-Type")) {
	case typeProtobuf:
		b.how = protobuf
		for _, signal := range signalsAt(r.URL.Path) {
			scanner := otlpscan.NewProtoScanner(signal, g.limits)
			b.scanners = append(b.scanners, &scanner)
		}
	case typeJSON:
		b.how = inJSON
		scanner := otlpscan.NewJSONScanner(g.limits)
		b.scanners = append(b.scanners, &scanner)
	}
	r.Body = b
	return b
}

// headerSize returns the size of names and values, in bytes.
func headerSize(header http.Header) int {
	size := 0
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

// mediaType returns a content type without its parameters, as the OTLP receiver
// reads it: "" for what it refuses.
func mediaType(contentType string) string {
	if contentType == typeProtobuf || contentType == typeJSON {
		return contentType
	}
	parsed, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return parsed
}

// signalsAt returns what a request to the path can hold. A receiver's paths can
// be configured: all but the usual ones may hold anything.
func signalsAt(path string) []otlpscan.Signal {
	switch path {
	case "/v1/traces":
		return []otlpscan.Signal{otlpscan.Traces}
	case "/v1/metrics":
		return []otlpscan.Signal{otlpscan.Metrics}
	case "/v1/logs":
		return []otlpscan.Signal{otlpscan.Logs}
	default:
		return otlpscan.Signals()
	}
}

// answer gives the answer to a refused request the status that says whether to
// come again. The OTLP receiver knows none for what is too large, and other
// receivers make a 400 or 500 of whatever goes wrong as they read.
type answer struct {
	http.ResponseWriter
	body *body
}

// WriteHeader writes the header, of a refused request with a status of its own.
func (a *answer) WriteHeader(code int) {
	if a.body.refusal != nil {
		code = a.body.why.httpStatus()
	}
	if code == http.StatusServiceUnavailable && a.Header().Get("Retry-After") == "" && a.body.refusal != nil {
		a.Header().Set("Retry-After", strconv.Itoa(int(retryDelay/time.Second)))
	}
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
