// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor/pkg/samplingpolicy"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension/internal/metadata"
)

// BenchmarkPolicy decides on traces of 12 spans with ten attributes. An operation is a
// span.
func BenchmarkPolicy(b *testing.B) {
	const spans = 12
	for _, state := range []string{"", "ot=th:8"} {
		b.Run(fmt.Sprintf("tracestate=%q", state), func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.Units = 1
			created, err := newBudget(extension.Settings{ID: component.NewID(metadata.Type), TelemetrySettings: componenttest.NewNopTelemetrySettings()}, cfg)
			require.NoError(b, err)
			td := ptrace.NewTraces()
			resource := td.ResourceSpans().AppendEmpty()
			resource.Resource().Attributes().PutStr("service.name", "shop")
			list := resource.ScopeSpans().AppendEmpty().Spans()
			for n := range spans {
				span := list.AppendEmpty()
				span.SetName("GET /hotels")
				span.SetKind(ptrace.SpanKindServer)
				span.SetParentSpanID(pcommon.SpanID{byte(n)})
				span.TraceState().FromRaw(state)
				for attribute := range 10 {
					span.Attributes().PutInt(fmt.Sprintf("attribute.number.%d", attribute), 1)
				}
			}
			trace := &samplingpolicy.TraceData{SpanCount: spans, ReceivedBatches: td}
			b.ReportAllocs()
			number := uint64(0)
			for n := 0; b.Loop(); n++ {
				if n%spans != 0 {
					continue
				}
				number++
				var id pcommon.TraceID
				binary.BigEndian.PutUint64(id[8:], number*0x9E3779B97F4A7C15)
				for _, span := range list.All() {
					span.SetTraceID(id)
				}
				if _, err := created.Evaluate(b.Context(), id, trace); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
