// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmpathsextension // import "github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension"

import (
	"context"
	"net/http"
	"net/url"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// maxQuery is the longest query that is read, in bytes. APM's have a format and a
// key. A query of a megabyte would take many times as much once it is parsed.
const maxQuery = 8 << 10

// apmPaths is middleware for HTTP receivers.
type apmPaths struct {
	component.StartFunc
	component.ShutdownFunc
}

var _ extensionmiddleware.HTTPServer = apmPaths{}

// GetHTTPHandler returns a wrapper for the handler of a receiver. It gives the
// receiver its own path in place of APM's, without the data key that came with
// the request. confighttp authenticates before it calls the handler, so a
// receiver can still insist on a key.
func (apmPaths) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.RawQuery) > maxQuery {
				http.Error(w, "the query is longer than 8 KiB", http.StatusRequestURITooLong)
				return
			}
			upload, ok := uploadAt(r.URL)
			if ok && upload.refusal != "" {
				http.Error(w, upload.refusal, http.StatusUnsupportedMediaType)
				return
			}
			r = withoutDataKey(r)
			if ok && upload.path != r.URL.Path {
				r = withPath(r, upload.path)
			}
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// withPath returns a copy of a request for another path, as http.StripPrefix
// makes it.
func withPath(r *http.Request, path string) *http.Request {
	moved := new(http.Request)
	*moved = *r
	moved.URL = new(url.URL)
	*moved.URL = *r.URL
	moved.URL.Path, moved.URL.RawPath = path, ""
	return moved
}
