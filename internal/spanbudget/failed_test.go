// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudget

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestFailed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(ptrace.Span)
		failed bool
	}{
		"plain":                 {change: func(ptrace.Span) {}},
		"ok":                    {change: func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeOk) }},
		"error":                 {change: func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) }, failed: true},
		"event":                 {change: func(s ptrace.Span) { s.Events().AppendEmpty().SetName("retry") }},
		"exception":             {change: func(s ptrace.Span) { s.Events().AppendEmpty().SetName("exception") }, failed: true},
		"status 503":            {change: func(s ptrace.Span) { s.Attributes().PutInt("http.response.status_code", 503) }, failed: true},
		"status 500, old name":  {change: func(s ptrace.Span) { s.Attributes().PutInt("http.status_code", 500) }, failed: true},
		"status 404":            {change: func(s ptrace.Span) { s.Attributes().PutInt("http.response.status_code", 404) }},
		"status as text":        {change: func(s ptrace.Span) { s.Attributes().PutStr("http.response.status_code", "503") }},
		"name of the same size": {change: func(s ptrace.Span) { s.Attributes().PutInt("http.status_text", 503) }},
		"status on an INTERNAL": {change: func(s ptrace.Span) {
			s.SetKind(ptrace.SpanKindInternal)
			s.Attributes().PutInt("http.status_code", 500)
		}},
		"status of a call (CLI)": {change: func(s ptrace.Span) { s.SetKind(ptrace.SpanKindClient); s.Attributes().PutInt("http.status_code", 502) }, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			span := ptrace.NewSpan()
			span.SetKind(ptrace.SpanKindServer)
			test.change(span)
			assert.Equal(t, test.failed, Failed(span))
		})
	}
}
