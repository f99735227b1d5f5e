// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// sendShop uploads a slow request with an Oracle statement under the legacy names, a fast
// one with the stable names, and a failed one of another service.
func sendShop(t *testing.T, sandbox *harness.Sandbox) {
	t.Helper()
	server, client := ptrace.SpanKindServer, ptrace.SpanKindClient
	sendSpans(t, sandbox,
		spanSpec{service: "shop", name: "GET /rooms", kind: server, trace: 1, id: 1, start: -900, end: -750, attributes: map[string]any{
			"http.method": "GET", "http.status_code": 200,
		}},
		spanSpec{service: "shop", name: "SELECT", kind: client, trace: 1, id: 2, parent: 1, start: -890, end: -800, attributes: map[string]any{
			"db.system": "oracle", "db.statement": "SELECT name FROM rooms WHERE id = :1", "DbOracleSqlId": "89camvzd2vfu8", "peer.service": "oracle:hotel",
		}},
		spanSpec{service: "shop", name: "GET /guests", kind: server, trace: 2, id: 3, start: -500, end: -450, attributes: map[string]any{
			"http.request.method": "GET", "http.response.status_code": 503,
		}},
		spanSpec{service: "shop", name: "SELECT", kind: client, trace: 2, id: 4, parent: 3, start: -490, end: -480, attributes: map[string]any{
			"db.system.name": "oracle.db", "db.query.text": "SELECT name FROM guests", "peer.service": "oracle:hotel",
		}},
		spanSpec{service: "mail", name: "send", kind: server, trace: 3, id: 5, start: -200, end: -195, attributes: map[string]any{
			"http.method": "POST", "http.status_code": 503,
		}},
	)
}

// awaitTraces waits until the list has exactly these operations, the latest first.
func (p *page) awaitTraces(operations ...string) {
	p.t.Helper()
	p.await("[...document.querySelectorAll('.traces .row-link')].map(e => e.innerText).join() === " + quoted(strings.Join(operations, ",")))
}

// hash returns the address of the view.
func (p *page) hash() string {
	p.t.Helper()
	return eval[string](p, "location.hash")
}

func TestExplorerFilters(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	sendShop(t, sandbox)
	tab := startBrowser(t).open(t, sandbox.URL, desktop)
	tab.awaitTraces("send", "GET /guests", "GET /rooms")

	t.Run("a number is milliseconds", func(t *testing.T) {
		p := tab.in(t)
		p.awaitRole("textbox", "Longer than").fill("100")
		p.awaitTraces("GET /rooms")
		p.get("textbox", "Longer than").fill("20 ms")
		p.awaitTraces("GET /guests", "GET /rooms")
		p.get("button", "Clear").click()
		p.awaitTraces("send", "GET /guests", "GET /rooms")
	})

	t.Run("an invalid field says so and keeps the list", func(t *testing.T) {
		p := tab.in(t)
		p.awaitRole("textbox", "Longer than").fill("100")
		p.awaitTraces("GET /rooms")
		const noDuration = "Not a duration: write 100, 250ms or 2s."
		for _, tc := range []struct{ role, label, text, alert string }{
			{"textbox", "Longer than", "soon", noDuration},
			{"textbox", "Shorter than", "1 day", noDuration},
			{"combobox", "Attribute", "=503", "The name is missing"},
		} {
			p.get(tc.role, tc.label).fill(tc.text)
			p.awaitText("[role=alert]", tc.alert)
			assert.Equal(t, "true", p.get(tc.role, tc.label).attribute("aria-invalid"))
		}
		p.requireAccessible("invalid fields")
		// Another filter works as before.
		p.awaitTraces("GET /rooms")
		p.get("button", "OK").click()
		p.awaitTraces("GET /rooms")
		assert.NotContains(t, p.hash(), "soon")
		p.get("textbox", "Longer than").fill("10")
		p.awaitTraces("GET /guests", "GET /rooms")

		p.goTo("traces?min_duration=soon&service=mail")
		p.awaitTraces("send")
		p.awaitText("[role=alert]", "Not a duration")
	})

	t.Run("an attribute by either name", func(t *testing.T) {
		p := tab.in(t)
		for filter, want := range map[string]string{
			"db.system=oracle": "GET /guests,GET /rooms", "db.system.name=oracle.db": "GET /guests,GET /rooms",
			"http.status_code=503": "send,GET /guests", "http.response.status_code=503": "send,GET /guests", "db.query.text~from ROOMS": "GET /rooms",
		} {
			p.goTo("traces")
			p.awaitRole("combobox", "Attribute").fill(filter)
			p.awaitTraces(strings.Split(want, ",")...)
		}
	})

	t.Run("search", func(t *testing.T) {
		p := tab.in(t)
		search := func(text string) {
			p.t.Helper()
			p.goTo("traces")
			p.awaitRole("searchbox", "Search").fill(text)
			p.press(kb.Enter)
		}
		search("89camvzd2vfu8")
		p.awaitTraces("GET /rooms")
		assert.Equal(t, "89camvzd2vfu8", p.awaitRole("textbox", "Text").value())
		search("FROM guests")
		p.awaitTraces("GET /guests")
		search("oracle:hotel")
		p.awaitTraces("GET /guests", "GET /rooms")
		search("nothing has this")
		p.awaitRole("heading", "No trace matches")
		search("0000000000000000") // neither a span nor a text
		p.awaitRole("heading", "No trace matches")
		search("0000000000000004")
		p.await(`location.hash === '#/traces/00000000000000000000000000000002?span=0000000000000004'`)
		p.awaitText(".panel .sql", "SELECT name FROM guests")
		search("00-00000000000000000000000000000001-0000000000000002-01")
		p.awaitRole("heading", "GET /rooms")
		search("00000000000000000000000000000009")
		p.awaitRole("heading", "This trace is not here")
	})
}

// TestRemembers leaves every view and goes back.
func TestRemembers(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	sendShop(t, sandbox)
	tab := startBrowser(t).open(t, sandbox.URL, desktop)
	back := func(p *page) {
		p.t.Helper()
		p.run(evaluate("history.back()"))
	}
	reload := func(p *page) {
		p.t.Helper()
		p.run(evaluate("location.reload()"))
		p.await(`document.readyState === 'complete' && document.querySelector('main h1, main h2')`)
	}

	t.Run("the list", func(t *testing.T) {
		p := tab.in(t)
		p.awaitTraces("send", "GET /guests", "GET /rooms")
		p.awaitRole("textbox", "Text").fill("select")
		p.awaitTraces("GET /guests", "GET /rooms")
		p.get("button", "Duration").click()
		p.awaitTraces("GET /rooms", "GET /guests")
		p.get("button", "1 h").click()
		p.awaitTraces("GET /rooms", "GET /guests")
		filtered := func() {
			t.Helper()
			p.awaitTraces("GET /rooms", "GET /guests")
			assert.Equal(t, "select", p.awaitRole("textbox", "Text").value())
			assert.Equal(t, "true", p.get("button", "1 h").attribute("aria-pressed"))
			assert.Equal(t, "descending", eval[string](p, `document.querySelector('th.col-duration').ariaSort`))
		}
		p.get("link", "GET /guests").click()
		p.awaitRole("heading", "GET /guests")
		back(p)
		filtered()
		p.await(`document.activeElement.innerText === 'GET /guests'`) // where the reader was
		reload(p)
		filtered()
		p.get("link", "GET /rooms").click()
		p.awaitRole("heading", "GET /rooms")
		p.click("a.back", "Trace Explorer")
		filtered()
		p.get("link", "Deliveries").click()
		p.awaitRole("heading", "Deliveries")
		p.get("link", "Trace Explorer").click()
		filtered()
	})

	t.Run("a trace", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces/00000000000000000000000000000001")
		p.awaitRole("checkbox", "Critical path").click()
		p.click(".row", "SELECT")
		p.awaitRole("textbox", "Filter attributes").fill("sqlid")
		chosen := func() {
			t.Helper()
			p.await(`document.querySelector('.panel tbody th')?.innerText === 'DbOracleSqlId'`)
			assert.Equal(t, "sqlid", p.get("textbox", "Filter attributes").value())
			assert.Zero(t, p.count(".row .critical"))
		}
		chosen()
		p.get("link", "Topology").click()
		p.awaitRole("heading", "Topology")
		back(p)
		chosen()
		reload(p)
		chosen()
	})

	t.Run("topology", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("topology")
		p.awaitRole("button", "mail Service").click()
		p.awaitText("main", "Nothing calls it, and it calls nothing.")
		p.get("link", "Check").click()
		p.awaitRole("heading", "Check")
		back(p)
		assert.Equal(t, "true", p.awaitRole("button", "mail Service").attribute("aria-pressed"))
		p.awaitText("main", "Nothing calls it, and it calls nothing.")
	})

	t.Run("logs", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("metrics")
		p.awaitRole("textbox", "Name").fill("duration")
		p.await(`location.hash.includes('text=duration')`)
		p.get("link", "Logs").click()
		p.awaitRole("textbox", "Text").fill("boom")
		p.await(`location.hash.includes('text=boom')`)
		p.run(evaluate(`(() => { const e = document.querySelector('select'); e.value = '17'; e.dispatchEvent(new Event('change', {bubbles: true})) })()`))
		p.await(`location.hash.includes('severity=17')`)
		p.get("link", "Check").click()
		p.awaitRole("heading", "Check")
		back(p)
		assert.Equal(t, "boom", p.awaitRole("textbox", "Text").value())
		assert.Equal(t, "17", p.awaitRole("combobox", "Severity").value())
		p.get("link", "Metrics").click()
		assert.Equal(t, "duration", p.awaitRole("textbox", "Name").value())
	})
}

// pressAsKeyboard presses a key as a keyboard does: what the page prevents is not typed.
func (p *page) pressAsKeyboard(key rune) {
	p.t.Helper()
	for _, event := range kb.Encode(key) {
		if event.Type == input.DispatchKeyEventTypeKeyDown {
			event.Type = input.DispatchKeyEventTypeRawKeyDown
		}
		p.run(command(input.DispatchKeyEvent, *event))
	}
}

// TestKeys uses the single keys.
func TestKeys(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	sendShop(t, sandbox)
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.awaitTraces("send", "GET /guests", "GET /rooms")
	focused := func(text string) {
		t.Helper()
		p.await("document.activeElement.innerText === " + quoted(text))
	}
	p.press("j")
	focused("send")
	p.press("j", "j", "j")
	focused("GET /rooms")
	p.press("k")
	focused("GET /guests")
	p.press(kb.Enter)
	p.awaitRole("heading", "GET /guests")
	p.press("j")
	p.awaitText(".panel h2", "GET /guests")
	p.press("j")
	p.awaitText(".panel h2", "SELECT")
	p.press("k")
	p.awaitText(".panel h2", "GET /guests")
	p.press(kb.Escape)
	p.await(`!document.querySelector('.panel')`)

	p.pressAsKeyboard('/')
	p.await(`document.activeElement === document.querySelector('[type=search]')`)
	p.press("j", "?")
	assert.Equal(t, "j?", p.get("searchbox", "Search").value(), "in a field they are letters")
	p.press(kb.Escape)
	p.press("?")
	p.awaitRole("dialog", "Keyboard shortcuts")
	p.requireAccessible("keyboard shortcuts")
	p.get("checkbox", "Single keys are on").click()
	p.get("button", "Close").click()
	p.awaitNoRole("dialog", "Keyboard shortcuts")
	p.press("/", "?")
	assert.False(t, p.get("dialog", "Keyboard shortcuts").exists(), "they can be switched off")
	p.get("button", "Keyboard shortcuts").click()
	p.awaitRole("checkbox", "Single keys are on").click()
	p.press(kb.Escape)
	p.awaitNoRole("dialog", "Keyboard shortcuts")
	p.press("?")
	p.awaitRole("dialog", "Keyboard shortcuts")
}
