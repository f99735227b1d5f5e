// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestHostileSpansInJSON(t *testing.T) {
	s := start(t)
	td := tracesOf(t, spanSpec{trace: 1, id: 1, name: "</script><script>alert(1)</script>\x00\u2028", service: "\xff\xfe"})
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.SetStartTimestamp(math.MaxUint64)
	span.SetEndTimestamp(0)
	span.SetKind(99)
	span.Status().SetCode(77)
	span.Attributes().PutDouble("nan", math.NaN())
	span.Attributes().PutDouble("inf", math.Inf(1))
	span.Attributes().PutDouble("minus_inf", math.Inf(-1))
	span.Attributes().PutInt("min", math.MinInt64)
	span.Attributes().PutStr("", "no name")
	span.Attributes().PutStr("__proto__", "x")
	span.Attributes().PutStr("bad \xc3\x28 utf8", "\xf0\x28\x8c\x28")
	deep := span.Attributes().PutEmptySlice("deep")
	for range maxValueDepth - 1 {
		deep = deep.AppendEmpty().SetEmptySlice()
	}
	value := span.Attributes().PutEmptyMap("deep_map")
	for range 60 {
		value = value.PutEmptyMap("k")
	}
	require.Equal(t, 200, s.uploadTraces(td).status)

	a := s.do(http.MethodGet, "/api/v1/traces/"+traceID(1).String(), nil, nil)
	require.Equal(t, 200, a.status)
	assert.NotContains(t, string(a.body), "<script>")
	assert.NotContains(t, string(a.body), "\u2028")
	var trace Trace
	require.NoError(t, json.Unmarshal(a.body, &trace))
	got := trace.Spans[0]
	assert.Equal(t, "</script><script>alert(1)</script>\x00\u2028", got.Name)
	assert.Equal(t, "\uFFFD\uFFFD", got.Service)
	assert.Equal(t, "UNSPECIFIED", got.Kind)
	assert.Equal(t, "UNSET", got.Status.Code)
	assert.Equal(t, 2262, got.StartTime.Year())
	assert.Zero(t, got.DurationNS)
	assert.Equal(t, "NaN", got.Attributes["nan"])
	assert.Equal(t, "Infinity", got.Attributes["inf"])
	assert.Equal(t, "-Infinity", got.Attributes["minus_inf"])
	assert.Equal(t, "no name", got.Attributes[""])
	assert.Contains(t, string(a.body), `"min":-9223372036854775808`)
	depth := 0
	for list, ok := got.Attributes["deep"].([]any); ok; list, ok = list[0].([]any) {
		depth++
	}
	assert.Equal(t, maxRenderDepth, depth)

	assert.Equal(t, 200, s.do(http.MethodGet, "/api/v1/traces", nil, nil).status)
	assert.Equal(t, 200, s.do(http.MethodGet, "/api/v1/topology", nil, nil).status)
	assert.Equal(t, 200, s.do(http.MethodGet, "/api/v1/counts", nil, nil).status)
}

func TestRenderValueOfEveryType(t *testing.T) {
	value := pcommon.NewValueEmpty()
	assert.Nil(t, renderValue(value, 0))
	value.SetBool(false)
	assert.Equal(t, false, renderValue(value, 0))
	value.SetDouble(2)
	assert.Equal(t, "2", fmt.Sprint(renderValue(value, 0)))
}

func TestWordsForKindsAndStatuses(t *testing.T) {
	for kind, want := range map[ptrace.SpanKind]string{
		ptrace.SpanKindUnspecified: "UNSPECIFIED", ptrace.SpanKindInternal: "INTERNAL", ptrace.SpanKindServer: "SERVER",
		ptrace.SpanKindClient: "CLIENT", ptrace.SpanKindProducer: "PRODUCER", ptrace.SpanKindConsumer: "CONSUMER", 99: "UNSPECIFIED",
	} {
		assert.Equal(t, want, kindOf(kind))
	}
	for code, want := range map[ptrace.StatusCode]string{
		ptrace.StatusCodeUnset: "UNSET", ptrace.StatusCodeOk: "OK", ptrace.StatusCodeError: "ERROR", 99: "UNSET",
	} {
		assert.Equal(t, want, statusOf(code))
	}
}

func TestTimeOfLog(t *testing.T) {
	stored := storedLog{received: time.Unix(3, 0).UTC(), resource: pcommon.NewResource(), record: plog.NewLogRecord()}
	assert.Equal(t, time.Unix(3, 0).UTC(), renderLog(stored).Time)
	stored.record.SetObservedTimestamp(2)
	assert.Equal(t, time.Unix(0, 2).UTC(), renderLog(stored).Time)
	stored.record.SetTimestamp(1)
	assert.Equal(t, time.Unix(0, 1).UTC(), renderLog(stored).Time)
}
