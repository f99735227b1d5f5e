// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// pageService is the service.name of the page.
const pageService = "page"

// chromium is one headless browser for all rows, started by the first.
var chromium struct {
	mu   sync.Mutex
	tabs context.Context //nolint:containedctx // chromedp keeps a browser in its context
	end  func()
}

// endChromium stops the browser and waits for it to exit.
func endChromium() {
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	if chromium.end != nil {
		chromium.end()
	}
}

// startChromium returns the browser's context.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	if chromium.end == nil {
		profile, err := os.MkdirTemp("", "chromium") //nolint:usetesting // it outlives the test
		require.NoError(t, err)
		allocator, endAllocator := chromedp.NewExecAllocator(context.Background(),
			chromedp.NoFirstRun, chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.UserDataDir(profile),
			chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))
		tabs, endTabs := chromedp.NewContext(allocator)
		chromium.tabs = tabs //nolint:fatcontext // set once, for all rows
		chromium.end = func() {
			_ = chromedp.Cancel(tabs)
			endTabs()
			endAllocator()
			_ = os.RemoveAll(profile)
		}
	}
	require.NoError(t, chromedp.Do(chromium.tabs), "Chromium does not start")
	return chromium.tabs
}

// clicked is the page's report of a click.
type clicked struct {
	Trace  string `json:"trace"` // 64 bits
	Span   string `json:"span"`
	Answer int    `json:"answer"`
	Upload int    `json:"upload"`
	Body   string `json:"body"` // of the upload
}

// click opens the page browser.html and clicks its button. The page calls the app
// and uploads its span to the sandbox, as APM's browser agent uploads to the domain.
func (c *client) click(t *testing.T) {
	t.Helper()
	front := startPage(t, c.running)
	tab, end := chromedp.NewContext(startChromium(t))
	defer end()
	ctx, cancel := context.WithTimeout(tab, requestTimeout)
	defer cancel()
	domain := url.Values{"endpoint": {c.running.sandbox.URL}, "key": {harness.PublicKey}}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(front+"/?"+domain.Encode()), chromedp.Click(chromedp.CSS("#list"))))
	done, err := chromedp.Run(ctx, chromedp.Evaluate[clicked]("window.clicked", chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, done.Answer)
	require.Equal(t, http.StatusOK, done.Upload)
	require.NoError(t, c.running.recorder.keepZipkin([]byte(done.Body)))
	c.traces[padded(done.Trace)] = done.Span
	c.running.replayed++
	c.count(http.MethodGet, "/items", done.Answer, 1)
}

// padded converts a 64-bit ID to a 128-bit one.
func padded(id string) string { return strings.Repeat("0", 32-len(id)) + id }

// startPage serves the page and forwards its requests to the app. Both have one host,
// because APM's browser agent by default adds its headers only to calls to its own host.
func startPage(t *testing.T, r *running) string {
	t.Helper()
	page := readFile(t, filepath.Join(harness.Root(t), "test", "apps", "browser.html"))
	app, err := url.Parse(r.url)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(app)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(page)
	})
	mux.Handle("/", proxy)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// keepZipkin records the spans of a page in the form in which they must arrive.
func (r *recorder) keepZipkin(body []byte) error {
	var spans []struct {
		TraceID   string            `json:"traceId"`
		ID        string            `json:"id"`
		Name      string            `json:"name"`
		Timestamp int64             `json:"timestamp"`
		Duration  int64             `json:"duration"`
		Tags      map[string]string `json:"tags"`
	}
	if err := json.Unmarshal(body, &spans); err != nil {
		return err
	}
	traces := ptrace.NewTraces()
	scope := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for _, s := range spans {
		span := scope.Spans().AppendEmpty()
		var trace pcommon.TraceID
		var id pcommon.SpanID
		if _, err := hex.Decode(trace[:], []byte(padded(s.TraceID))); err != nil {
			return err
		}
		if _, err := hex.Decode(id[:], []byte(s.ID)); err != nil {
			return err
		}
		span.SetTraceID(trace)
		span.SetSpanID(id)
		span.SetName(s.Name)
		span.SetKind(ptrace.SpanKindClient)
		begin := time.UnixMicro(s.Timestamp)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(s.Duration) * time.Microsecond)))
		for name, value := range s.Tags {
			span.Attributes().PutStr(name, value)
		}
	}
	r.keepTraces(traces)
	return nil
}
