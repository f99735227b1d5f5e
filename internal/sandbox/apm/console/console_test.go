// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func get(t *testing.T, method, path, tag string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if tag != "" {
		request.Header.Set("If-None-Match", tag)
	}
	recorder := httptest.NewRecorder()
	Handler().ServeHTTP(recorder, request)
	return recorder
}

func TestFiles(t *testing.T) {
	page := get(t, http.MethodGet, "/", "")
	require.Equal(t, http.StatusOK, page.Code)
	assert.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
	// The page has no inline script or style, and everything that it references
	// is embedded.
	assert.NotRegexp(t, `<style|<script[^>]*>[^<]|\son\w+=|style=`, page.Body.String())
	named := regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	assert.Len(t, named, 3)
	for _, match := range named {
		assert.Equal(t, http.StatusOK, get(t, http.MethodGet, "/"+match[1], "").Code, match[1])
	}
	for path, contentType := range map[string]string{
		"/assets/console.js": "text/javascript; charset=utf-8", "/assets/console.css": "text/css; charset=utf-8", "/assets/icon.svg": "image/svg+xml",
	} {
		answer := get(t, http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, answer.Code, path)
		assert.Equal(t, contentType, answer.Header().Get("Content-Type"), path)
		assert.NotEmpty(t, answer.Body.Bytes(), path)
	}
}

func TestHeaders(t *testing.T) {
	header := get(t, http.MethodGet, "/", "").Header()
	policy := header.Get("Content-Security-Policy")
	for _, directive := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
		"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
	} {
		assert.Contains(t, policy, directive)
	}
	assert.NotContains(t, policy, "unsafe")
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", header.Get("Cross-Origin-Resource-Policy"))
	assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"))

	tag := header.Get("ETag")
	require.NotEmpty(t, tag)
	again := get(t, http.MethodGet, "/", tag)
	assert.Equal(t, http.StatusNotModified, again.Code)
	assert.Empty(t, again.Body.Bytes())
	assert.Equal(t, http.StatusOK, get(t, http.MethodGet, "/", `"other"`).Code)
}

func TestNothingElse(t *testing.T) {
	for _, path := range []string{"/index.html", "/assets/", "/assets/none.js", "/assets/../console.go", "/src/main.tsx"} {
		assert.Equal(t, http.StatusNotFound, get(t, http.MethodGet, path, "").Code, path)
	}
	answer := get(t, http.MethodPost, "/", "")
	assert.Equal(t, http.StatusMethodNotAllowed, answer.Code)
	assert.Equal(t, "GET, HEAD", answer.Header().Get("Allow"))
	assert.Equal(t, http.StatusOK, get(t, http.MethodHead, "/", "").Code)
}

// No built file contains an address to load from: the page works without a
// network. Names of namespaces and of licenses' pages are not addresses to load
// from.
func TestNoForeignAddresses(t *testing.T) {
	address := regexp.MustCompile(`https?://[\w.-]+`)
	known := []string{"http://www.w3.org", "http://localhost"}
	require.NoError(t, fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".txt") {
			return err
		}
		content, err := dist.ReadFile(name)
		for _, found := range address.FindAllString(string(content), -1) {
			assert.Contains(t, known, found, name)
		}
		return err
	}))
}
