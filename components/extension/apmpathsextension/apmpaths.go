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
				r = withURL(r, func(u *url.URL) { u.Path, u.RawPath = upload.path, "" })
			}
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// withURL returns a copy of a request with a changed URL, as http.StripPrefix
// makes it.
func withURL(r *http.Request, change func(*url.URL)) *http.Request {
	changed := new(http.Request)
	*changed = *r
	changed.URL = new(url.URL)
	*changed.URL = *r.URL
	change(changed.URL)
	return changed
}
