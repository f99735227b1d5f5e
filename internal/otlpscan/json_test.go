// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

func scanJSON(limit int, body string) Verdict {
	s := NewJSONScanner(Limits{Depth: limit})
	return s.Scan([]byte(body))
}

// A request within the limit in protobuf is also accepted in JSON, wherever the
// value is.
func TestJSONAllowsTheLimit(t *testing.T) {
	for _, limit := range []int{1, 2, 64, MaxDepth} {
		md := pmetric.NewMetrics()
		point := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
		value := point.Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("deep")
		for range limit {
			value = value.SetEmptyMap().PutEmpty("next")
		}
		body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, Fine, scanJSON(limit, string(body)))

		outer := value
		for range 4 {
			outer = outer.SetEmptySlice().AppendEmpty()
		}
		outer.SetEmptySlice()
		body, err = pmetricotlp.NewExportRequestFromMetrics(md).MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, TooDeep, scanJSON(limit, string(body)))
	}
}

func TestJSONScanner(t *testing.T) {
	const limit = 16 + 4*2
	tests := []struct {
		name string
		body string
		want Verdict
	}{
		{"empty", "", Fine},
		{"at the limit", strings.Repeat("[", limit), Fine},
		{"over the limit", strings.Repeat("{", limit+1), TooDeep},
		{"one after the other", `{"a":[` + strings.Repeat("[{}],", 1000), Fine},
		{"in a string", `{"a":"` + strings.Repeat("[", 1000) + `"}`, Fine},
		{"after an escaped quote", `{"a":"\"` + strings.Repeat("[", 1000) + `"}`, Fine},
		{"after an escaped backslash", `{"a":"\\"` + strings.Repeat("[", 1000), TooDeep},
		{"after escapes", `{"a":"\\\"\u005b` + strings.Repeat("[", 1000), Fine},
		{"after a string", `{"a":"` + strings.Repeat("]", 1000) + `"` + strings.Repeat("[", limit), TooDeep},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, scanJSON(2, tt.body))
			pieces := NewJSONScanner(Limits{Depth: 2})
			got := Fine
			for i := range tt.body {
				got = pieces.Scan([]byte(tt.body[i : i+1]))
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func BenchmarkJSONScanner(b *testing.B) {
	body := []byte(`{"resourceSpans":[` + strings.Repeat(`{"scopeSpans":[{"spans":[{"name":"GET /","attributes":[{"key":"http.method","value":{"stringValue":"GET"}}]}]}]},`, 1000) + `{}]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		s := NewJSONScanner(Limits{Depth: 64})
		if s.Scan(body) != Fine {
			b.Fatal("refused")
		}
	}
}
