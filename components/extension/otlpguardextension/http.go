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
// decompresses a body before it calls the handler, without any check of the
// memory that this takes. If compression_algorithms is an empty list it does
// not, and the guard decompresses instead.
//
// Upstream: open-telemetry/opentelemetry-collector#13228 would make
// decompression a middleware.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if headerSize(r.Header) > maxHeaders {
				w.Header().Set("Connection", "close")
				http.Error(w, "the headers are larger than 64 KiB", http.StatusRequestHeaderFieldsTooLarge)
				return
			}
			b := g.newBody(w, r)
			// The receiver has decoded the request and passed it on by the time
			// it returns: from then on, queued data counts as the exporter's
			// memory.
			defer b.release()
			next.ServeHTTP(&answer{ResponseWriter: w, body: b}, r)
		}), nil
	}, nil
}

// newBody counts the body of a request while the receiver reads it. The
// receiver reads the whole body before it decodes anything, so if a read fails
// with a status, the receiver answers with that status in the encoding of the
// request. No byte is kept or copied for this.
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
		_ = connection.SetReadDeadline(time.Now()) // interrupts a read that is under way
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

// headerSize returns the total size of all names and values, in bytes.
func headerSize(header http.Header) int {
	size := 0
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

// mediaType returns a content type without its parameters, parsed in the same
// way as by the OTLP receiver. It returns "" for one that the receiver rejects.
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

// signalsAt returns the signals that a request to the path can hold. The paths
// of a receiver can be configured, so any but the default ones may hold all
// signals.
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

// answer replaces the status of a rejected request by one that tells the sender
// whether to retry. The OTLP receiver has none for a request that is too large,
// and other receivers answer 400 or 500 to any error of a read.
type answer struct {
	http.ResponseWriter
	body *body
}

// WriteHeader writes the header, and replaces the status if the request was
// rejected.
func (a *answer) WriteHeader(code int) {
	if a.body.refusal != nil {
		code = a.body.why.httpStatus()
	}
	if code == http.StatusServiceUnavailable && a.Header().Get("Retry-After") == "" && a.body.refusal != nil {
		a.Header().Set("Retry-After", strconv.Itoa(int(retryDelay/time.Second)))
	}
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap returns the inner writer, for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
