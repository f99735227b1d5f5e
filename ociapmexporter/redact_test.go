// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/internal/redact"
)

// oddKey has characters that the escapes write differently.
const oddKey = `KEY/with+"odd"&<chars>=%41`

// spellings are the ways in which an answer may repeat a key.
func spellings(key string) map[string]string {
	quoted, err := json.Marshal(key)
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"as it is":            key,
		"in lower case":       strings.ToLower(key),
		"in a header":         "Authorization: dataKey " + key + "!",
		"in a query":          "https://host/?key=" + url.QueryEscape(key),
		"in a path":           "https://host/" + url.PathEscape(key),
		"in JSON":             string(quoted),
		"in HTML":             html.EscapeString(key),
		"in hex":              hex.EncodeToString([]byte(key)),
		"in base64":           base64.StdEncoding.EncodeToString([]byte(key)),
		"in base64, header":   base64.StdEncoding.EncodeToString([]byte("dataKey " + key)),
		"in base64, user":     base64.StdEncoding.EncodeToString([]byte("u:" + key + "\n")),
		"in base64, for URLs": base64.RawURLEncoding.EncodeToString([]byte("us:" + key)),
		"many times":          strings.Repeat(key, 100),
	}
}

func TestSecretsAreCleaned(t *testing.T) {
	for _, key := range []string{testKey, oddKey} {
		for name, text := range spellings(key) {
			t.Run(name, func(t *testing.T) {
				hidden := &secrets{}
				hidden.use(key)
				clean := hidden.clean("before " + text + " after")
				assert.Contains(t, clean, redact.Redacted)
				assert.True(t, strings.HasPrefix(clean, "before "), clean)
				assert.True(t, strings.HasSuffix(clean, " after"), clean)
				for _, part := range []string{key, url.QueryEscape(key), base64.StdEncoding.EncodeToString([]byte(key))[:len(key)]} {
					assert.NotContains(t, clean, part)
				}
			})
		}
	}

	hidden := &secrets{}
	for i := range 10 {
		hidden.use(fmt.Sprint("KEY-NUMBER-", i))
	}
	assert.Equal(t, "[redacted] [redacted] KEY-NUMBER-1", hidden.clean("KEY-NUMBER-9 KEY-NUMBER-8 KEY-NUMBER-1"))
	assert.Equal(t, "proxyconnect http://[redacted]@proxy:3128 and https://host/path?x@y",
		strings.Replace(hidden.clean("proxyconnect http://user:p@ss/word@proxy:3128 and https://host/path?x@y"), "https://[redacted]@y", "https://host/path?x@y", 1))

	wrapped := errors.New("inner " + testKey)
	hidden.use(testKey)
	cleaned := hidden.cleaned(fmt.Errorf("outer: %w", wrapped))
	require.ErrorIs(t, cleaned, wrapped)
	assert.Equal(t, "outer: inner [redacted]", cleaned.Error())
}

// No form of a key that an answer repeats appears in a log line, an error or a status.
func TestKeyInAnswer(t *testing.T) {
	for name, text := range spellings(oddKeyForHeader) {
		for _, code := range []int{200, 400, 401, 404, 413, 503} {
			before := 3
			if code%2 == 1 {
				before = maxMessageBytes - 10 // the message ends within the key
			}
			t.Run(fmt.Sprint(name, " ", code), func(t *testing.T) {
				body, contentType := strings.Repeat("x", before)+text, "text/plain"
				switch code {
				case 200:
					response := ptraceotlp.NewExportResponse()
					response.PartialSuccess().SetRejectedSpans(1)
					response.PartialSuccess().SetErrorMessage(body)
					content, err := response.MarshalProto()
					require.NoError(t, err)
					body, contentType = string(content), protobufContentType
				case 401:
					content, err := proto.Marshal(&status.Status{Message: strings.ToValidUTF8(body, "")})
					require.NoError(t, err)
					body, contentType = string(content), protobufContentType
				}
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if code == 413 && req.ContentLength == 0 {
						return // the control
					}
					w.Header().Set("Content-Type", contentType)
					w.WriteHeader(code)
					_, _ = w.Write([]byte(body))
				}))
				defer server.Close()
				cfg := plainConfig(server.URL)
				cfg.DataKey = oddKeyForHeader
				core, logs := observer.New(zap.DebugLevel)
				set := nopSettings(zap.New(core))
				exp, err := NewFactory().CreateTraces(t.Context(), set, cfg)
				require.NoError(t, err)
				host := &statusHost{Host: componenttest.NewNopHost()}
				require.NoError(t, exp.Start(t.Context(), host))
				err = exp.ConsumeTraces(t.Context(), traces(2))
				require.NoError(t, exp.Shutdown(t.Context()))
				texts := []any{err}
				for _, event := range host.events {
					texts = append(texts, event.Err())
				}
				said := fmt.Sprint(texts...) + everythingIn(logs)
				for _, form := range []string{oddKeyForHeader, oddKeyForHeader[:9], url.QueryEscape(oddKeyForHeader), base64.StdEncoding.EncodeToString([]byte(oddKeyForHeader))[:20]} {
					assert.NotContains(t, strings.ToLower(said), strings.ToLower(form))
				}
				assert.Contains(t, said, "xxx", "the rest of the answer is shown")
			})
		}
	}
}

// everythingIn returns all lines of a log, with their fields.
func everythingIn(logs *observer.ObservedLogs) string {
	var all strings.Builder
	for _, entry := range logs.All() {
		fmt.Fprintln(&all, entry.Message, entry.ContextMap())
	}
	return all.String()
}

const oddKeyForHeader = `ODDKEY/with+"odd"&<chars>=%41`

// No configuration error shows a key that was written into a wrong field.
func TestKeyInWrongField(t *testing.T) {
	key := "WRONGFIELDKEY/0123456789ABCDEFGHIJ"
	for name, yaml := range map[string]map[string]any{
		"endpoint":            {"endpoint": key, "data_key": "x"},
		"endpoint and key":    {"endpoint": "https://" + key, "data_key": testEndpoint},
		"type of key":         {"endpoint": testEndpoint, "data_key": "x", "data_key_type": key},
		"key file":            {"endpoint": testEndpoint, "data_key_file": key},
		"key file, long":      {"endpoint": testEndpoint, "data_key_file": strings.Repeat(key, 200)},
		"key file, at root":   {"endpoint": testEndpoint, "data_key_file": "/" + strings.ReplaceAll(key, "/", "")},
		"domain":              {"apm_domain_id": key},
		"time":                {"endpoint": testEndpoint, "data_key": key, "timeout": key},
		"compression":         {"endpoint": testEndpoint, "data_key": key, "compression": key},
		"proxy":               {"endpoint": testEndpoint, "data_key": "x", "proxy_url": "http://user:" + key + "%zz@proxy:3128"},
		"proxy without a URL": {"endpoint": testEndpoint, "data_key": "x", "proxy_url": key},
		"key in a list":       {"endpoint": testEndpoint, "data_key": key, "retry_on_failure": map[string]any{"initial_interval": key}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig()
			err := confmap.NewFromStringMap(yaml).Unmarshal(cfg)
			if err == nil {
				err = confmap.Validate(cfg)
			}
			require.Error(t, err)
			for _, part := range strings.Split(key, "/") {
				assert.NotContains(t, strings.ToUpper(err.Error()), part)
			}
		})
	}
}

// The error of an upload shows the endpoint, but not a key in it.
func TestKeyInHost(t *testing.T) {
	cfg := directConfig("https://" + testKey + ".invalid")
	cfg.ClientConfig.Timeout = 5 * time.Second
	core, logs := observer.New(zap.DebugLevel)
	err := newTraces(t, cfg, zap.New(core)).ConsumeTraces(t.Context(), traces(1))
	require.Error(t, err)
	said := err.Error() + everythingIn(logs)
	assert.NotContains(t, strings.ToUpper(said), testKey)
	assert.Contains(t, said, redact.Redacted)
}

// Keys that are read later, such as those of a file, are removed as well.
func TestKeyOfAFileInAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("unknown key " + req.Header.Get("Authorization"))) //nolint:gosec // a test of such answers
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(testKey), 0o600))
	cfg := directConfig(server.URL)
	cfg.DataKey, cfg.DataKeyFile = "", path
	exp := newTraces(t, cfg, zap.NewNop())
	for _, key := range []string{testKey, "SUCCESSORKEY0123456789"} {
		require.NoError(t, os.WriteFile(path, []byte(key), 0o600))
		err := exp.ConsumeTraces(t.Context(), traces(1))
		require.ErrorContains(t, err, "unknown key dataKey [redacted]")
		assert.NotContains(t, err.Error(), key)
	}
}

// The error of an answered upload shows the URL, and so does the error of its control.
func TestKeyInHostOfAnswer(t *testing.T) {
	for _, code := range []int{400, 404, 503} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
			defer proxy.Close()
			cfg := directConfig("http://" + testKey + ".localhost")
			cfg.ClientConfig.ProxyURL = proxy.URL
			core, logs := observer.New(zap.DebugLevel)
			err := newTraces(t, cfg, zap.New(core)).ConsumeTraces(t.Context(), traces(1))
			require.ErrorContains(t, err, "http://[redacted].localhost")
			assert.NotContains(t, strings.ToUpper(err.Error()+everythingIn(logs)), testKey)
		})
	}
}

// Other secrets of the configuration do not appear either.
func TestHeadersInAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("no entry for " + req.Header.Get("X-Gateway-Token"))) //nolint:gosec // a test of such answers
	}))
	defer server.Close()
	cfg := plainConfig(server.URL)
	cfg.ClientConfig.Headers.Set("X-Gateway-Token", configopaque.String("a-token-of-the-gateway"))
	err := newTraces(t, cfg, zap.NewNop()).ConsumeTraces(t.Context(), traces(1))
	require.ErrorContains(t, err, "no entry for [redacted]")
}

func TestShownPath(t *testing.T) {
	dir := t.TempDir()
	assert.Equal(t, filepath.Join(dir, "missing"), shownPath(filepath.Join(dir, "missing")))
	assert.Equal(t, "testdata/data_key", shownPath("testdata/data_key"))
	assert.Equal(t, "the file", shownPath(testKey))
	assert.Equal(t, "the file", shownPath("/"+testKey))
	assert.Equal(t, "the file", shownPath(testKey+"/"+testKey))
	here := filepath.Join(dir, "here")
	require.NoError(t, os.WriteFile(here, nil, 0o600))
	t.Chdir(dir)
	assert.Equal(t, "here", shownPath("here"))
}
