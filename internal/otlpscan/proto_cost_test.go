// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// A megabyte takes milliseconds, whatever it contains: anything worse than
// linear time would take minutes.
func TestHostileBodiesTakeLinearTime(t *testing.T) {
	bodies := map[string]func(n int) []byte{
		"nested":         func(n int) []byte { return at(arrays(n/8), 1, 2, 2, 9, 2) },
		"empty messages": func(n int) []byte { return at(bytes.Repeat([]byte{0x12, 0x00}, n/2), 1, 2) },
		"up and down":    func(n int) []byte { return at(bytes.Repeat(at(arrays(60), 9, 2), n/300), 1, 2, 2) },
		"groups":         func(n int) []byte { return at(bytes.Repeat([]byte{0x7b}, n), 1, 2, 2) },
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			b := body(1 << 20)
			began := time.Now()
			scan(Traces, 64, b)
			assert.Less(t, time.Since(began), time.Second)
		})
	}
}

func typicalTraces(spans int) []byte {
	td := ptrace.NewTraces()
	scope := td.ResourceSpans().AppendEmpty()
	for i := range 8 {
		scope.Resource().Attributes().PutStr(fmt.Sprintf("resource.attribute.%d", i), "some value of it")
	}
	all := scope.ScopeSpans().AppendEmpty().Spans()
	for i := range spans {
		span := all.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 15: byte(i)})
		span.SetSpanID(pcommon.SpanID{1, 7: byte(i)})
		span.SetName("SELECT orders")
		span.SetKind(ptrace.SpanKindClient)
		span.SetStartTimestamp(1_700_000_000_000_000_000)
		span.SetEndTimestamp(1_700_000_000_001_000_000)
		for j := range 9 {
			span.Attributes().PutStr(fmt.Sprintf("attribute.number.%d", j), "some value of it")
		}
		span.Attributes().PutStr("db.query.text", "SELECT id, customer, total FROM orders WHERE customer = $1 ORDER BY id")
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

func TestScanTakesNoMemory(t *testing.T) {
	body := typicalTraces(100)
	assert.Zero(t, testing.AllocsPerRun(10, func() { scan(Traces, 64, body) }))
}

func BenchmarkProtoScanner(b *testing.B) {
	body := typicalTraces(100)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if scan(Traces, 64, body) != Fine {
			b.Fatal("refused")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
}
