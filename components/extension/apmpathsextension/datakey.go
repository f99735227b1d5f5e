// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmpathsextension // import "github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension"

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/client"
)

const (
	authorization = "Authorization"
	scheme        = "dataKey" // of APM's Authorization header
	dataKey       = "dataKey" // in the query of the observations paths
)

// withoutDataKey returns the request without the data key of its header, of its
// query and of its client metadata. With include_metadata, a processor or an
// exporter may pass metadata on.
func withoutDataKey(r *http.Request) *http.Request {
	if slices.ContainsFunc(r.Header[authorization], isDataKey) {
		r.Header.Del(authorization)
		info := client.FromContext(r.Context())
		if len(info.Metadata.Get(authorization)) > 0 {
			info.Metadata = without(info.Metadata, authorization)
			r = r.WithContext(client.NewContext(r.Context(), info))
		}
	}
	if r.URL.RawQuery != "" {
		if query := withoutParameter(r.URL.RawQuery, dataKey); query != r.URL.RawQuery {
			r = withURL(r, func(u *url.URL) { u.RawQuery = query })
			r.RequestURI = r.URL.RequestURI() // it repeats the query
		}
	}
	return r
}

// isDataKey reports whether an Authorization header has APM's scheme. The names
// of schemes are case-insensitive (RFC 9110, section 11.1).
func isDataKey(header string) bool {
	words := strings.Fields(header)
	return len(words) > 0 && strings.EqualFold(words[0], scheme)
}

// without returns a copy of client metadata that lacks a key.
func without(metadata client.Metadata, name string) client.Metadata {
	rest := map[string][]string{}
	for key := range metadata.Keys() {
		if !strings.EqualFold(key, name) {
			rest[key] = metadata.Get(key)
		}
	}
	return client.NewMetadata(rest)
}

// withoutParameter returns a query that lacks a parameter, in any case, and those
// that may hide one: their names cannot be decoded, or they have a semicolon, which
// some read as a separator. The others stay as they are, in their order.
func withoutParameter(query, name string) string {
	parameters := strings.Split(query, "&")
	return strings.Join(slices.DeleteFunc(parameters, func(parameter string) bool {
		key, _, _ := strings.Cut(parameter, "=")
		unescaped, err := url.QueryUnescape(key)
		return err != nil || strings.EqualFold(unescaped, name) || strings.Contains(parameter, ";")
	}), "&")
}
