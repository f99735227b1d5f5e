// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// TestLargeSQL stores 20,000 requests with four calls of databases each: 200 statements,
// and a literal in each that no other call has.
func TestLargeSQL(t *testing.T) {
	const requests, calls, statements, batch = 20_000, 4, 200, 1_000
	sandbox := harness.StartSandbox(t)
	span := func(spans ptrace.SpanSlice, request, id int) ptrace.Span {
		span := spans.AppendEmpty()
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[8:], uint64(request+1)) //nolint:gosec // not negative
		span.SetTraceID(trace)
		span.SetSpanID(pcommon.SpanID{0: 1, 7: byte(id)}) //nolint:gosec // a few
		span.SetStartTimestamp(now(-request / 50))
		span.SetEndTimestamp(now(-request/50 + 1 + request%40))
		return span
	}
	for first := 0; first < requests; first += batch {
		td := ptrace.NewTraces()
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d", first/batch%5))
		spans := resource.ScopeSpans().AppendEmpty().Spans()
		for request := first; request < first+batch; request++ {
			root := span(spans, request, 0)
			root.SetName(fmt.Sprintf("GET /%d", request%50))
			root.SetKind(ptrace.SpanKindServer)
			for call := range calls {
				s := span(spans, request, call+1)
				s.SetParentSpanID(root.SpanID())
				s.SetName("SELECT")
				s.SetKind(ptrace.SpanKindClient)
				s.Attributes().PutStr("db.system", []string{"oracle", "postgresql"}[call%2])
				s.Attributes().PutStr("db.statement", fmt.Sprintf("SELECT b.id, b.guest, b.room FROM bookings_%d b WHERE b.hotel_id = %d AND b.day BETWEEN :2 AND :3",
					(request*calls+call)%statements, request*calls+call))
				s.Attributes().PutStr("peer.service", "database-1")
			}
		}
		upload(t, sandbox, "traces", ptraceotlp.NewExportRequestFromTraces(td))
	}
	require.Equal(t, requests*(calls+1), sandbox.Counts(t).Spans.InStore)

	p := startBrowser(t).open(t, sandbox.URL, desktop)
	p.awaitText(".head .muted", "20,000 traces")
	fetched := func(path string) {
		ms := eval[float64](p, fmt.Sprintf(`(async () => { const start = performance.now(); await (await fetch(%s)).json(); return performance.now() - start })()`, quoted(path)))
		took := time.Duration(ms * float64(time.Millisecond))
		t.Logf("%8s  %s", took.Round(time.Millisecond), path)
		assert.Less(t, took, generousList, path)
	}
	fetched("/api/v1/statements")
	list := getJSON[apm.StatementList](t, sandbox.URL+"/api/v1/statements")
	require.Equal(t, statements, list.Total)
	require.Equal(t, requests*calls, list.Calls)
	for _, path := range []string{
		"/api/v1/statements?last=15m", "/api/v1/statements?service=service-1&sort=p95", "/api/v1/statements?text=bookings_17",
		"/api/v1/statements/" + list.Statements[0].ID, "/api/v1/traces?statement=" + list.Statements[0].ID, "/api/v1/requests", "/api/v1/requests?last=15m&sort=p99",
	} {
		fetched(path)
	}
	for _, view := range []struct{ name, path, drawn string }{
		{"sql", "statements", ".statements tbody tr"},
		{"services", "requests", ".requests tbody tr"},
		{"sql", "statements", ".statements tbody tr"},
		{"services", "requests", ".requests tbody tr"},
	} {
		took := drawn(p, view.name, "/api/v1/"+view.path, view.drawn)
		assert.Less(t, took, generousList, view.name)
		p.goTo("traces")
		p.await(`document.querySelector('.traces tbody tr')`)
	}
}

// drawn clicks the link to a view, and returns the time until the first frame with the
// elements that match. It logs when the request of the view began and was answered.
func drawn(p *page, view, path, selector string) time.Duration {
	p.t.Helper()
	ms := eval[[]float64](p, fmt.Sprintf(`new Promise(resolve => {
		performance.clearResourceTimings()
		const start = performance.now()
		const done = () => {
			const end = performance.now()
			const [entry] = performance.getEntriesByType('resource').filter(e => new URL(e.name).pathname === %s)
			resolve([entry.startTime, entry.responseEnd, end].map(at => at - start))
		}
		new MutationObserver((_, observer) => {
			if (document.querySelector(%s)) {
				observer.disconnect()
				// The frame is drawn before a message that is sent while it is made.
				requestAnimationFrame(() => {
					const channel = new MessageChannel()
					channel.port1.onmessage = done
					channel.port2.postMessage('')
				})
			}
		}).observe(document.querySelector('main'), {childList: true, subtree: true})
		document.querySelector('nav a[href^="#/%s"]').click()
	})`, quoted(path), quoted(selector), view))
	p.t.Logf("%8.0fms  %s, from the click until it is drawn (the request began after %.0f ms and was answered after %.0f ms)", ms[2], view, ms[0], ms[1])
	return time.Duration(ms[2] * float64(time.Millisecond))
}
