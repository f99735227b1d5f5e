// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package localapi

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestIsLoopback(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.9.1:1": true, "[::1]:1": true, "localhost:1": true, "LOCALHOST.:1": true, "a.localhost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, "localhost.example.com:1": false, "nonsense": false,
	} {
		assert.Equal(t, want, IsLoopback(listen), listen)
	}
}

func TestWriteReportsWhatCannotBeEncoded(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	recorder := httptest.NewRecorder()
	Write(recorder, zap.New(core), http.StatusOK, math.NaN())
	assert.Equal(t, http.StatusInternalServerError, recorder.Code)
	assert.JSONEq(t, `{"error":"the answer could not be encoded"}`, recorder.Body.String())
	assert.Equal(t, 1, logs.Len())
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"good", `{"name": "a"}`, http.StatusOK, ""},
		{"an unknown field", `{"nome": "a"}`, http.StatusBadRequest, "unknown field"},
		{"another type", `{"name": 1234}`, http.StatusBadRequest, "name: cannot be a number"},
		{"two values", `{"name": "a"} {}`, http.StatusBadRequest, "more than one JSON value"},
		{"too large", `{"name": "` + strings.Repeat("a", maxBody) + `"}`, http.StatusRequestEntityTooLarge, "larger than 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			var v struct {
				Name string `json:"name"`
			}
			ok := Read(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body)), &v)
			assert.Equal(t, test.want == "", ok)
			assert.Equal(t, test.status, recorder.Code)
			assert.Contains(t, recorder.Body.String(), test.want)
			assert.NotContains(t, recorder.Body.String(), "1234")
		})
	}
}

func TestProtect(t *testing.T) {
	handler := Protect("127.0.0.1:1", Methods{http.MethodGet: func(http.ResponseWriter, *http.Request) {}})
	for _, test := range []struct {
		name, method, host, origin string
		want                       int
	}{
		{"good", http.MethodGet, "localhost:1", "", http.StatusOK},
		{"HEAD is like GET", http.MethodHead, "127.0.0.1", "", http.StatusOK},
		{"another method", http.MethodPut, "127.0.0.1", "", http.StatusMethodNotAllowed},
		{"another host", http.MethodGet, "example.com", "", http.StatusForbidden},
		{"another origin", http.MethodPost, "127.0.0.1", "https://example.com", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, "/", http.NoBody)
			request.Host = test.host
			if test.origin != "" {
				request.Header.Set("Origin", test.origin)
			}
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			assert.Equal(t, test.want, recorder.Code)
		})
	}
}
