// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// TestPhone looks at what is drawn differently on a phone.
func TestPhone(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	specs := []spanSpec{{service: "shop", name: "GET /", kind: ptrace.SpanKindServer, trace: 1, id: 1, start: -500, end: -10}}
	for i := range byte(6) {
		specs = append(specs, spanSpec{
			service: "shop", name: "call", kind: ptrace.SpanKindClient, trace: 1, id: i + 2, parent: 1, start: -400, end: -300,
			attributes: map[string]any{"peer.service": fmt.Sprintf("callee number %d", i), "http.request.method": "GET"},
		})
	}
	td := ptrace.NewTraces()
	for _, spec := range specs {
		spec.addTo(t, td)
	}
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Status().SetCode(ptrace.StatusCodeError)
	uploadTraces(t, sandbox, td)
	tab := startBrowser(t).open(t, sandbox.URL, phone)

	t.Run("topology can be read", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("topology")
		p.awaitRole("button", "callee number 3 External")
		size := eval[float64](p, `Math.min(...[...document.querySelectorAll('.diagram text')].map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a))`)
		assert.GreaterOrEqual(t, size, 10.9, "the smallest text, in pixels")
		// What is wider than the phone is reached by scrolling, to both ends.
		region := p.get("region", "Topology diagram; the table below says the same")
		assert.True(t, ask[bool](region, `function () { return this.scrollWidth > this.clientWidth }`))
		for end, scrolled := range map[string]int{"min": 0, "max": 1_000_000} {
			inside := ask[bool](region, fmt.Sprintf(`function () {
				this.scrollLeft = %d
				const box = this.getBoundingClientRect(), nodes = [...this.querySelectorAll('.node')].map(e => e.getBoundingClientRect())
				return '%s' === 'min' ? Math.min(...nodes.map(n => n.left)) >= box.left : Math.max(...nodes.map(n => n.right)) <= box.right
			}`, scrolled, end))
			assert.True(t, inside, end)
		}
		assert.LessOrEqual(t, eval[int](p, `document.documentElement.scrollWidth`), phoneWidth)
	})

	t.Run("the bar of errors is at the edge of the card only", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces")
		p.await(`document.querySelector('.traces .with-errors')`)
		assert.NotEqual(t, "none", eval[string](p, `getComputedStyle(document.querySelector('.traces .with-errors')).boxShadow`))
		assert.Equal(t, []string{"none"}, eval[[]string](p, `[...new Set([...document.querySelectorAll('.traces .with-errors td')].map(e => getComputedStyle(e).boxShadow))]`))
	})

	t.Run("the time range has its words on one line", func(t *testing.T) {
		p := tab.in(t)
		assert.Equal(t, 1, eval[int](p, `new Set([...document.querySelectorAll('[aria-label="Time range"] button')].map(e => e.getBoundingClientRect().height)).size`))
	})
}

// TestTerminalColors sends log lines as programs write them to a terminal.
func TestTerminalColors(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	ld := plog.NewLogs()
	resource := ld.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for _, line := range []string{
		"\x1b[1;31mERROR\x1b[0m no \x1b[38;5;208mroom\x1b[39m left\x1b[2K",
		"\x1b[32;1mINFO\x1b[22m a \x1b[38;2;1;2;3mbooking\x1b[m",
		"a lone \x1b stays",
	} {
		record := records.AppendEmpty()
		record.SetTimestamp(now(0))
		record.Body().SetStr(line)
	}
	upload(t, sandbox, "logs", plogotlp.NewExportRequestFromLogs(ld))
	b := startBrowser(t)
	for _, size := range []viewport{desktop, {phoneWidth, phoneHeight, true}} {
		p := b.open(t, sandbox.URL, size)
		p.goTo("logs")
		p.awaitText(".log .body", "no room left")
		assert.Equal(t, []string{"a lone ␛ stays", "INFO a booking", "ERROR no room left"}, p.texts(".log .value"))
		assert.Equal(t, []string{"ERROR"}, p.texts(".log .ansi-red.ansi-bold"))
		assert.Equal(t, []string{"INFO"}, p.texts(".log .ansi-green.ansi-bold"))
		colors := eval[[]string](p, `['.ansi-red', '.ansi-green', '.value'].map(e => getComputedStyle(document.querySelector(e)).color)`)
		assert.Len(t, colors, 3)
		assert.NotEqual(t, colors[0], colors[1])
		assert.NotEqual(t, colors[0], colors[2])
		p.requireAccessible("colored logs")
	}
}
