// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudget // import "github.com/ociapm/otelcol-ociapm/internal/spanbudget"

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// exceptionEvent is the name of an event that records an exception.
const exceptionEvent = "exception"

// The attributes with the status code of an HTTP response, of the current semantic
// conventions and of those before 1.23.
const (
	httpStatus    = "http.response.status_code"
	httpStatusOld = "http.status_code"
)

// Failed reports whether a span has failed: its status is ERROR, it recorded an
// exception, or it was answered with an HTTP status of 500 or more.
func Failed(span ptrace.Span) bool {
	if span.Status().Code() == ptrace.StatusCodeError {
		return true
	}
	if span.Events().Len() > 0 {
		for _, event := range span.Events().All() {
			if event.Name() == exceptionEvent {
				return true
			}
		}
	}
	if kind := span.Kind(); kind != ptrace.SpanKindServer && kind != ptrace.SpanKindClient {
		return false
	}
	for key, value := range span.Attributes().All() {
		if len(key) != len(httpStatus) && len(key) != len(httpStatusOld) {
			continue
		}
		if key == httpStatus || key == httpStatusOld {
			return value.Type() == pcommon.ValueTypeInt && value.Int() >= 500
		}
	}
	return false
}
