// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/metric"

	"github.com/ociapm/otelcol-ociapm/internal/otlpdepth"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// GetHTTPHandler returns a wrapper for the handler of a receiver. confighttp
// puts it inside of decompression and of the limit on a body's size.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.watch(r)
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// watch has the body of a request scanned while the receiver reads it. The
// receiver reads all of it before it decodes any, so that a read which fails
// with a status is answered with that status, in the request's encoding; no
// byte is kept or copied for this.
func (g *guard) watch(r *http.Request) {
	switch mediaType(r.Header.Get("Content-Type")) {
	case typeProtobuf:
		body := &protoBody{watched: watched{guard: g, request: r, body: r.Body}}
		for _, signal := range signalsAt(r.URL.Path) {
			body.scanners = append(body.scanners, otlpdepth.NewProtoScanner(signal, g.maxDepth))
		}
		r.Body = body
	case typeJSON:
		r.Body = &jsonBody{
			watched: watched{guard: g, request: r, body: r.Body},
			scanner: otlpdepth.NewJSONScanner(g.maxDepth),
		}
	}
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
func signalsAt(path string) []otlpdepth.Signal {
	switch path {
	case "/v1/traces":
		return []otlpdepth.Signal{otlpdepth.Traces}
	case "/v1/metrics":
		return []otlpdepth.Signal{otlpdepth.Metrics}
	case "/v1/logs":
		return []otlpdepth.Signal{otlpdepth.Logs}
	default:
		return otlpdepth.Signals()
	}
}

// watched is a request's body, and whether it has been refused.
type watched struct {
	guard   *guard
	request *http.Request
	body    io.ReadCloser
	refusal error
}

// read reads the next piece for p and has it scanned.
func (b *watched) read(p []byte, scan func([]byte) otlpdepth.Verdict, via metric.MeasurementOption) (int, error) {
	if b.refusal != nil {
		return 0, b.refusal
	}
	n, err := b.body.Read(p)
	if scan(p[:n]) != otlpdepth.Fine {
		b.refusal = b.guard.refused(b.request.Context(), via)
		// A sender whose connection is closed while it still sends may never see
		// the answer, and would send again. What is left is bounded in size.
		_, _ = io.Copy(io.Discard, b.body)
		return 0, b.refusal
	}
	return n, err
}

type protoBody struct {
	watched  watched
	scanners []otlpdepth.ProtoScanner
}

// Read refuses to go on where the body becomes too deep.
func (b *protoBody) Read(p []byte) (int, error) {
	return b.watched.read(p, b.scan, viaHTTPProtobuf)
}

func (b *protoBody) scan(piece []byte) otlpdepth.Verdict {
	for i := range b.scanners {
		if verdict := b.scanners[i].Scan(piece); verdict != otlpdepth.Fine {
			return verdict
		}
	}
	return otlpdepth.Fine
}

// Close closes the body.
func (b *protoBody) Close() error { return b.watched.body.Close() }

type jsonBody struct {
	watched watched
	scanner otlpdepth.JSONScanner
}

// Read refuses to go on where the body becomes too deep.
func (b *jsonBody) Read(p []byte) (int, error) {
	return b.watched.read(p, b.scanner.Scan, viaHTTPJSON)
}

// Close closes the body.
func (b *jsonBody) Close() error { return b.watched.body.Close() }
