// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build delivery

package delivery

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// signInPage is the page that a proxy or a gateway returns in place of APM's response.
const signInPage = "<html><body>Sign in to continue</body></html>"

// answerScenarios are the rows in which every upload gets the same error response
// although the data is valid: with a backlog in the queue, and then for a while longer.
func answerScenarios() []scenario {
	answers := []struct {
		name  string
		fault apm.Fault
		says  string
	}{
		{"404", apm.Fault{Status: http.StatusNotFound}, "404 Not Found"},
		{"405", apm.Fault{Status: http.StatusMethodNotAllowed}, "405 Method Not Allowed"},
		{"410", apm.Fault{Status: http.StatusGone}, "410 Gone"},
		{"413 for everything", apm.Fault{Status: http.StatusRequestEntityTooLarge}, "an empty upload to .* is answered with 413"},
		{"400 for everything", apm.Fault{Status: http.StatusBadRequest}, "an empty upload to .* is answered with 400"},
		{"200 with a page", apm.Fault{Page: signInPage}, "which is not OCI APM's"},
	}
	var list []scenario
	for _, answer := range answers {
		list = append(list, scenario{
			name: "a backlog, then " + answer.name, during: backlogThen(answer.fault), says: answer.says,
			load: loadOptions{apps: 8, spans: 50, pause: 100 * time.Millisecond},
		})
	}
	list = append(list, scenario{
		name: "max_size, three outages", during: bursts(func() apm.Fault { return apm.Fault{Status: http.StatusServiceUnavailable} }),
		load: loadOptions{apps: 8, spans: 37, pause: 20 * time.Millisecond},
		overrides: [2]string{
			"exporters: {oci_apm: {sending_queue: {batch: {sizer: items, min_size: 200, max_size: 250}}}}",
			"exporters: {otlp_http: {sending_queue: {batch: {sizer: items, min_size: 200, max_size: 250}}}}",
		},
	})
	return list
}

// backlogThen fills the queue while APM answers 503, and then makes APM answer with a
// fault.
func backlogThen(fault apm.Fault) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		backlog := pick(5_000, 100_000)
		r.sandbox.AddFault(t, apm.Fault{Status: http.StatusServiceUnavailable})
		require.Eventually(t, func() bool { return r.load.Accepted() >= backlog }, 10*time.Minute, pollInterval)
		r.sandbox.ClearFaults(t)
		r.fault(t, fault, pick(12*time.Second, time.Minute))
	}
}
