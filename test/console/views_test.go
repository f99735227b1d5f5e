// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLook(t *testing.T) {
	w := startWorld(t, "")
	b := startBrowser(t)
	w.traffic(t, 3)
	p := b.open(t, w.sandbox.URL, desktop)
	p.await(`document.querySelectorAll('.traces tbody tr').length > 20`)
	p.picture("traces")
	booking := ""
	for _, summary := range w.sandbox.TracesOf(t, "stayeasy") {
		if summary.Spans == 9+2 || summary.Spans >= 9 {
			for _, s := range w.sandbox.Trace(t, summary.TraceID).Spans {
				if s.Name == "POST /api/bookings" {
					booking = summary.TraceID
				}
			}
		}
	}
	require.NotEmpty(t, booking)
	p.goTo("traces/" + booking)
	p.await(`document.querySelectorAll('.waterfall .row').length > 6`)
	p.picture("trace0")
	p.click(".row", "INSERT INTO bookings")
	p.await(`document.querySelector('.panel .sql')`)
	p.picture("trace")
	for _, v := range []string{"topology", "check", "metrics", "logs", "deliveries"} {
		p.goTo(v)
		p.await(`document.querySelector('main .card')`)
		p.picture(v)
	}
	q := b.open(t, w.sandbox.URL, viewport{desktopWidth, desktopHeight, true})
	for _, v := range []string{"traces", "topology", "check", "metrics", "logs", "deliveries", "traces/" + booking} {
		q.goTo(v)
		q.await(`document.querySelector('main .card')`)
		q.picture("dark-" + v[:4])
	}
	r := b.open(t, w.sandbox.URL, phone)
	for _, v := range []string{"traces", "topology", "check", "metrics", "logs", "deliveries", "traces/" + booking} {
		r.goTo(v)
		r.await(`document.querySelector('main .card')`)
		r.picture("phone-" + v[:4])
	}
}
