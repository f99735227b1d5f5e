// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	markup   = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
	controls = "a\x00b\x1b[31mc\u202egnp.exe\u200b"
	// How control characters are shown.
	controlsShown = "a␀b␛[31mc⟨U+202E⟩gnp.exe⟨U+200B⟩"
)

// TestHostileContent checks that dangerous content is shown as text.
func TestHostileContent(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	megabyte := strings.Repeat("<b>x</b> ", 1<<20/9)
	td := ptrace.NewTraces()
	spanSpec{
		service: markup, name: markup, kind: ptrace.SpanKindClient, trace: 1, id: 1, end: 5,
		attributes: map[string]any{
			"db.system": "oracle" + markup, "db.statement": "SELECT '" + markup + "' -- " + controls, markup: markup, "controls": controls,
			"megabyte": megabyte, "__proto__": "p", "constructor": "c", "toString": "s", "": "empty name", "invalid": "\xff\xfe",
			"nested": map[string]any{markup: []any{markup}}, "DbOracleSqlId": markup, "sampling.reason": markup,
		},
	}.addTo(t, td)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.Status().SetCode(ptrace.StatusCodeError)
	span.Status().SetMessage(markup)
	event := span.Events().AppendEmpty()
	event.SetName(markup)
	event.Attributes().PutStr(markup, markup)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("javascript:alert(1)", "javascript:alert(1)")
	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty()
	metrics.Resource().Attributes().PutStr("service.name", markup)
	metric := metrics.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName(markup)
	metric.SetUnit(markup)
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetIntValue(1)
	point.Attributes().PutStr(markup, markup)
	upload(t, sandbox, "metrics", pmetricotlp.NewExportRequestFromMetrics(md))
	ld := plog.NewLogs()
	logs := ld.ResourceLogs().AppendEmpty()
	record := logs.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetSeverityText(markup)
	record.Body().SetStr(markup + controls)
	record.SetTraceID(span.TraceID())
	upload(t, sandbox, "logs", plogotlp.NewExportRequestFromLogs(ld))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sandbox.URL+"/"+strings.ReplaceAll(`<script>window.hacked=1<script>`, " ", "%20"), http.NoBody)
	require.NoError(t, err)
	request.Header.Set("User-Agent", markup)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	p := startBrowser(t).open(t, sandbox.URL, desktop)
	trace := "traces/" + span.TraceID().String()
	for view, shown := range map[string]string{
		"traces": ".row-link", trace: ".row .title", trace + "?span=" + span.SpanID().String(): ".panel .sql", "topology": ".unknown h3",
		"sql": ".statements .tags", "services": ".requests .service",
		"check": ".checks h2", "metrics": ".metric h3", "logs": ".log .body", "usage": "section[aria-labelledby=sampled]", "deliveries": ".uploads .path",
	} {
		p.goTo(view)
		what := "window.hacked=1"
		p.awaitText(shown, what)
		assert.True(t, eval[bool](p, `window.hacked === undefined`), view)
		assert.Zero(t, p.count("main img, main script, main b > b"), view)
		if view != "deliveries" {
			assert.Contains(t, p.text("main"), "<script>", view)
		}
	}

	p.goTo(trace + "?span=" + span.SpanID().String())
	p.awaitText(".panel .attributes", controlsShown)
	for name, value := range map[string]string{"__proto__": "p", "constructor": "c", "toString": "s", "": "empty name", "invalid": "\ufffd\ufffd"} {
		assert.Equal(t, value, eval[string](p, fmt.Sprintf(
			`[...document.querySelectorAll('.panel .attributes tr')].find(r => r.querySelector('th[scope=row]')?.textContent === %s)?.querySelector('.value')?.textContent ?? 'not there'`,
			quoted(name))), name)
	}
	p.click(".panel button", "Show all of")
	p.await(fmt.Sprintf(`[...document.querySelectorAll('.panel .value')].some(e => e.textContent.length === %d)`, len(megabyte)))
	p.click(".panel button", "Show less")
	other := ptrace.NewTraces()
	spanSpec{service: controls, name: "other", trace: 2, id: 1, end: 5}.addTo(t, other)
	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(other))
	p.goTo("traces")
	p.awaitText(".filters select", controlsShown)
	p.goTo("logs")
	p.awaitText(".log .body", strings.ReplaceAll(controlsShown, "␛[31m", "")) // in a log it is a color
}

// TestFailingView lets a view fail: it says so, and the others still work.
func TestFailingView(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.goTo("deliveries")
	p.run(evaluate(`{
		const answer = window.fetch
		window.fetch = (...request) =>
			String(request[0]?.url ?? request[0]).includes('/api/v1/services')
				? Promise.resolve(Response.json({services: [{name: 'x', spans: 1, operations: null}]}))
				: answer(...request)
		window.mend = () => { window.fetch = answer }
	}`))
	sendShop(t, sandbox)
	p.goTo("traces")
	p.awaitText("main h1", "This view cannot be shown")
	p.goTo("sql")
	p.awaitText(".statements", "rooms")
	p.goTo("traces")
	p.awaitText("main h1", "This view cannot be shown")
	p.run(evaluate(`window.mend()`))
	sendSpans(t, sandbox, spanSpec{service: "shop", name: "GET /other", trace: 4, id: 6, end: 5}) // so that the console reads the services again
	p.await(`(document.querySelector('main .failure button')?.click(), document.querySelector('.traces'))`)
	p.requireAccessible("after a failure")
}

// TestPolicy checks that the content security policy blocks what it should.
func TestPolicy(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.goTo("traces")
	directives := []string{
		"markup", "handler", "script", "script-src-elem", "script-src-attr", "style-src-elem", "img-src", "frame-src", "connect-src",
	}
	expected, err := json.Marshal(directives)
	require.NoError(t, err)
	violations := eval[[]string](p, `new Promise(resolve => {
		const found = [], expected = `+string(expected)+`, latest = performance.now() + 30_000
		addEventListener('securitypolicyviolation', e => found.push(e.effectiveDirective))
		const add = (name, fields) => document.body.append(Object.assign(document.createElement(name), fields))
		const attempt = (name, f) => { try { f() } catch { found.push(name) } }
		attempt('markup', () => { document.body.innerHTML += '<b onclick="window.hacked = 1">' })
		attempt('handler', () => document.body.setAttribute('onclick', 'window.hacked = 1'))
		attempt('script', () => add('script', {text: 'window.hacked = 1'}))
		// Scripts that the trusted types policy allows are blocked by the rest of the
		// content security policy.
		const trusted = trustedTypes.createPolicy('test', {createScript: s => s, createHTML: s => s})
		add('script', {text: trusted.createScript('window.hacked = 1')})
		const markup = document.createElement('div')
		markup.innerHTML = trusted.createHTML('<b onclick="window.hacked = 1">x</b>')
		document.body.append(markup)
		markup.firstChild.click()
		add('style', {textContent: 'body { display: none }'})
		add('img', {src: 'http://127.0.0.1:9/x.png'})
		add('iframe', {src: 'http://127.0.0.1:9/'})
		add('link', {rel: 'stylesheet', href: 'http://127.0.0.1:9/x.css'})
		fetch('http://127.0.0.1:9/').catch(() => undefined)
		const look = () => expected.every(e => found.includes(e)) || performance.now() > latest ? resolve(found) : setTimeout(look, 50)
		look()
	})`)
	for _, directive := range directives {
		assert.Contains(t, violations, directive)
	}
	assert.True(t, eval[bool](p, `window.hacked === undefined`))
	p.forgiveProblems("Content Security Policy", "Trusted")
}

// TestOtherOrigins opens a page of another origin that tries to access the sandbox.
func TestOtherOrigins(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>elsewhere</title><main><h1>elsewhere</h1></main>"))
	}))
	t.Cleanup(foreign.Close)
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.leaveFor(foreign.URL)

	tryAll := eval[map[string]string](p, fmt.Sprintf(`(async () => {
		const base = %s, results = {}
		const attempt = async (name, f) => { try { results[name] = String(await f()) } catch (e) { results[name] = 'failed' } }
		await attempt('read', () => fetch(base + '/api/v1/counts').then(r => r.text()))
		await attempt('read the page', () => fetch(base + '/').then(r => r.text()))
		await attempt('read without CORS', () => fetch(base + '/api/v1/counts', {mode: 'no-cors'}).then(r => r.text()))
		await attempt('set a fault', () => fetch(base + '/api/v1/faults', {method: 'POST', mode: 'no-cors', body: '{"down":true}'}).then(() => 'sent'))
		await attempt('forget', () => fetch(base + '/api/v1/store', {method: 'DELETE'}).then(() => 'sent'))
		await attempt('originals', () => fetch(base + '/api/v1/originals', {method: 'POST', mode: 'no-cors', headers: {'Content-Type': 'text/plain'}, body: '{}'}).then(() => 'sent'))
		await attempt('script', () => new Promise((good, bad) => document.body.append(Object.assign(document.createElement('script'), {src: base + '/assets/console.js', onload: () => good('loaded'), onerror: bad}))))
		await attempt('frame', () => new Promise(good => document.body.append(Object.assign(document.createElement('iframe'), {src: base + '/', onload: e => {
			try { good(e.target.contentDocument ? 'readable' : 'failed') } catch { good('failed') }
		}}))))
		return results
	})()`, quoted(sandbox.URL)))
	for _, what := range []string{"read", "read the page", "read without CORS", "forget", "script", "frame"} {
		assert.Equal(t, "failed", tryAll[what], what)
	}
	assert.Empty(t, getJSON[struct {
		Faults []any `json:"faults"`
	}](t, sandbox.URL+"/api/v1/faults").Faults, "a foreign page cannot set a fault")
	p.forgiveProblems("Cross-Origin", "CORS", "frame-ancestors", "X-Frame-Options", "Framing")
}
