// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

func TestUploadPaths(t *testing.T) {
	for _, tc := range []struct {
		path  string
		auth  string
		body  otlpMessage
		reply otlpMessage
		items int
	}{
		{TracesPath, privateAuth, oneSpan(t), ptraceotlp.NewExportResponse(), 1},
		{PrivateTracesPath, privateAuth, oneSpan(t), ptraceotlp.NewExportResponse(), 1},
		{PublicTracesPath, publicAuth, oneSpan(t), ptraceotlp.NewExportResponse(), 1},
		{MetricsPath, privateAuth, someMetrics(), pmetricotlp.NewExportResponse(), 5},
		{LogsPath, privateAuth, someLogs(), plogotlp.NewExportResponse(), 2},
		{TracesPath, privateAuth, ptraceotlp.NewExportRequest(), ptraceotlp.NewExportResponse(), 0},
		{MetricsPath, privateAuth, pmetricotlp.NewExportRequest(), pmetricotlp.NewExportResponse(), 0},
		{LogsPath, privateAuth, plogotlp.NewExportRequest(), plogotlp.NewExportResponse(), 0},
	} {
		for _, contentType := range []string{typeProtobuf, typeJSON, typeJSON + "; charset=utf-8"} {
			for _, contentEncoding := range []string{"", "identity", "gzip"} {
				t.Run(fmt.Sprintf("%s/%d/%s/%s", tc.path, tc.items, contentType, contentEncoding), func(t *testing.T) {
					s := start(t)
					body := protoOf(t, tc.body)
					if contentType != typeProtobuf {
						body = jsonOf(t, tc.body)
					}
					plain := len(body)
					h := header{"Authorization": tc.auth, "Content-Type": contentType, "User-Agent": "test/1"}
					if contentEncoding != "" {
						h["Content-Encoding"] = contentEncoding
					}
					if contentEncoding == "gzip" {
						body = zipped(t, body)
					}
					a := s.do(http.MethodPost, tc.path, body, h)
					require.Equal(t, http.StatusOK, a.status, string(a.body))
					if contentType == typeProtobuf {
						assert.Equal(t, typeProtobuf, a.header.Get("Content-Type"))
						require.NoError(t, tc.reply.UnmarshalProto(a.body))
						assert.Empty(t, a.body)
					} else {
						assert.Equal(t, []string{typeJSON}, a.header.Values("Content-Type"))
						require.NoError(t, tc.reply.UnmarshalJSON(a.body))
						assert.JSONEq(t, "{}", string(a.body))
					}

					uploads := s.server.Uploads()
					require.Len(t, uploads, 1)
					u := uploads[0]
					kind := KeyPrivate
					if tc.auth == publicAuth {
						kind = KeyPublic
					}
					signal, _ := findUploadPath(tc.path)
					assert.Equal(t, Upload{
						Time: u.Time, Method: "POST", Path: tc.path, Signal: signal.signal, Status: 200,
						ContentType: contentType, ContentEncoding: contentEncoding,
						Bytes: int64(len(body)), BytesDecompressed: int64(plain), Items: tc.items,
						UserAgent: "test/1", Key: kind,
					}, u)
					counts := s.server.Counts()
					assert.Equal(t, 1, counts.Uploads.Total)
					assert.Equal(t, 1, counts.Uploads.Accepted)
					assert.Equal(t, map[string]int{"200": 1}, counts.Uploads.ByStatus)
					assert.Equal(t, map[string]int{string(signal.signal): 1}, counts.Uploads.BySignal)
				})
			}
		}
	}
}

func TestUploadRejected(t *testing.T) {
	good := protoOf(t, oneSpan(t))
	valid := header{"Authorization": privateAuth, "Content-Type": typeProtobuf}
	with := func(changes header) header {
		h := maps.Clone(valid)
		for name, value := range changes {
			if value == "" {
				delete(h, name)
				continue
			}
			h[name] = value
		}
		return h
	}
	for _, tc := range []struct {
		name    string
		method  string
		path    string
		header  header
		body    []byte
		status  int
		code    int32
		message string
		key     KeyKind
	}{
		{"GET", http.MethodGet, TracesPath, valid, nil, 405, 12, "POST", KeyPrivate},
		{"PUT", http.MethodPut, MetricsPath, valid, good, 405, 12, "POST", KeyPrivate},
		{"OPTIONS", http.MethodOptions, LogsPath, valid, nil, 405, 12, "POST", KeyPrivate},
		{"no prefix", http.MethodPost, "/v1/traces", valid, good, 404, 5, "lacks APM's prefix: the right one is " + TracesPath, KeyPrivate},
		{"no prefix metrics", http.MethodPost, "/v1/metrics", valid, good, 404, 5, "the right one is " + MetricsPath, KeyPrivate},
		{"doubled", http.MethodPost, TracesPath + "/v1/traces", valid, good, 404, 5, "doubled", KeyPrivate},
		{"doubled, another signal", http.MethodPost, TracesPath + "/v1/metrics", valid, good, 404, 5, "doubled", KeyPrivate},
		{"doubled prefix", http.MethodPost, uploadPrefix + PublicTracesPath, valid, good, 404, 5, "doubled", KeyPrivate},
		{"doubled slash", http.MethodPost, "/20200101/opentelemetry//v1/traces", valid, good, 404, 5, "an extra slash: the right one is " + TracesPath, KeyPrivate},
		{"trailing slash", http.MethodPost, LogsPath + "/", valid, good, 404, 5, "an extra slash: the right one is " + LogsPath, KeyPrivate},
		{"slash and no prefix", http.MethodPost, "//v1/logs", valid, good, 404, 5, "the right one is " + LogsPath, KeyPrivate},
		{"public metrics", http.MethodPost, "/20200101/opentelemetry/public/v1/metrics", valid, good, 404, 5, "take a private key: " + MetricsPath, KeyPrivate},
		{"private logs", http.MethodPost, "/20200101/opentelemetry/private/v1/logs", valid, good, 404, 5, LogsPath, KeyPrivate},
		{"no signal", http.MethodPost, "/20200101/opentelemetry/v1/", valid, good, 404, 5, "has no signal", KeyPrivate},
		{"unknown signal", http.MethodPost, "/20200101/opentelemetry/v1/profiles", valid, good, 404, 5, "no signal has this path", KeyPrivate},
		{"grpc", http.MethodPost, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", valid, good, 404, 5, "gRPC", KeyPrivate},
		{"nowhere", http.MethodPost, "/upload", valid, good, 404, 5, "uploads go to", KeyPrivate},
		{"escaped", http.MethodPost, "/20200101/opentelemetry/v1%2Ftraces", valid, good, 404, 5, "uploads go to", KeyPrivate},
		{"query", http.MethodPost, TracesPath + "?x=1", valid, good, 400, 3, "query", KeyPrivate},
		{"key in the query", http.MethodPost, TracesPath + "?dataKey=" + DefaultPrivateKey, with(header{"Authorization": ""}), good, 400, 3, "query", KeyNone},
		{"no key", http.MethodPost, TracesPath, with(header{"Authorization": ""}), good, 401, 16, "no Authorization header", KeyNone},
		{"bare key", http.MethodPost, TracesPath, with(header{"Authorization": DefaultPrivateKey}), good, 401, 16, "is not \"dataKey <key>\"", KeyNone},
		{"bearer", http.MethodPost, TracesPath, with(header{"Authorization": "Bearer " + DefaultPrivateKey}), good, 401, 16, "scheme sent is bearer", KeyNone},
		{"lower case", http.MethodPost, TracesPath, with(header{"Authorization": "datakey " + DefaultPrivateKey}), good, 401, 16, "capital K", KeyNone},
		{"two blanks", http.MethodPost, TracesPath, with(header{"Authorization": "dataKey  " + DefaultPrivateKey}), good, 401, 16, "one space", KeyNone},
		{"no key after the scheme", http.MethodPost, TracesPath, with(header{"Authorization": "dataKey"}), good, 401, 16, "one space", KeyNone},
		{"unknown key", http.MethodPost, TracesPath, with(header{"Authorization": "dataKey somebody-elses"}), good, 401, 16, "not one of the domain's", KeyUnknown},
		{"longer key", http.MethodPost, TracesPath, with(header{"Authorization": privateAuth + "x"}), good, 401, 16, "not one of the domain's", KeyUnknown},
		{"public key for traces", http.MethodPost, TracesPath, with(header{"Authorization": publicAuth}), good, 403, 7, "requires a private key", KeyPublic},
		{"public key for private traces", http.MethodPost, PrivateTracesPath, with(header{"Authorization": publicAuth}), good, 403, 7, "requires a private key", KeyPublic},
		{"private key for public traces", http.MethodPost, PublicTracesPath, valid, good, 403, 7, "requires a public key", KeyPrivate},
		{"public key for metrics", http.MethodPost, MetricsPath, with(header{"Authorization": publicAuth}), good, 403, 7, "requires a private key", KeyPublic},
		{"public key for logs", http.MethodPost, LogsPath, with(header{"Authorization": publicAuth}), good, 403, 7, "requires a private key", KeyPublic},
		{"no content type", http.MethodPost, TracesPath, with(header{"Content-Type": ""}), good, 415, 3, "Content-Type must be", KeyPrivate},
		{"text", http.MethodPost, TracesPath, with(header{"Content-Type": "text/plain"}), good, 415, 3, "Content-Type must be", KeyPrivate},
		{"grpc content type", http.MethodPost, TracesPath, with(header{"Content-Type": "application/grpc"}), good, 415, 3, "Content-Type must be", KeyPrivate},
		{"zstd", http.MethodPost, TracesPath, with(header{"Content-Encoding": "zstd"}), good, 415, 3, "Content-Encoding must be", KeyPrivate},
		{"two codings", http.MethodPost, TracesPath, with(header{"Content-Encoding": "gzip, gzip"}), good, 415, 3, "Content-Encoding must be", KeyPrivate},
		{"not gzip", http.MethodPost, TracesPath, with(header{"Content-Encoding": "gzip"}), good, 400, 3, "not valid gzip", KeyPrivate},
		{"empty gzip", http.MethodPost, TracesPath, with(header{"Content-Encoding": "gzip"}), nil, 400, 3, "not valid gzip", KeyPrivate},
		{"cut gzip", http.MethodPost, TracesPath, with(header{"Content-Encoding": "gzip"}), zipped(t, good)[:30], 400, 3, "not valid gzip", KeyPrivate},
		{"text after gzip", http.MethodPost, TracesPath, with(header{"Content-Encoding": "gzip"}), append(zipped(t, good), "more"...), 400, 3, "not valid gzip", KeyPrivate},
		{"gzip not declared", http.MethodPost, TracesPath, valid, zipped(t, good), 400, 3, "not an OTLP export request", KeyPrivate},
		{"cut protobuf", http.MethodPost, TracesPath, valid, good[:len(good)-3], 400, 3, "not an OTLP export request", KeyPrivate},
		{"JSON as protobuf", http.MethodPost, TracesPath, valid, jsonOf(t, oneSpan(t)), 400, 3, "not an OTLP export request", KeyPrivate},
		{"protobuf as JSON", http.MethodPost, TracesPath, with(header{"Content-Type": typeJSON}), good, 400, 3, "not a JSON object", KeyPrivate},
		{"empty JSON", http.MethodPost, TracesPath, with(header{"Content-Type": typeJSON}), nil, 400, 3, "not a JSON object", KeyPrivate},
		{"JSON array", http.MethodPost, TracesPath, with(header{"Content-Type": typeJSON}), []byte("[]"), 400, 3, "not a JSON object", KeyPrivate},
		{"JSON and more", http.MethodPost, TracesPath, with(header{"Content-Type": typeJSON}), []byte("{}{}"), 400, 3, "not a JSON object", KeyPrivate},
		{"JSON of the wrong type", http.MethodPost, TracesPath, with(header{"Content-Type": typeJSON}), []byte(`{"resourceSpans":7}`), 400, 3, "not an OTLP export request", KeyPrivate},
		{"metrics on traces", http.MethodPost, TracesPath, valid, protoOf(t, someMetrics()), 400, 3, "looks like metrics", KeyPrivate},
		{"logs on traces", http.MethodPost, TracesPath, valid, protoOf(t, someLogs()), 400, 3, "looks like logs", KeyPrivate},
		{"traces on metrics", http.MethodPost, MetricsPath, valid, good, 400, 3, "looks like traces", KeyPrivate},
		{"logs on metrics", http.MethodPost, MetricsPath, valid, protoOf(t, someLogs()), 400, 3, "looks like logs", KeyPrivate},
		{"traces on logs", http.MethodPost, LogsPath, valid, good, 400, 3, "looks like traces", KeyPrivate},
		{"JSON metrics on traces", http.MethodPost, TracesPath, with(header{"Content-Type": typeJSON}), jsonOf(t, someMetrics()), 400, 3, "looks like metrics", KeyPrivate},
		{"JSON traces on logs", http.MethodPost, LogsPath, with(header{"Content-Type": typeJSON}), jsonOf(t, oneSpan(t)), 400, 3, "looks like traces", KeyPrivate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			a := s.do(tc.method, tc.path, tc.body, tc.header)
			assert.Equal(t, tc.status, a.status)
			var status spb.Status
			if encodingOf(tc.header["Content-Type"]) == protobufEncoding {
				assert.Equal(t, typeProtobuf, a.header.Get("Content-Type"))
				require.NoError(t, proto.Unmarshal(a.body, &status))
			} else {
				assert.Equal(t, []string{typeJSON}, a.header.Values("Content-Type"))
				require.NoError(t, protojson.Unmarshal(a.body, &status))
			}
			assert.Equal(t, tc.code, status.GetCode())
			assert.Contains(t, status.GetMessage(), tc.message)
			if tc.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "POST", a.header.Get("Allow"))
			}
			if tc.status == http.StatusUnauthorized {
				assert.Equal(t, "dataKey", a.header.Get("WWW-Authenticate"))
			}

			uploads := s.server.Uploads()
			require.Len(t, uploads, 1)
			assert.Equal(t, tc.status, uploads[0].Status)
			assert.Equal(t, tc.key, uploads[0].Key)
			assert.Equal(t, status.GetMessage(), uploads[0].Error)
			counts := s.server.Counts()
			assert.Equal(t, 1, counts.Uploads.Rejected)
			assert.Zero(t, counts.Spans.Received)
			assert.Equal(t, 1, s.logged("upload rejected"))

			all := fmt.Sprint(string(a.body), a.header, uploads, s.everythingLogged())
			for _, secret := range []string{DefaultPrivateKey, DefaultPublicKey, "somebody-elses"} {
				assert.NotContains(t, all, secret)
			}
		})
	}
}

func TestTwoAuthorizationHeaders(t *testing.T) {
	kind, problem := (&keyring{private: "a", public: "b"}).classify([]string{"dataKey a", "dataKey a"})
	assert.Equal(t, KeyNone, kind)
	require.NotNil(t, problem)
	assert.Equal(t, http.StatusUnauthorized, problem.status)
}

func TestTwoContentEncodingHeaders(t *testing.T) {
	_, ok := contentEncoding(&http.Request{Header: http.Header{"Content-Encoding": {"gzip", "gzip"}}})
	assert.False(t, ok)
}

func TestKeysAreRedacted(t *testing.T) {
	s := start(t)
	a := s.do(http.MethodPost, TracesPath+"/"+DefaultPrivateKey, nil, header{
		"Content-Type": "x/" + DefaultPublicKey, "Content-Encoding": DefaultPublicKey, "User-Agent": DefaultPrivateKey,
	})
	assert.Equal(t, http.StatusNotFound, a.status)
	uploads := s.server.Uploads()
	require.Len(t, uploads, 1)
	assert.Equal(t, TracesPath+"/[key]", uploads[0].Path)
	assert.Equal(t, "[key]", uploads[0].UserAgent)
	all := fmt.Sprint(string(a.body), uploads, s.everythingLogged())
	assert.NotContains(t, all, DefaultPrivateKey)
	assert.NotContains(t, all, DefaultPublicKey)
}

func TestLookingAroundIsNoUpload(t *testing.T) {
	s := start(t)
	a := s.do(http.MethodGet, "/favicon.ico", nil, nil)
	assert.Equal(t, http.StatusNotFound, a.status)
	assert.Contains(t, string(a.body), `"error":"nothing is here`)
	assert.Empty(t, s.server.Uploads())
}

func TestUploadSizes(t *testing.T) {
	body := protoOf(t, oneSpan(t))
	valid := header{"Authorization": privateAuth, "Content-Type": typeProtobuf}
	gzipHeader := header{"Authorization": privateAuth, "Content-Type": typeProtobuf, "Content-Encoding": "gzip"}
	small := zipped(t, body)
	for _, tc := range []struct {
		name         string
		request      int64
		decompressed int64
		body         []byte
		header       header
		status       int
		message      string
	}{
		{"just fits", int64(len(body)), int64(len(body)), body, valid, 200, ""},
		{"one byte too many as sent", int64(len(body)) - 1, 1 << 20, body, valid, 413, "--max-request-bytes"},
		{"one byte too many plain", 1 << 20, int64(len(body)) - 1, body, valid, 413, "--max-decompressed-bytes"},
		{"zipped just fits", int64(len(small)), int64(len(body)), small, gzipHeader, 200, ""},
		{"zipped, one byte too many as sent", int64(len(small)) - 1, 1 << 20, small, gzipHeader, 413, "--max-request-bytes"},
		{"zipped, one byte too many after", 1 << 20, int64(len(body)) - 1, small, gzipHeader, 413, "--max-decompressed-bytes"},
		{"bomb", 10 << 20, 1 << 20, zipped(t, make([]byte, 64<<20)), gzipHeader, 413, "--max-decompressed-bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, func(c *Config) {
				c.MaxRequestBytes = tc.request
				c.MaxDecompressedBytes = tc.decompressed
			})
			a := s.do(http.MethodPost, TracesPath, tc.body, tc.header)
			assert.Equal(t, tc.status, a.status)
			assert.Contains(t, string(a.body), tc.message)
			uploads := s.server.Uploads()
			require.Len(t, uploads, 1)
			assert.LessOrEqual(t, uploads[0].Bytes, tc.request)
			assert.LessOrEqual(t, uploads[0].BytesDecompressed, tc.decompressed+1)
		})
		t.Run(tc.name+", length unknown", func(t *testing.T) {
			s := start(t, func(c *Config) {
				c.MaxRequestBytes = tc.request
				c.MaxDecompressedBytes = tc.decompressed
			})
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL()+TracesPath, io.MultiReader(bytes.NewReader(tc.body)))
			require.NoError(t, err)
			for name, value := range tc.header {
				request.Header.Set(name, value)
			}
			response, err := s.client.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, tc.status, response.StatusCode)
		})
	}
}

// TestBodyBreaksOff sends less than its Content-Length.
func TestBodyBreaksOff(t *testing.T) {
	s := start(t)
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.server.URL(), "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\nshort",
		TracesPath, privateAuth, typeProtobuf)
	require.NoError(t, err)
	tcp, ok := conn.(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, tcp.CloseWrite())
	reply, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	assert.Contains(t, string(reply), "400 Bad Request")
	assert.Contains(t, string(reply), "ended early")
}

func TestFirstUploadsAreLoggedOnce(t *testing.T) {
	s := start(t)
	for range 3 {
		s.upload(TracesPath, protoOf(t, oneSpan(t)))
		s.upload(MetricsPath, protoOf(t, someMetrics()))
		s.upload(LogsPath, protoOf(t, someLogs()))
	}
	s.uploadTraces(tracesOf(t, spanSpec{trace: 9, id: 9, service: "other"}))
	assert.Equal(t, 4, s.logged("first upload"))
	assert.Equal(t, 10, s.logs.FilterMessage("upload").Len())
}

// encodes fails the test if v cannot be encoded as an API answer.
func encodes(t *testing.T, v any) {
	t.Helper()
	_, err := json.Marshal(v)
	require.NoError(t, err)
}
