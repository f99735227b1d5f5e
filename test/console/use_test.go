// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The measured times are in cmd/apmsandbox/README.md; these limits allow for a busy
// machine.
const (
	generousList  = 15 * time.Second
	generousTrace = 15 * time.Second
)

// TestKeyboard uses no mouse.
func TestKeyboard(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	td := ptrace.NewTraces()
	for _, spec := range []spanSpec{
		{service: "web", name: "GET /", kind: ptrace.SpanKindServer, trace: 1, id: 1, end: 50},
		{service: "web", name: "inner", trace: 1, id: 2, parent: 1, start: 5, end: 45},
		{service: "web", name: "call", kind: ptrace.SpanKindClient, trace: 1, id: 3, parent: 2, start: 10, end: 40},
	} {
		spec.addTo(t, td)
	}
	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.awaitText(".traces", "GET /")
	selected := func(name string) {
		t.Helper()
		p.await(fmt.Sprintf(`document.querySelector('.row.selected')?.textContent.includes(%s)`, quoted(name)))
		assert.Equal(t, eval[string](p, `document.querySelector('.row.selected').id`),
			eval[string](p, `document.querySelector('.rows').getAttribute('aria-activedescendant')`))
		p.awaitText(".panel h2", name)
	}

	p.press(kb.Tab)
	assert.Equal(t, "Skip to the content", eval[string](p, `document.activeElement.textContent`))
	p.press(kb.Enter)
	assert.Equal(t, "main", eval[string](p, `document.activeElement.id`))
	p.tabTo(".row-link")
	p.press(kb.Enter)
	p.await(`document.querySelectorAll('.row').length === 3`)
	p.tabTo(".rows")
	p.press(kb.ArrowDown)
	selected("GET /")
	p.press(kb.ArrowDown, kb.ArrowDown)
	selected("call")
	p.press(kb.ArrowLeft)
	selected("inner")
	p.press(kb.ArrowLeft)
	p.await(`document.querySelectorAll('.row').length === 2`)
	assert.Equal(t, "false", eval[string](p, `document.querySelector('.row.selected').ariaExpanded`))
	p.press(kb.ArrowRight)
	p.await(`document.querySelectorAll('.row').length === 3`)
	p.press(kb.Home)
	selected("GET /")
	p.press(kb.End)
	selected("call")
	p.press(kb.Escape)
	p.await(`!document.querySelector('.panel')`)

	p.tabTo(".views a[href='#/topology']")
	p.press(kb.Enter)
	p.awaitText(".node", "web")
	assert.Equal(t, "main", eval[string](p, `document.activeElement.id`), "a screen reader continues in the new view")
	p.tabTo(".node")
	p.press(kb.Enter)
	p.await(`document.querySelector('.node[aria-pressed=true]') === document.activeElement`)
	p.press(" ")
	p.await(`!document.querySelector('.node[aria-pressed=true]')`)

	p.tabTo(".views a[href='#/deliveries']")
	p.press(kb.Enter)
	p.await(`document.querySelector('.switches')`)
	p.tabTo(".switches button")
	p.press(" ")
	p.await(`document.activeElement.ariaChecked === 'true'`)
	p.press(" ")
	p.await(`document.activeElement.ariaChecked === 'false'`)
	p.tabTo("button[aria-label^=Colors]")
	p.press(kb.Enter, kb.Enter)
	p.await(`document.documentElement.dataset.theme === 'dark'`)
	assert.Equal(t, "dark", eval[string](p, `getComputedStyle(document.documentElement).colorScheme`))
	p.goTo("topology")
	p.await(`document.documentElement.dataset.theme === 'dark'`)
}

// TestLive pauses the live view, and stops the sandbox.
func TestLive(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	send := func(trace byte) {
		td := ptrace.NewTraces()
		spanSpec{service: "web", name: fmt.Sprintf("number %d", trace), trace: trace, id: 1, end: 5}.addTo(t, td)
		upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
	}
	send(1)
	p.awaitText(".traces", "number 1")
	p.click(".live", "Live")
	p.awaitText(".live", "Paused")
	send(2)
	time.Sleep(2500 * time.Millisecond) // longer than two polls of the sandbox
	assert.NotContains(t, p.text(".traces"), "number 2")
	p.click(".live", "Paused")
	p.awaitText(".traces", "number 2")
	sandbox.Stop(t)
	p.awaitText(".lost", "The sandbox does not answer.")
	assert.Contains(t, p.text(".traces"), "number 2", "the traces that were shown stay")
}

// TestLarge stores 100,000 spans, 5,000 of them in one trace.
func TestLarge(t *testing.T) {
	const spans, large, perTrace = 100_000, 5_000, 5
	sandbox := harness.StartSandbox(t)
	batch := ptrace.NewTraces()
	flush := func() {
		upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(batch))
		batch = ptrace.NewTraces()
	}
	add := func(trace, id, parent, start, end int) {
		if batch.SpanCount() == 0 {
			resource := batch.ResourceSpans().AppendEmpty()
			resource.Resource().Attributes().PutStr("service.name", "large")
			resource.ScopeSpans().AppendEmpty()
		}
		span := batch.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{0: 1, 12: byte(trace >> 16), 13: byte(trace >> 8), 14: byte(trace)}) //nolint:gosec // cut on purpose
		span.SetSpanID(pcommon.SpanID{0: 1, 5: byte(id >> 16), 6: byte(id >> 8), 7: byte(id)})               //nolint:gosec // cut on purpose
		if parent >= 0 {
			span.SetParentSpanID(pcommon.SpanID{0: 1, 5: byte(parent >> 16), 6: byte(parent >> 8), 7: byte(parent)}) //nolint:gosec // cut on purpose
		}
		span.SetName(fmt.Sprintf("span %d", id))
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(now(start))
		span.SetEndTimestamp(now(end))
		span.Attributes().PutStr("db.system", "oracle")
		span.Attributes().PutStr("db.statement", "SELECT b.id, b.guest, b.room FROM bookings b WHERE b.hotel_id = :1 AND b.day BETWEEN :2 AND :3")
		span.Attributes().PutStr("peer.service", "oracle:ORCL")
		if batch.SpanCount() == 5_000 {
			flush()
		}
	}
	for i := range spans - large {
		add(i/perTrace, i%perTrace, i%perTrace-1, i-spans, i-spans+5)
	}
	add(1<<20, 0, -1, 0, large+10)
	for i := 1; i < large; i++ {
		add(1<<20, i, (i-1)/7, i, i+5)
	}
	require.Equal(t, spans, sandbox.Counts(t).Spans.InStore)

	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.awaitText(".head .muted", "19,001 traces")
	timed := func(path string) time.Duration {
		ms := eval[float64](p, fmt.Sprintf(`(async () => { const start = performance.now(); await (await fetch(%s)).json(); return performance.now() - start })()`, quoted(path)))
		return time.Duration(ms * float64(time.Millisecond))
	}
	for _, path := range []string{
		"/api/v1/traces?limit=100&buckets=60", "/api/v1/traces?limit=100&buckets=60&operation=span+3", "/api/v1/traces?limit=100&buckets=60&attribute=db.statement~nothing",
		"/api/v1/traces?limit=100&buckets=60&text=nothing+has+this", "/api/v1/traces?limit=100&buckets=60&last=1h",
		"/api/v1/services", "/api/v1/topology", "/api/v1/checks",
	} {
		took := timed(path)
		t.Logf("%8s  %s", took.Round(time.Millisecond), path)
		assert.Less(t, took, generousList, path)
	}

	trace := pcommon.TraceID{0: 1, 12: 1 << 4}.String()
	opened := eval[float64](p, fmt.Sprintf(`new Promise(resolve => {
		const start = performance.now()
		location.hash = '#/traces/%s'
		const look = () => document.querySelectorAll('.waterfall .row').length > 10
			? requestAnimationFrame(() => resolve(performance.now() - start)) : setTimeout(look, 5)
		look()
	})`, trace))
	took := time.Duration(opened * float64(time.Millisecond))
	t.Logf("%8s  a trace of %d spans, opened and drawn", took.Round(time.Millisecond), large)
	assert.Less(t, took, generousTrace)
	assert.Less(t, p.count(".waterfall .row"), 100, "only what can be seen is drawn")

	scrolled := eval[float64](p, `new Promise(resolve => {
		const rows = document.querySelector('.rows'), start = performance.now()
		let frames = 0
		const step = () => {
			rows.scrollTop += rows.scrollHeight / 60
			frames++
			frames < 60 ? requestAnimationFrame(step) : requestAnimationFrame(() => resolve((performance.now() - start) / frames))
		}
		step()
	})`)
	t.Logf("%6.1fms  a frame while scrolling over all of it", scrolled)
	p.await(`[...document.querySelectorAll('.waterfall .row')].at(-1).textContent.includes('span ')`)
	p.run(focus(".rows"))
	p.press(kb.End)
	p.await(`document.querySelector('.row.selected') === [...document.querySelectorAll('.waterfall .row')].at(-1)`)
	p.awaitText(".panel .sql", "SELECT")
	t.Logf("%5d MiB  the sandbox's peak", sandbox.PeakMemory()>>20)
}

// TestMemory uploads several times what fits. The heap of a Go program may be twice the
// memory in use, and reading an upload takes additional memory.
func TestMemory(t *testing.T) {
	const limit, spansPerUpload, uploads = 64 << 20, 5_000, 60
	sandbox := harness.StartSandbox(t, fmt.Sprintf("--max-bytes=%d", limit))
	idle := sandbox.PeakMemory()
	for n := range uploads {
		td := ptrace.NewTraces()
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", "app")
		spans := resource.ScopeSpans().AppendEmpty().Spans()
		for i := range spansPerUpload {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{0: 1, 1: byte(n), 14: byte(i / 10 >> 8), 15: byte(i / 10)})
			span.SetSpanID(pcommon.SpanID{0: 1, 6: byte(i >> 8), 7: byte(i)})
			span.SetStartTimestamp(now(i))
			span.SetEndTimestamp(now(i + 1))
			span.Attributes().PutStr("db.system", "oracle")
			span.Attributes().PutStr("db.statement", "SELECT b.id, b.guest, b.room FROM bookings b WHERE b.hotel_id = :1 AND b.day BETWEEN :2 AND :3")
		}
		// Traces with even numbers are also uploaded, those with odd numbers never are.
		post(t, sandbox.URL+"/api/v1/originals", ptraceotlp.NewExportRequestFromTraces(td), "")
		if n%2 == 0 {
			upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
		}
		// The console's queries take memory as well.
		total(t, sandbox, "buckets=60")
	}
	counts := sandbox.Counts(t).Spans
	assert.Positive(t, counts.Evicted)
	assert.LessOrEqual(t, counts.BytesInStore, int64(limit))
	peak := sandbox.PeakMemory()
	t.Logf("%d spans and as many originals uploaded, %d kept: %d MiB at the start, %d MiB at most, with a limit of %d MiB",
		counts.Received, counts.InStore, idle>>20, peak>>20, limit>>20)
	assert.Less(t, peak, int64(4*limit))
}
