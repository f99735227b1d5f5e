// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	zipkinQuery  = "?dataFormat=zipkin&dataFormatVersion=2&dataKey="
	publicQuery  = zipkinQuery + DefaultPublicKey
	privateQuery = zipkinQuery + DefaultPrivateKey
)

// zipkinSpan is a click on a page, with IDs of 64 bits.
const zipkinSpan = `[{"traceId":"463ac35c9f6413ad","id":"72485a3953bb6124","kind":"CLIENT","name":"get /items",
	"timestamp":1785578400000000,"duration":30000,"localEndpoint":{"serviceName":"page"},
	"remoteEndpoint":{"serviceName":"shop","port":8000},"tags":{"http.method":"GET","ready":"true"}}]`

func TestZipkinUpload(t *testing.T) {
	for _, tc := range []struct {
		name    string
		path    string
		body    []byte
		headers header
		key     KeyKind
	}{
		{"public", PublicSpanPath + publicQuery, []byte(zipkinSpan), nil, KeyPublic},
		{"private", PrivateSpanPath + privateQuery, []byte(zipkinSpan), nil, KeyPrivate},
		{"order of the query", PublicSpanPath + "?dataKey=" + DefaultPublicKey + "&dataFormatVersion=2&dataFormat=zipkin", []byte(zipkinSpan), nil, KeyPublic},
		{"gzip", PublicSpanPath + publicQuery, zipped(t, []byte(zipkinSpan)), header{"Content-Encoding": "gzip"}, KeyPublic},
		{"charset", PublicSpanPath + publicQuery, []byte(zipkinSpan), header{"Content-Type": typeJSON + "; charset=utf-8"}, KeyPublic},
		{"another key in the header", PublicSpanPath + publicQuery, []byte(zipkinSpan), header{"Authorization": privateAuth}, KeyPublic},
		{"white space first", PublicSpanPath + publicQuery, []byte("\r\n\t " + zipkinSpan), nil, KeyPublic},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			sent := header{"Content-Type": typeJSON}
			for name, value := range tc.headers {
				sent[name] = value
			}
			a := s.do(http.MethodPost, tc.path, tc.body, sent)
			assert.Equal(t, http.StatusOK, a.status)
			assert.Empty(t, a.body)

			traces := s.server.StoredTraces()
			require.Equal(t, 1, traces.SpanCount())
			resource := traces.ResourceSpans().At(0)
			service, _ := resource.Resource().Attributes().Get("service.name")
			assert.Equal(t, "page", service.Str())
			span := resource.ScopeSpans().At(0).Spans().At(0)
			assert.Equal(t, "0000000000000000463ac35c9f6413ad", span.TraceID().String())
			assert.Equal(t, "72485a3953bb6124", span.SpanID().String())
			ready, _ := span.Attributes().Get("ready")
			assert.Equal(t, "true", ready.Str(), "tags stay text")

			uploads := s.server.Uploads()
			require.Len(t, uploads, 1)
			assert.Equal(t, tc.key, uploads[0].Key)
			assert.Equal(t, SignalTraces, uploads[0].Signal)
			assert.Equal(t, 1, uploads[0].Items)
			all := fmt.Sprint(uploads, s.everythingLogged())
			assert.NotContains(t, all, DefaultPublicKey)
			assert.NotContains(t, all, DefaultPrivateKey)
		})
	}
}

// TestZipkinSpanIsTheParent uploads the span of a page, and that of the service that
// the page called with B3 headers.
func TestZipkinSpanIsTheParent(t *testing.T) {
	s := start(t)
	s.do(http.MethodPost, PublicSpanPath+publicQuery, []byte(zipkinSpan), header{"Content-Type": typeJSON})
	s.do(http.MethodPost, TracesPath, []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
		"scopeSpans":[{"spans":[{"traceId":"0000000000000000463ac35c9f6413ad","spanId":"eee19b7ec3c1b174","parentSpanId":"72485a3953bb6124",
		"name":"GET /items","kind":2,"startTimeUnixNano":"1785578400001000000","endTimeUnixNano":"1785578400002000000"}]}]}]}`),
		header{"Content-Type": typeJSON, "Authorization": privateAuth})
	edges := s.server.Topology().Edges
	require.Len(t, edges, 1)
	assert.Equal(t, "service:page", edges[0].Source)
	assert.Equal(t, "service:shop", edges[0].Target)
	assert.Equal(t, 1, s.server.Counts().Spans.TracesInStore)
}

func TestZipkinUploadRejected(t *testing.T) {
	const asJSON = typeJSON
	for _, tc := range []struct {
		name        string
		path        string
		contentType string
		body        string
		status      int
		message     string
		key         KeyKind
	}{
		{"Oracle's format", PublicSpanPath + "?dataFormat=apm&dataFormatVersion=1&dataKey=" + DefaultPublicKey, asJSON, zipkinSpan, 415, "dataFormat=apm is the format of Oracle's own agents", KeyPublic},
		{"OTLP", PublicSpanPath + "?dataFormat=otlp&dataFormatVersion=1.0&dataKey=" + DefaultPublicKey, asJSON, "{}", 415, "OTLP goes to " + TracesPath, KeyPublic},
		{"no format", PublicSpanPath + "?dataKey=" + DefaultPublicKey, asJSON, zipkinSpan, 415, "dataFormat=zipkin", KeyPublic},
		{"version 1", PublicSpanPath + "?dataFormat=zipkin&dataFormatVersion=1&dataKey=" + DefaultPublicKey, asJSON, zipkinSpan, 400, "dataFormatVersion=2", KeyPublic},
		{"no version", PublicSpanPath + "?dataFormat=zipkin&dataKey=" + DefaultPublicKey, asJSON, zipkinSpan, 400, "dataFormatVersion=2", KeyPublic},
		{"no key", PublicSpanPath + "?dataFormat=zipkin&dataFormatVersion=2", asJSON, zipkinSpan, 401, "no dataKey in the query", KeyNone},
		{"empty key", PublicSpanPath + zipkinQuery, asJSON, zipkinSpan, 401, "no dataKey in the query", KeyNone},
		{"two keys", PublicSpanPath + publicQuery + "&dataKey=" + DefaultPublicKey, asJSON, zipkinSpan, 401, "more than one dataKey", KeyNone},
		{"unknown key", PublicSpanPath + zipkinQuery + "somebody-elses", asJSON, zipkinSpan, 401, "not one of the domain's", KeyUnknown},
		{"private key on the public path", PublicSpanPath + privateQuery, asJSON, zipkinSpan, 403, "requires a public key", KeyPrivate},
		{"public key on the private path", PrivateSpanPath + publicQuery, asJSON, zipkinSpan, 403, "requires a private key", KeyPublic},
		{"protobuf", PublicSpanPath + publicQuery, typeProtobuf, zipkinSpan, 415, "Content-Type must be application/json", KeyPublic},
		{"no content type", PublicSpanPath + publicQuery, "", zipkinSpan, 415, "Content-Type must be application/json", KeyPublic},
		{"an object", PublicSpanPath + publicQuery, asJSON, "{}", 400, "not a JSON array", KeyPublic},
		{"cut", PublicSpanPath + publicQuery, asJSON, zipkinSpan[:50], 400, "not a JSON array", KeyPublic},
		{"nothing", PublicSpanPath + publicQuery, asJSON, "", 400, "not a JSON array", KeyPublic},
		{"no ids", PublicSpanPath + publicQuery, asJSON, `[{"name":"x"}]`, 400, "not an array of Zipkin v2 spans", KeyPublic},
		{"key in an id", PublicSpanPath + publicQuery, asJSON, `[{"traceId":"1","id":"` + DefaultPublicKey + `"}]`, 400, "not an array of Zipkin v2 spans", KeyPublic},
		{"another path", "/20200101/observations/metric" + privateQuery, asJSON, "{}", 404, "Zipkin's format at " + PublicSpanPath, KeyNone},
		{"trailing slash", PublicSpanPath + "/" + publicQuery, asJSON, zipkinSpan, 404, "the right one is " + PublicSpanPath, KeyNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			a := s.do(http.MethodPost, tc.path, []byte(tc.body), header{"Content-Type": tc.contentType})
			assert.Equal(t, tc.status, a.status)
			if tc.status != http.StatusNotFound {
				assert.Contains(t, a.header.Get("Content-Type"), typeJSON, "also for protobuf")
			}
			assert.Contains(t, string(a.body)+s.server.Uploads()[0].Error, tc.message)
			assert.Equal(t, tc.key, s.server.Uploads()[0].Key)
			assert.Zero(t, s.server.Counts().Spans.Received)
			all := fmt.Sprint(string(a.body), a.header, s.server.Uploads(), s.everythingLogged())
			for _, secret := range []string{DefaultPrivateKey, DefaultPublicKey, "somebody-elses"} {
				assert.NotContains(t, all, secret)
			}
		})
	}
}

// TestZipkinHasNoPartialSuccess covers an empty upload and one that loses a span.
func TestZipkinHasNoPartialSuccess(t *testing.T) {
	s := start(t)
	for _, empty := range []string{"[]", "[null]"} {
		a := s.do(http.MethodPost, PublicSpanPath+publicQuery, []byte(empty), header{"Content-Type": typeJSON})
		assert.Equal(t, http.StatusOK, a.status)
	}
	_, err := s.server.AddFault(Fault{PartialSuccess: &PartialSuccess{Rejected: 1, Message: "quota"}})
	require.NoError(t, err)
	a := s.do(http.MethodPost, PublicSpanPath+publicQuery, []byte(zipkinSpan), header{"Content-Type": typeJSON})
	assert.Equal(t, http.StatusOK, a.status)
	assert.Empty(t, a.body)
	assert.Equal(t, 1, s.server.Counts().Spans.Rejected)
	assert.Zero(t, s.server.Counts().Spans.Stored)
}

func TestZipkinTooManySpans(t *testing.T) {
	body := append(append([]byte("[{}"), bytes.Repeat([]byte(",{}"), maxMessages)...), ']')
	_, p := decodeZipkin(body, &keyring{private: "a", public: "b"})
	require.NotNil(t, p)
	assert.Equal(t, http.StatusRequestEntityTooLarge, p.status)
	assert.Contains(t, p.message, "send smaller batches")
}

func TestPagesOfOtherOriginsUpload(t *testing.T) {
	const origin = "https://shop.example.com"
	s := start(t)
	preflight := header{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
	a := s.do(http.MethodOptions, PublicSpanPath+publicQuery, nil, preflight)
	assert.Equal(t, http.StatusNoContent, a.status)
	assert.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "POST", a.header.Get("Access-Control-Allow-Methods"))
	assert.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "content-type")
	assert.Empty(t, s.server.Uploads(), "a preflight is no upload")

	a = s.do(http.MethodPost, PublicSpanPath+publicQuery, []byte(zipkinSpan),
		header{"Origin": origin, "Content-Type": typeJSON, "Access-Control-Request-Method": "POST"})
	assert.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	a = s.do(http.MethodPost, PublicSpanPath+zipkinQuery+"wrong", []byte(zipkinSpan), header{"Origin": origin, "Content-Type": typeJSON})
	assert.Equal(t, http.StatusUnauthorized, a.status)
	assert.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), "a page can read why its upload failed")

	a = s.do(http.MethodOptions, PrivateSpanPath+privateQuery, nil, preflight)
	assert.Equal(t, http.StatusMethodNotAllowed, a.status)
	assert.Empty(t, a.header.Get("Access-Control-Allow-Origin"), "a page has no private key")
	a = s.do(http.MethodOptions, PublicSpanPath+publicQuery, nil, header{"Origin": origin})
	assert.Equal(t, http.StatusMethodNotAllowed, a.status, "without the method it is no preflight")
	a = s.do(http.MethodOptions, PublicSpanPath+publicQuery, nil, header{"Access-Control-Request-Method": "POST"})
	assert.Equal(t, http.StatusMethodNotAllowed, a.status, "without an origin it is no preflight")
}
