// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// picturedTraffic is how long the demo runs before the pictures are taken: the axes and
// rates look like those of a reader who has come back from another window.
const picturedTraffic = 90 * time.Second

// TestPictures takes the pictures of the console in docs/pictures, from the demo.
func TestPictures(t *testing.T) {
	if *picturesFolder == "" {
		t.Skip("it only takes pictures: the other tests look at the views")
	}
	d := startDemo(t, "")
	// Check and External Unknown need a collector that is not set up.
	unprepared := startDemo(t, withoutProcessors)
	b := startBrowser(t)
	time.Sleep(picturedTraffic)

	p := b.open(t, d.sandbox.URL, desktop)
	take := func(name, view, ready string) {
		t.Helper()
		p.goTo(view)
		p.await(ready)
		p.picture(name)
	}
	statement := func(name string, spans []apm.Span, matches func(apm.Span) bool) {
		t.Helper()
		for _, span := range spans {
			if matches(span) {
				take(name, "traces/"+span.TraceID+"?span="+span.SpanID, `document.querySelector('.panel .sql')`)
				return
			}
		}
		require.FailNow(t, "no span for the picture", name)
	}
	spans := d.sandbox.Spans(t)
	booked := map[string]bool{} // traces
	failed := map[string]bool{}
	for _, span := range spans {
		if span.Service == "stayeasy" && span.Attributes["http.status_code"] == float64(http.StatusCreated) {
			booked[span.TraceID] = true
		}
		if span.Status.Code == "ERROR" {
			failed[span.TraceID] = true
		}
	}
	statement("trace", spans, func(span apm.Span) bool {
		text, _ := span.Attributes["db.statement"].(string)
		return booked[span.TraceID] && !failed[span.TraceID] && strings.HasPrefix(text, "INSERT INTO bookings")
	})
	statement("statement", spans, func(span apm.Span) bool {
		return span.Attributes["DbOracleSqlId"] != nil && span.Status.Code == "ERROR"
	})
	take("traces", "traces", `document.querySelector('.histogram canvas') && document.querySelectorAll('.traces tbody tr').length === 100`)
	take("services", "services", `document.querySelectorAll('.requests tbody tr').length > 10`)
	take("sql", "sql", `document.querySelector('.statements .row-link') && document.querySelector('.repeated')`)
	take("topology", "topology", `document.querySelectorAll('.diagram .node').length === 4`)
	take("metrics", "metrics", `document.querySelectorAll('.metric canvas').length === 3`)
	take("logs", "logs", `document.querySelectorAll('.log').length > 20`)

	dark := b.open(t, d.sandbox.URL, viewport{desktopWidth, desktopHeight, true})
	dark.goTo("topology")
	dark.await(`document.querySelectorAll('.diagram .node').length === 4`)
	dark.picture("topology-dark")
	small := b.open(t, d.sandbox.URL, phone)
	small.await(`document.querySelectorAll('.traces tbody tr').length === 100`)
	small.picture("traces-phone")

	p.goTo("deliveries")
	p.click(".switches button", "Unavailable, 503")
	p.awaitText(".uploads .badge.bad", "503")
	p.awaitText(".switches .on", "affected")
	p.picture("deliveries")
	p.click(".switches button", "Unavailable, 503") // the demo can then stop

	p = b.open(t, unprepared.sandbox.URL, desktop)
	take("external-unknown", "topology", `document.querySelectorAll('.unknown article').length > 1`)
	take("check", "check", `document.querySelectorAll('.check.failed').length > 1`)
}
