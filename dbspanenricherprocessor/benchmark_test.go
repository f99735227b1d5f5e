// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// statement500 is an ordinary statement of 500 bytes.
var statement500 = `SELECT r.id, r.name, r.price, h.name AS hotel, h.city, COUNT(b.id) AS bookings
  FROM rooms r JOIN hotels h ON h.id = r.hotel_id LEFT JOIN bookings b ON b.room_id = r.id AND b.checkout > :from_date AND b.checkin < :to_date
 WHERE h.city = :city AND r.price BETWEEN :low AND :high AND r.kind IN ('double', 'suite') AND NOT EXISTS (SELECT 1 FROM closures c WHERE c.hotel_id = h.id
   AND c.day BETWEEN :from_date AND :to_date) GROUP BY r.id, r.name, r.price, h.name, h.city ORDER BY r.price FETCH FIRST 20 ROWS ONLY`

// batchSpans is the number of spans in a batch.
const batchSpans = 200

func newBatch(kind ptrace.SpanKind, attrs map[string]any, text func(int) string) ptrace.Traces {
	td := ptrace.NewTraces()
	scoped := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	scoped.Scope().SetName("opentelemetry.instrumentation.dbapi")
	for i := range batchSpans {
		span := scoped.Spans().AppendEmpty()
		span.SetKind(kind)
		if err := span.Attributes().FromRaw(attrs); err != nil {
			panic(err)
		}
		if text != nil {
			span.Attributes().PutStr("db.statement", text(i))
		}
	}
	return td
}

// The time is for one span, without restoring the input.
func BenchmarkProcess(b *testing.B) {
	oracle := map[string]any{"db.system": "oracle", "db.name": "ORCL", "db.user": "hotel", "server.address": "db1", "server.port": 1521, "thread.id": 7}
	http := map[string]any{
		"http.request.method": "GET", "url.full": "http://shop.example.test/", "server.address": "shop.example.test", "server.port": 443,
		"http.response.status_code": 200, "network.protocol.version": "1.1", "user_agent.original": "curl", "thread.id": 12,
	}
	tests := []struct {
		name     string
		sanitize Sanitize
		cold     bool
		database bool // other spans are not changed
		input    ptrace.Traces
	}{
		{"server", SanitizeNever, false, false, newBatch(ptrace.SpanKindServer, http, nil)},
		{"http client", SanitizeNever, false, false, newBatch(ptrace.SpanKindClient, http, nil)},
		{"warm", SanitizeNever, false, true, newBatch(ptrace.SpanKindClient, oracle, func(i int) string { return statement500 + strings.Repeat(" ", i%20) })},
		{"warm sanitized", SanitizeAlways, false, true, newBatch(ptrace.SpanKindClient, oracle, func(i int) string { return statement500 + strings.Repeat(" ", i%20) })},
		{"cold", SanitizeNever, true, true, newBatch(ptrace.SpanKindClient, oracle, func(i int) string { return fmt.Sprintf("%s -- %d", statement500, i) })},
		{"cold sanitized", SanitizeAlways, true, true, newBatch(ptrace.SpanKindClient, oracle, func(i int) string { return fmt.Sprintf("%s -- %d", statement500, i) })},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.QueryText.Sanitize = tt.sanitize
			e := newTestEnricher(b, cfg)
			td := ptrace.NewTraces()
			tt.input.CopyTo(td)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += batchSpans {
				if !tt.database {
					_, err := e.processTraces(b.Context(), td)
					require.NoError(b, err)
					continue
				}
				b.StopTimer()
				tt.input.CopyTo(td)
				if tt.cold {
					e = newTestEnricher(b, cfg)
				}
				b.StartTimer()
				_, err := e.processTraces(b.Context(), td)
				require.NoError(b, err)
			}
		})
	}
}
