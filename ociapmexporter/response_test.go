// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func TestIsRetryableStatusCode(t *testing.T) {
	for code := 300; code <= 599; code++ {
		want := code != 400 && code != 413 && code != 415 && code != 422
		assert.Equal(t, want, isRetryableStatusCode(code), "status %d", code)
	}
}

// An upload is accepted only if the answer comes from APM: in OTLP, or empty.
func TestResponseAccepted(t *testing.T) {
	partial := ptraceotlp.NewExportResponse()
	partial.PartialSuccess().SetRejectedSpans(2)
	protobuf, err := partial.MarshalProto()
	require.NoError(t, err)
	const page = "<html><body>Sign in to continue</body></html>"
	tests := []struct {
		name        string
		contentType string
		body        string
		want        bool
	}{
		{"nothing", "", "", true},
		{"nothing, as protobuf", protobufContentType, "", true},
		{"nothing, as text", "text/plain", " \r\n", true},
		{"nothing, as a page", "text/html", " \r\n", false},
		{"protobuf", protobufContentType, string(protobuf), true},
		{"another name of protobuf", "application/protobuf", string(protobuf), true},
		{"JSON", "application/json", `{"partialSuccess":{"rejectedSpans":"2"}}`, true},
		{"empty JSON", "application/json", " {}\n", true},
		{"JSON with more", "application/json", `{"partialSuccess":{},"more":1}`, true},
		{"page", "text/html", page, false},
		{"page without a type", "", page, false},
		{"page as protobuf", protobufContentType, page, false},
		{"page as JSON", "application/json", page, false},
		{"text", "text/plain", "OK", false},
		{"JSON of something else", "application/json", `{"error":"sign in"}`, false},
		{"JSON that is no object", "application/json", `["partialSuccess"]`, false},
		{"binary", "application/octet-stream", "\xff\xfe", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, status := range []int{200, 201, 202, 204, 206, 299} {
				got := response{status: status, contentType: tt.contentType, body: []byte(tt.body)}
				assert.Equal(t, tt.want, got.accepted(), "status %d", status)
			}
			for _, status := range []int{199, 300, 304, 400, 500} {
				assert.False(t, response{status: status, contentType: tt.contentType, body: []byte(tt.body)}.accepted(), "status %d", status)
			}
		})
	}
}

// longPartialSuccess is an answer whose message is too long to be read completely.
func longPartialSuccess() string {
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), strings.Repeat("x", 2*maxResponseBytes))
	return string(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial))
}

// Every successful answer of APM completes the upload. After any other answer, even a
// long page, the data is retained for retry and not counted as rejected.
func TestSuccessIsAPMs(t *testing.T) {
	for _, tt := range []struct {
		status      int
		contentType string
		body        string
		want        bool
		rejected    int
	}{
		{200, "application/x-protobuf", "", true, 0},
		{201, "application/json; charset=utf-8", `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}`, true, 2},
		{202, "", "", true, 0},
		{204, "", "", true, 0},
		{200, "text/html", "<html>" + strings.Repeat("x", 2*maxResponseBytes), false, 0},
		{202, "text/html", "<html>sign in", false, 0},
		{200, "text/html", "", false, 0},
		{200, "application/x-protobuf", strings.Repeat("\x00", 2*maxResponseBytes), false, 0},
		{200, "application/x-protobuf", "\n<html>" + strings.Repeat("x", 2*maxResponseBytes), false, 0},
		{200, "application/x-protobuf", longPartialSuccess(), true, 0},
	} {
		t.Run(strconv.Itoa(tt.status)+" "+tt.contentType, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			base := startBaseExporter(t, directConfig(server.URL), zap.NewNop())
			r := newTestRequest(t, traces(5))
			rejected, err := base.uploadOnce(t.Context(), r)
			assert.Equal(t, tt.rejected, rejected)
			if tt.want {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "which is not OCI APM's")
			assert.False(t, isRefusal(err))
			assert.False(t, consumererror.IsPermanent(base.push(t.Context(), r)))
		})
	}
}

func TestResponseMessage(t *testing.T) {
	otlp, err := proto.Marshal(&status.Status{Code: 16, Message: "unknown data key"})
	require.NoError(t, err)
	tests := []struct {
		name        string
		contentType string
		body        string
		want        string
	}{
		{"protobuf", protobufContentType, string(otlp), "unknown data key"},
		{"broken protobuf", protobufContentType, "\xff\xff", ""},
		{"JSON", "application/json", `{"code":16,"message":"unknown data key","more":1}`, "unknown data key"},
		{"other JSON", "application/json", `{"error": "no"}`, `{"error": "no"}`},
		{"page", "text/html", "<h1>\n  Not\tFound</h1>", "<h1> Not Found</h1>"},
		{"nothing", "", "", ""},
		{"binary", "application/octet-stream", "\xff\xfe", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, response{contentType: tt.contentType, body: []byte(tt.body)}.message())
		})
	}

	t.Run("long", func(t *testing.T) {
		got := response{body: []byte(strings.Repeat("é", maxMessageBytes))}.message()
		assert.Less(t, len(got), maxMessageBytes+len(" …")+1)
		assert.True(t, utf8.ValidString(got))
	})
}

func TestResponseProblem(t *testing.T) {
	tests := []struct {
		code int
		want string
	}{
		{400, "with 400 Bad Request: why"},
		{401, "check that the data key belongs to this domain"},
		{403, "check that the data key belongs to this domain"},
		{404, "check the endpoint"},
		{413, "more than OCI APM accepts in one request"},
		{429, "the domain's limit is reached"},
		{500, "with 500 Internal Server Error: why"},
		{503, "with 503 Service Unavailable: why"},
		{307, "a redirect is not followed"},
		{407, "write both in front of its host in proxy_url"},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.code), func(t *testing.T) {
			err := response{status: tt.code, body: []byte("why")}.problem("traces", "https://host/path")
			require.ErrorContains(t, err, "OCI APM answered the upload to https://host/path")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// If the domain does not accept a signal, the error says how to switch the signal off.
func TestSignalIsNotTaken(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), "--set=exporters.nop= '--set=service.pipelines.logs.exporters=[nop]'")
	for _, signal := range []string{"metrics", "logs"} {
		for _, status := range []int{404, 405, 410} {
			err := response{status: status}.problem(signal, "https://host/path")
			require.ErrorContains(t, err, "if traces are accepted, the domain does not support "+signal)
			require.ErrorContains(t, err, "--set=exporters.nop= '--set=service.pipelines."+signal+".exporters=[nop]'")
			assert.False(t, isRefusal(err))
		}
	}
	assert.NotContains(t, response{status: 404}.problem("traces", "https://host/path").Error(), "nop")
}
