// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmpathsextension

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"
)

// key is a data key that opens nothing.
const key = "K3Y"

// serve sends a request through the middleware, and returns the answer and the
// request that the receiver got, nil if none.
func serve(t *testing.T, r *http.Request) (*httptest.ResponseRecorder, *http.Request) {
	t.Helper()
	wrap, err := apmPaths{}.GetHTTPHandler(t.Context())
	require.NoError(t, err)
	var got *http.Request
	handler, err := wrap(t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	require.NoError(t, err)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w, got
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/20200101/opentelemetry/v1/traces":                                                   "/v1/traces",
		"/20200101/opentelemetry/v1/traces/":                                                  "/v1/traces",
		"/20200101/opentelemetry/private/v1/traces":                                           "/v1/traces",
		"/20200101/opentelemetry/public/v1/traces":                                            "/v1/traces",
		"/20200101/opentelemetry/public/v1/traces/":                                           "/v1/traces",
		"/20200101/opentelemetry/v1/metrics":                                                  "/v1/metrics",
		"/20200101/opentelemetry/private/v1/metrics/":                                         "/v1/metrics",
		"/20200101/opentelemetry/v1/logs":                                                     "/v1/logs",
		"/20200101/opentelemetry/private/v1/logs":                                             "/v1/logs",
		"/20200101/observations/metric?dataFormat=otlp-metric&dataFormatVersion=1":            "/v1/metrics",
		"/20200101/observations/metric?dataFormat=otlp-metric&dataFormatVersion=1/v1/metrics": "/v1/metrics",
		"/20200101/observations/private-span?dataFormat=zipkin&dataFormatVersion=2":           "/20200101/observations/private-span",
		"/20200101/observations/public-span?dataFormat=zipkin":                                "/20200101/observations/public-span",
		// An endpoint that ends with a slash makes a path that begins with two.
		"//20200101/opentelemetry/v1/traces":                    "/v1/traces",
		"//20200101/observations/public-span?dataFormat=zipkin": "//20200101/observations/public-span",
		"//20200101/observations/metric?dataFormat=otlp-metric": "/v1/metrics",
		// Anything else is the receiver's to judge.
		"//v1/traces":                                      "//v1/traces",
		"/20200101/opentelemetry//v1/traces":               "/20200101/opentelemetry//v1/traces",
		"/20200101/OpenTelemetry/v1/traces":                "/20200101/OpenTelemetry/v1/traces",
		"/20200101/opentelemetry/private/v1/traces/x":      "/20200101/opentelemetry/private/v1/traces/x",
		"/v1/traces":                                       "/v1/traces",
		"/v1/traces/":                                      "/v1/traces/",
		"/20200101/opentelemetry/private/public/v1/traces": "/20200101/opentelemetry/private/public/v1/traces",
		"/20200101/opentelemetry/v1/traces//":              "/20200101/opentelemetry/v1/traces//",
		"/20200101/opentelemetry/v1/profiles":              "/20200101/opentelemetry/v1/profiles",
		"/20200101/opentelemetry/v2/traces":                "/20200101/opentelemetry/v2/traces",
		"/20200101/opentelemetry/":                         "/20200101/opentelemetry/",
		"/20200101/observations/other":                     "/20200101/observations/other",
		"/20190101/opentelemetry/v1/traces":                "/20190101/opentelemetry/v1/traces",
		"/api/v2/spans":                                    "/api/v2/spans",
	} {
		t.Run(path, func(t *testing.T) {
			sent := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader("body"))
			sent.Header.Set("Content-Type", "application/json")
			_, got := serve(t, sent)
			require.NotNil(t, got)
			assert.Equal(t, want, got.URL.Path)
			assert.Equal(t, sent.Body, got.Body)
			assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
		})
	}
}

// A receiver must not see the escaped form of the former path.
func TestEscapedPath(t *testing.T) {
	_, got := serve(t, httptest.NewRequest(http.MethodPost, "/20200101/opentelemetry/v1%2Ftraces", http.NoBody))
	require.NotNil(t, got)
	assert.Equal(t, "/v1/traces", got.URL.Path)
	assert.Equal(t, "/v1/traces", got.URL.EscapedPath())
	assert.Empty(t, got.URL.RawPath)
}

func TestOtherFormatsAreRejected(t *testing.T) {
	for path, want := range map[string]string{
		"/20200101/observations/public-span?dataFormat=apm&dataFormatVersion=1":     "let them upload to the APM domain directly",
		"/20200101/observations/private-span/?dataKey=" + key + "&dataFormat=apm":   "let them upload to the APM domain directly",
		"//20200101/observations/public-span?dataFormat=apm&dataKey=" + key:         "let them upload to the APM domain directly",
		"/20200101/observations/public-span?dataFormat=otlp&dataKey=" + key:         "send OTLP to /20200101/opentelemetry/v1/traces",
		"/20200101/observations/metric?dataKey=" + key:                              "send OTLP to /20200101/opentelemetry/v1/metrics",
		"/20200101/observations/metric?dataFormat=prometheus&dataFormatVersion=1.0": "send OTLP to /20200101/opentelemetry/v1/metrics",
	} {
		t.Run(path, func(t *testing.T) {
			answer, got := serve(t, httptest.NewRequest(http.MethodPost, "http://localhost"+path, http.NoBody))
			assert.Nil(t, got)
			assert.Equal(t, http.StatusUnsupportedMediaType, answer.Code)
			assert.Contains(t, answer.Body.String(), want)
			assert.NotContains(t, answer.Body.String(), key)
		})
	}
}

// A query is read before otlp_guard sees the request, and can be a megabyte long.
func TestLongQueriesAreRejected(t *testing.T) {
	const path = "/20200101/observations/public-span?dataFormat=zipkin&dataKey=" + key + "&"
	answer, got := serve(t, httptest.NewRequest(http.MethodPost, path+strings.Repeat("a&", 4<<10), http.NoBody))
	assert.Nil(t, got)
	assert.Equal(t, http.StatusRequestURITooLong, answer.Code)
	assert.NotContains(t, answer.Body.String(), key)
	_, got = serve(t, httptest.NewRequest(http.MethodPost, path+strings.Repeat("a&", 2<<10), http.NoBody))
	assert.NotNil(t, got)
}

func TestDataKeyIsNotPassedOn(t *testing.T) {
	t.Run("header", func(t *testing.T) {
		for _, header := range []string{"dataKey " + key, "datakey " + key, "DATAKEY  " + key, " dataKey " + key, "dataKey\t" + key, "dataKey"} {
			r := httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody)
			r.Header.Set("Authorization", header)
			_, got := serve(t, r)
			assert.Empty(t, got.Header.Get("Authorization"), header)
		}
	})
	t.Run("header of another scheme", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody)
		r.Header.Set("Authorization", "Bearer token")
		_, got := serve(t, r)
		assert.Equal(t, "Bearer token", got.Header.Get("Authorization"))
	})
	t.Run("empty header", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody)
		r.Header.Set("Authorization", " ")
		_, got := serve(t, r)
		assert.Equal(t, " ", got.Header.Get("Authorization"))
	})
	t.Run("one of two headers", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody)
		r.Header["Authorization"] = []string{"Bearer token", "dataKey " + key}
		_, got := serve(t, r)
		assert.Empty(t, got.Header.Values("Authorization"))
	})
	t.Run("query", func(t *testing.T) {
		for query, want := range map[string]string{
			"dataFormat=zipkin&dataFormatVersion=2&dataKey=" + key: "dataFormat=zipkin&dataFormatVersion=2",
			"dataKey=" + key: "",
			"dataKey=" + key + "&b=2&a=1&dataKey=" + key:         "b=2&a=1",
			"data%4Bey=" + key + "&a=%2F":                        "a=%2F",
			"dataKey%ZZ=" + key + "&a=1":                         "a=1",
			"datakey=" + key + "&a=1":                            "a=1",
			"DATAKEY=" + key + "&a=1":                            "a=1",
			"dataFormat=zipkin;dataKey=" + key + "&a=1":          "a=1",
			"dataKey&a=1":                                        "a=1",
			"dataFormat=zipkin&dataFormatVersion=2&other=" + "1": "dataFormat=zipkin&dataFormatVersion=2&other=1",
		} {
			_, got := serve(t, httptest.NewRequest(http.MethodPost, "/20200101/observations/private-span?"+query, http.NoBody))
			require.NotNil(t, got, query)
			assert.Equal(t, want, got.URL.RawQuery)
			assert.NotContains(t, got.RequestURI, key)
		}
	})
	t.Run("metadata", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/20200101/opentelemetry/v1/traces", http.NoBody)
		r.Header.Set("Authorization", "dataKey "+key)
		r = r.WithContext(client.NewContext(r.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{
			"Authorization": {"dataKey " + key}, "X-Tenant": {"a", "b"},
		})}))
		_, got := serve(t, r)
		metadata := client.FromContext(got.Context()).Metadata
		assert.Equal(t, []string{"x-tenant"}, slices.Collect(metadata.Keys()))
		assert.Equal(t, []string{"a", "b"}, metadata.Get("X-Tenant"))
	})
}

// A request that is not for APM's paths costs nothing.
func TestOtherRequestsAreNotCopied(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/v1/traces", http.NoBody)
	_, got := serve(t, r)
	assert.Same(t, r, got)
}

func TestConfig(t *testing.T) {
	configtest.Run(t, NewFactory(), []configtest.Case{{Name: "", Want: &Config{}}})
}
