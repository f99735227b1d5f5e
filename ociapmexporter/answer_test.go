// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

func TestIsRetryableStatusCode(t *testing.T) {
	for code := 300; code <= 599; code++ {
		want := code != 400 && code != 413 && code != 415 && code != 422
		assert.Equal(t, want, isRetryableStatusCode(code), "status %d", code)
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		value string
		want  time.Duration
	}{
		{"", 0},
		{"5", 5 * time.Second},
		{" 5 ", 5 * time.Second},
		{"0", 0},
		{"-5", 0},
		{"5.5", 0},
		{"soon", 0},
		{"901", maxRetryAfter},
		{"9223372036854775807", maxRetryAfter},
		{"99999999999999999999", maxRetryAfter},
		{"-99999999999999999999", 0},
		{now.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{now.Add(-time.Minute).Format(http.TimeFormat), 0},
		{now.Add(24 * time.Hour).Format(http.TimeFormat), maxRetryAfter},
		{now.Add(time.Minute).Format(time.RFC850), time.Minute},
		{now.Add(time.Minute).Format(time.ANSIC), time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			assert.Equal(t, tt.want, parseRetryAfter(tt.value, now))
		})
	}
}

func TestAnswerMessage(t *testing.T) {
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
			assert.Equal(t, tt.want, answer{contentType: tt.contentType, body: []byte(tt.body)}.message())
		})
	}

	t.Run("long", func(t *testing.T) {
		got := answer{body: []byte(strings.Repeat("é", maxMessageBytes))}.message()
		assert.Less(t, len(got), maxMessageBytes+len(" …")+1)
		assert.True(t, utf8.ValidString(got))
	})
}

func TestAnswerProblem(t *testing.T) {
	tests := []struct {
		code int
		want string
	}{
		{400, "with 400 Bad Request: why"},
		{401, "check that the data key belongs to this domain"},
		{403, "check that the data key belongs to this domain"},
		{404, "check the endpoint"},
		{413, "more than OCI APM takes in one request"},
		{429, "the domain's limit is reached"},
		{500, "with 500 Internal Server Error: why"},
		{503, "with 503 Service Unavailable: why"},
		{307, "a redirect is not followed"},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.code), func(t *testing.T) {
			err := answer{status: tt.code, body: []byte("why")}.problem("traces", "https://host/path")
			require.ErrorContains(t, err, "OCI APM answered the upload to https://host/path")
			require.ErrorContains(t, err, tt.want)
		})
	}
}
