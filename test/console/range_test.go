// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// sendSpans uploads spans; start and end are milliseconds from now.
func sendSpans(t *testing.T, sandbox *harness.Sandbox, specs ...spanSpec) {
	t.Helper()
	td := ptrace.NewTraces()
	for _, spec := range specs {
		spec.addTo(t, td)
	}
	uploadTraces(t, sandbox, td)
}

func uploadTraces(t *testing.T, sandbox *harness.Sandbox, td ptrace.Traces) {
	t.Helper()
	upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
}

const (
	minutes = 60_000 // milliseconds
	days    = 24 * 60 * minutes
)

// TestTimeRange has requests of now, of half an hour ago, and of three days ago.
func TestTimeRange(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	tab := startBrowser(t).open(t, sandbox.URL, desktop)
	sendSpans(t, sandbox,
		spanSpec{service: "shop", name: "GET /now", kind: ptrace.SpanKindServer, trace: 1, id: 1, start: -50, end: -10},
		spanSpec{
			service: "shop", name: "call", kind: ptrace.SpanKindClient, trace: 1, id: 2, parent: 1, start: -40, end: -20,
			attributes: map[string]any{"peer.service": "stock", "db.system": "oracle"},
		},
		spanSpec{service: "mail", name: "GET /earlier", kind: ptrace.SpanKindServer, trace: 2, id: 1, start: -30 * minutes, end: -30*minutes + 5},
		spanSpec{service: "print", name: "GET /old", kind: ptrace.SpanKindServer, trace: 3, id: 1, start: -3 * days, end: -3*days + 5},
	)
	operations := func(p *page, want ...string) {
		p.t.Helper()
		p.await("JSON.stringify([...document.querySelectorAll('.traces .col-operation')].map(e => e.innerText)) === " + quoted(`["`+strings.Join(want, `","`)+`"]`))
	}
	pressed := func(p *page, preset string) {
		p.t.Helper()
		assert.Equal(p.t, "true", p.awaitRole("button", preset).attribute("aria-pressed"))
	}

	operations(tab, "GET /now")
	pressed(tab, "15 min")
	tab.get("button", "1 h").click()
	operations(tab, "GET /now", "GET /earlier")
	tab.get("button", "All").click()
	operations(tab, "GET /now", "GET /earlier", "GET /old")
	assert.Contains(t, eval[string](tab, "location.hash"), "last=all")

	t.Run("an axis that spans days has dates", func(t *testing.T) {
		p := tab.in(t)
		old := time.Now().Add(-3 * days * time.Millisecond)
		p.goTo("check?last=all")
		// The axis is drawn on a canvas, which has no text to read.
		p.run(evaluate(`window.drawn = []; const fill = CanvasRenderingContext2D.prototype.fillText; CanvasRenderingContext2D.prototype.fillText = function (text, ...at) { window.drawn.push(text); return fill.call(this, text, ...at) }`))
		p.awaitRole("link", "Trace Explorer").click()
		p.await(fmt.Sprintf(`window.drawn.some(text => text.includes(%s))`, quoted(old.AddDate(0, 0, 1).Format("2 Jan"))))
		assert.Regexp(t, `^3 traces from .+ to .+, 0 of them with errors$`, strings.Join(p.names("image"), "\n"))
	})

	t.Run("all views share it", func(t *testing.T) {
		p := tab.in(t)
		p.get("link", "Topology").click()
		p.awaitText(".node-name", "print")
		pressed(p, "All")
		p.get("button", "15 min").click()
		p.await(`document.querySelectorAll('.node').length === 2`)
		// One call in 15 minutes.
		assert.Contains(t, p.awaitRole("region", "Table of calls").text(), "0.067/min")
		p.awaitText(".head .muted", "Rates over the last 15 min")
		p.get("button", "1 h").click()
		p.awaitText(".calls", "0.017/min")
		for _, view := range []string{"Check", "Metrics and logs", "Deliveries", "Trace Explorer"} {
			p.get("link", view).click()
			p.awaitRole("heading", view)
			pressed(p, "1 h")
			assert.Contains(t, eval[string](p, "location.hash"), "last=1h")
		}
		p.run(evaluate("history.back()"))
		p.awaitRole("heading", "Deliveries")
		pressed(p, "1 h")
	})

	t.Run("a chosen time is a chip", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces?last=all")
		operations(p, "GET /now", "GET /earlier", "GET /old")
		p.await(`document.querySelector(".u-over")`)
		box := eval[[]float64](p, `(() => { const box = document.querySelector('.u-over').getBoundingClientRect(); return [box.left, box.top + box.height / 2] })()`)
		p.run(chromedp.DragAndDropXY(box[0], box[1], box[0]+60, box[1]))
		operations(p, "GET /old")
		day := time.Now().Add(-3 * days * time.Millisecond).Format("2 Jan 2006")
		var chip string
		for _, name := range p.names("button") {
			if strings.HasPrefix(name, "Remove the time range ") {
				chip = name
			}
		}
		assert.Contains(t, chip, day)
		assert.Regexp(t, `from=\d{13}&to=\d{13}`, eval[string](p, "location.hash"))
		p.requireAccessible("a chosen time")
		p.get("link", "Topology").click()
		p.awaitRole("button", chip)
		p.await(`document.querySelectorAll('.node').length === 1`)
		p.get("button", chip).click()
		pressed(p, "15 min")
		p.await(`document.querySelectorAll('.node').length === 2`)
	})

	t.Run("an end before the beginning", func(t *testing.T) {
		p := tab.in(t)
		for _, view := range []string{"traces", "services", "sql", "sql/0123456789abc", "topology", "check", "metrics", "logs", "deliveries"} {
			// What is shown before must not hide the reason.
			p.goTo(view + "?last=all")
			p.await(`!document.querySelector('.loading')`)
			p.goTo(view + "?from=2000&to=1000")
			p.awaitText(".failure", "to: must be after from; exchange the two, or leave one out")
			assert.Len(t, p.texts(".failure"), 1, view)
			p.requireAccessible(view)
		}
	})

	t.Run("nothing in the range", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces?service=print")
		p.awaitRole("heading", "No traces in the last 15 min")
		p.awaitText(".empty", "1 trace outside of this time.")
		p.requireAccessible("no traces in the range")
		p.get("button", "Show all time").click()
		operations(p, "GET /old")
	})
}

// TestTimePasses shows that a trace leaves the last minutes although nothing arrives.
func TestTimePasses(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	p := startBrowser(t).open(t, sandbox.URL, desktop)
	sendSpans(t, sandbox, spanSpec{service: "shop", name: "soon old", trace: 1, id: 1, start: -5*minutes + 20_000, end: -5*minutes + 21_000})
	p.goTo("traces?last=5m")
	p.awaitText(".traces", "soon old")
	require.Eventually(t, p.get("heading", "No traces in the last 5 min").exists, awaitTimeout, pollInterval)
}
