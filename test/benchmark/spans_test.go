// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package benchmark

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// statement has 500 bytes after %09d is replaced by a number.
const statement = `SELECT b.id, b.guest_name, b.check_in, b.check_out, r.room_type, h.name, h.city
  FROM bookings b
  JOIN rooms r ON r.id = b.room_id
  JOIN hotels h ON h.id = r.hotel_id
  LEFT JOIN payments p ON p.booking_id = b.id AND p.status <> 'VOID'
 WHERE h.city = 'Lisbon' AND b.check_in >= DATE '2026-07-01' AND b.check_out < DATE '2026-07-15'
   AND r.room_type IN ('SINGLE', 'DOUBLE', 'SUITE') AND b.total_price BETWEEN 100.00 AND 2500.50
   AND b.guest_id = %09d
 ORDER BY b.check_in, h.name LIMIT 50`

// batchSpans is the number of spans in a batch.
const batchSpans = 100

// mix describes the spans of a batch.
type mix struct {
	name string
	// databases is how many of the spans are database calls; the others are HTTP
	// requests.
	databases int
	// statements is the number of different statements of the database spans. 0 means a
	// new one for each span in every batch.
	statements int
	system     string
	turns      []string // the systems of the spans in turn, instead of system
}

var mixes = []mix{
	{name: "other", databases: 0, statements: 1, system: "postgresql"},
	{name: "warm", databases: batchSpans, statements: 20, system: "postgresql"},
	{name: "warm-five", databases: batchSpans, statements: 20, turns: []string{"oracle", "postgresql", "mysql", "mssql", "db2"}},
	{name: "cold", databases: batchSpans, statements: 0, system: "postgresql"},
	{name: "half", databases: batchSpans / 2, statements: 20, system: "postgresql"},
	{name: "warm-oracle", databases: batchSpans, statements: 20, system: "oracle"},
	{name: "cold-oracle", databases: batchSpans, statements: 0, system: "oracle"},
}

// batch creates spans as instrumentations with the old conventions send them. The number
// makes a batch's new statements different from another's.
func (m *mix) batch(number int) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "stayeasy")
	resource.Resource().Attributes().PutStr("telemetry.sdk.language", "python")
	scoped := resource.ScopeSpans().AppendEmpty()
	scoped.Scope().SetName("opentelemetry.instrumentation.dbapi")
	for i := range batchSpans {
		span := scoped.Spans().AppendEmpty()
		span.SetKind(ptrace.SpanKindClient)
		attrs := span.Attributes()
		// If half of them are database calls, every other span is one.
		if i%2*batchSpans/2+i/2 < m.databases {
			span.SetName("SELECT")
			n := number*batchSpans + i
			if m.statements > 0 {
				n = i * m.databases / batchSpans % m.statements
			}
			system := m.system
			if m.turns != nil {
				system = m.turns[i%len(m.turns)]
			}
			database(attrs, system, fmt.Sprintf(statement, n))
			continue
		}
		span.SetName("GET")
		request(attrs)
	}
	return td
}

func database(attrs pcommon.Map, system, text string) {
	attrs.EnsureCapacity(7)
	attrs.PutStr("db.system", system)
	attrs.PutStr("db.name", "hotel")
	attrs.PutStr("db.user", "stayeasy")
	attrs.PutStr("db.statement", text)
	attrs.PutStr("net.peer.name", "db.example.test")
	attrs.PutInt("net.peer.port", 5432)
	attrs.PutInt("thread.id", 7)
}

func request(attrs pcommon.Map) {
	attrs.EnsureCapacity(8)
	attrs.PutStr("http.request.method", "GET")
	attrs.PutStr("url.full", "http://shop.example.test/")
	attrs.PutStr("server.address", "shop.example.test")
	attrs.PutInt("server.port", 443)
	attrs.PutInt("http.response.status_code", 200)
	attrs.PutStr("network.protocol.version", "1.1")
	attrs.PutStr("user_agent.original", "curl")
	attrs.PutInt("thread.id", 7)
}

// secrets are the literals of the statement.
func secrets() []string {
	var found []string
	for i, text := range strings.Split(statement, "'") {
		if i%2 == 1 {
			found = append(found, text)
		}
	}
	return append(found, "100.00", "2500.50", "000000000")
}
