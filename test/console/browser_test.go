// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	awaitTimeout = time.Minute
	pollInterval = 25 * time.Millisecond

	desktopWidth, desktopHeight = 1280, 800
	phoneWidth, phoneHeight     = 390, 844
)

// browser is a headless Chromium. It is closed when the test that started it ends.
type browser struct {
	ctx context.Context //nolint:containedctx // chromedp keeps a browser in its context
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun,
		chromedp.NoSandbox, // CI runs as root
		chromedp.Headless,
		chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()),
	}, flags("disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-default-apps", "disable-extensions", "mute-audio", "hide-scrollbars", "force-color-profile=srgb", "font-render-hinting=none")...)
	allocator, endAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser and waits for it
		end()
		endAllocator()
	})
	require.NoError(t, chromedp.Do(ctx), "Chromium does not start")
	return &browser{ctx: ctx}
}

func flags(names ...string) []chromedp.ExecAllocatorOption {
	var options []chromedp.ExecAllocatorOption
	for _, flag := range names {
		if name, value, found := strings.Cut(flag, "="); found {
			options = append(options, chromedp.Flag(name, value))
			continue
		}
		options = append(options, chromedp.Flag(flag, true))
	}
	return options
}

// page is a tab. It records network requests and problems.
type page struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // chromedp keeps a tab in its context
	base string

	mu       sync.Mutex
	requests []string
	problems []string
	// elsewhere is another origin that a test has navigated to.
	elsewhere string
}

// viewport is the size and color scheme of a window.
type viewport struct {
	width, height int64
	dark          bool
}

var (
	desktop = viewport{desktopWidth, desktopHeight, false}
	phone   = viewport{phoneWidth, phoneHeight, false}
)

// open opens a sandbox's console. When the test ends, the page must have no problems and
// no requests to other hosts.
func (b *browser) open(t *testing.T, base string, size viewport) *page {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx)
	p := &page{t: t, ctx: ctx, base: base}
	require.NoError(t, chromedp.Do(ctx))
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	scheme := "light"
	if size.dark {
		scheme = "dark"
	}
	p.run(
		command(network.Enable, network.EnableParams{}),
		command(log.Enable, cdp.Empty{}),
		chromedp.EmulateViewport(size.width, size.height, func(metrics *emulation.SetDeviceMetricsOverrideParams, touch *emulation.SetTouchEmulationEnabledParams) {
			metrics.Mobile = size.width < 600
			touch.Enabled = metrics.Mobile
		}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}}),
	)
	t.Cleanup(func() {
		end()
		p.mu.Lock()
		defer p.mu.Unlock()
		assert.Empty(t, p.problems, "problems in the page")
		for _, url := range p.requests {
			if !strings.HasPrefix(url, base+"/") && (p.elsewhere == "" || !strings.HasPrefix(url, p.elsewhere)) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
				assert.Fail(t, "a request to another host", url)
			}
		}
	})
	p.goTo("")
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *log.EventEntryAdded:
		// Responses with an error status are part of some tests and of the API.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			p.problems = append(p.problems, e.Entry.Text)
		}
	}
}

// command is an action that sends a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	})
}

func (p *page) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, awaitTimeout)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// read runs an action and returns its value.
func read[T any](p *page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, awaitTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	require.NoError(p.t, err)
	return value
}

// goTo shows a view: the part of its address after "#/".
func (p *page) goTo(view string) {
	p.t.Helper()
	p.run(chromedp.Navigate(p.base + "/#/" + view))
	p.await(`document.querySelector('main h1, main h2')`)
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	return read(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// await waits until a JavaScript expression is true.
func (p *page) await(expression string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return eval[bool](p, "Boolean("+expression+")") }, awaitTimeout, pollInterval,
		"%s\nis not so on the page:\n%s", expression, p.text("main"))
}

// awaitText waits until an element contains a text.
func (p *page) awaitText(selector, text string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.textContent.includes(%s))`, quoted(selector), quoted(text)))
}

// text returns the visible text of the first element that matches.
func (p *page) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ''`, quoted(selector)))
}

// texts returns the texts of all elements that match.
func (p *page) texts(selector string) []string {
	p.t.Helper()
	return eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll(%s)].map(e => e.innerText ?? e.textContent)`, quoted(selector)))
}

func (p *page) count(selector string) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf(`document.querySelectorAll(%s).length`, quoted(selector)))
}

// click clicks the first element that matches and has the text.
func (p *page) click(selector, text string) {
	p.t.Helper()
	p.awaitText(selector, text)
	require.True(p.t, eval[bool](p, fmt.Sprintf(
		`(() => { const e = [...document.querySelectorAll(%s)].find(e => e.textContent.includes(%s)); e.scrollIntoView({block: 'center'}); e.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true})); return true })()`,
		quoted(selector), quoted(text))))
}

// press presses keys, one after the other.
func (p *page) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.run(chromedp.KeyEvent(key))
	}
}

// tabTo presses Tab until an element that matches has the focus.
func (p *page) tabTo(selector string) {
	p.t.Helper()
	for range 80 {
		p.press(kb.Tab)
		if eval[bool](p, fmt.Sprintf(`document.activeElement?.matches(%s) ?? false`, quoted(selector))) {
			return
		}
	}
	require.FailNow(p.t, "not reachable by keyboard", selector)
}

// picture writes a screenshot, if -pictures is set.
func (p *page) picture(name string) {
	p.t.Helper()
	if *picturesFolder == "" {
		return
	}
	// The pointer and the focus must not be visible.
	p.run(chromedp.Evaluate[chromedp.Void](`document.activeElement?.blur(); scrollTo(0, 0)`), chromedp.Sleep(300*time.Millisecond))
	content := read(p, chromedp.CaptureScreenshot())
	folder, err := filepath.Abs(*picturesFolder)
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(folder, 0o750))
	require.NoError(p.t, os.WriteFile(filepath.Join(folder, name+".png"), content, 0o600))
}

// axeViolation is a rule of axe-core that a page breaks.
type axeViolation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// requireAccessible requires that axe-core finds nothing serious or critical.
func (p *page) requireAccessible(where string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join(harness.Root(p.t), "internal", "sandbox", "apm", "console", "node_modules", "axe-core", "axe.min.js"))
	require.NoError(p.t, err, "run `make test-console`, which installs it")
	p.run(chromedp.Evaluate[chromedp.Void](string(axe)))
	found := eval[string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))`)
	var violations []axeViolation
	require.NoError(p.t, json.Unmarshal([]byte(found), &violations))
	for _, v := range violations {
		var report strings.Builder
		fmt.Fprintf(&report, "%s: %s (%s): %s", where, v.ID, v.Impact, v.Help)
		for _, node := range v.Nodes[:min(3, len(v.Nodes))] {
			fmt.Fprintf(&report, "\n  %s\n  %s", node.HTML, strings.ReplaceAll(node.Summary, "\n", "\n  "))
		}
		if v.Impact == "serious" || v.Impact == "critical" {
			assert.Fail(p.t, "axe-core found something serious", report.String())
			continue
		}
		p.t.Log(report.String())
	}
}

// requireAccessible opens views of a sandbox's console in a wide window and on a phone,
// in light and in dark. axe-core must find nothing, and nothing may be wider than the
// window.
func (b *browser) requireAccessible(t *testing.T, base string, views ...string) {
	t.Helper()
	for _, size := range []viewport{desktop, phone, {desktopWidth, desktopHeight, true}, {phoneWidth, phoneHeight, true}} {
		t.Run(fmt.Sprintf("%d dark=%t", size.width, size.dark), func(t *testing.T) {
			p := b.open(t, base, size)
			for _, view := range views {
				p.goTo(view)
				p.await(`!document.querySelector('.loading')`)
				p.requireAccessible(view)
				assert.LessOrEqual(t, eval[int](p, `document.documentElement.scrollWidth`), int(size.width), "%s is wider than the window", view)
			}
		})
	}
}

func quoted(text string) string {
	content, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return `""`
	}
	return string(content)
}

// in returns the page for a part of its test.
func (p *page) in(t *testing.T) *page {
	t.Helper()
	return &page{t: t, ctx: p.ctx, base: p.base}
}

// fill types into a field that is emptied first.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`document.querySelector(%s)`, quoted(selector)))
	p.await(fmt.Sprintf(`(() => { const e = document.querySelector(%s); e.focus(); e.select(); return document.activeElement === e })()`, quoted(selector)))
	p.press(text)
}

// originOf returns the origin of an attribute that the panel shows.
func (p *page) originOf(attribute string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(
		`[...document.querySelectorAll('.panel .attributes tr')].find(r => r.querySelector('th[scope=row]')?.innerText === %s)?.querySelector('.origin')?.innerText.trim() ?? ''`,
		quoted(attribute)))
}

// getJSON reads a response of the sandbox's API.
func getJSON[T any](t *testing.T, url string) T {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	client := http.Client{Timeout: awaitTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode, url)
	var answer T
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

// now is the current time plus some milliseconds.
func now(in int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(time.Now().Add(time.Duration(in) * time.Millisecond))
}

// leaveFor navigates to a page of another origin.
func (p *page) leaveFor(url string) {
	p.t.Helper()
	p.mu.Lock()
	p.elsewhere = url
	p.mu.Unlock()
	p.run(chromedp.Navigate(url))
}

// forgiveProblems removes problems that a test has provoked from the record.
func (p *page) forgiveProblems(texts ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = slices.DeleteFunc(p.problems, func(problem string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(problem, text) })
	})
	p.requests = nil
}

// focus is an action that focuses an element.
func focus(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Focus(chromedp.CSS(selector))
}
